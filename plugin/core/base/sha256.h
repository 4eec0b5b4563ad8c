#pragma once
// SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), as core has no OpenSSL.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailpool {

using Sha256Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256Digest sha256(std::string_view data);
/// The first `digits` hexadecimal digits (at most 64) of it.
[[nodiscard]] std::string sha256_hex(std::string_view data, std::size_t digits);

[[nodiscard]] Sha256Digest hmac_sha256(std::string_view key, std::string_view data);

/// Whether two texts are equal, in a time that depends on their sizes alone: for what an attacker
/// may guess at octet by octet.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

/// A digest's octets as text, for comparing, hashing again and encoding.
[[nodiscard]] inline std::string_view octets_of(Sha256Digest const& digest) {
  return {reinterpret_cast<char const*>(digest.data()), digest.size()};
}

}  // namespace mailpool
