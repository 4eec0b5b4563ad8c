#pragma once
// SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), as core has no OpenSSL.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/hash_blocks.h"

namespace mailpool {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// Takes the data piece by piece. A copy goes on from where its original was: a prefix is hashed
/// once, however often it is continued.
class Sha256 {
 public:
  static constexpr std::size_t block_size = HashBlocks::size;
  using Digest = Sha256Digest;

  Sha256() = default;
  Sha256(Sha256 const&) = default;
  Sha256& operator=(Sha256 const&) = default;
  ~Sha256();  ///< zeroes itself: what it was fed may have been a key

  void add(std::string_view data);
  /// Of all that was added; add() must not follow.
  [[nodiscard]] Digest finish();

 private:
  std::array<std::uint32_t, 8> hash_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  HashBlocks blocks_;
};

[[nodiscard]] Sha256Digest sha256(std::string_view data);
/// The first `digits` hexadecimal digits (at most 64) of it.
[[nodiscard]] std::string sha256_hex(std::string_view data, std::size_t digits);

/// For more than one message under a key, or another hash: hmac.h.
[[nodiscard]] Sha256Digest hmac_sha256(std::string_view key, std::string_view data);

/// Whether two texts are equal, in a time that depends on their sizes alone: for what an attacker
/// may guess at octet by octet.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

/// A digest's octets as text, for comparing, hashing again and encoding.
[[nodiscard]] inline std::string_view octets_of(Sha256Digest const& digest) {
  return {reinterpret_cast<char const*>(digest.data()), digest.size()};
}

}  // namespace mailpool
