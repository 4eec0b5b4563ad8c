#pragma once
// MD5 (RFC 1321), for CRAM-MD5 alone: nothing else may rest on it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/hash_blocks.h"

namespace mailpool::sasl {

class Md5 {
 public:
  static constexpr std::size_t block_size = HashBlocks::size;
  using Digest = std::array<std::uint8_t, 16>;

  Md5() = default;
  Md5(Md5 const&) = default;
  Md5& operator=(Md5 const&) = default;
  ~Md5();

  void add(std::string_view data);
  /// Of all that was added; add() must not follow.
  [[nodiscard]] Digest finish();

 private:
  std::array<std::uint32_t, 4> hash_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  HashBlocks blocks_;
};

}  // namespace mailpool::sasl
