#pragma once
// What MD5 (RFC 1321) and SHA-256 (FIPS 180-4) share: the data is cut into blocks of 64 octets, and
// the last one is padded and ends with the number of bits.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/secret.h"

namespace mailpool {

class HashBlocks {
 public:
  static constexpr std::size_t size = 64;

  HashBlocks() = default;
  HashBlocks(HashBlocks const&) = default;
  HashBlocks& operator=(HashBlocks const&) = default;
  ~HashBlocks() { wipe(block_.data(), sizeof block_); }  ///< what was fed may have been a key

  /// Calls compress(block) for each block that is full; one that lies in the data is not copied.
  template <class Compress>
  void add(std::string_view data, Compress const& compress) {
    while (!data.empty()) {
      auto const filled = static_cast<std::size_t>(octets_ % size);
      auto const n = std::min(size - filled, data.size());
      if (n == size) {
        compress(data.substr(0, n));
      } else {
        data.copy(block_.data() + filled, n);
        if (filled + n == size) compress(std::string_view(block_.data(), size));
      }
      octets_ += n;
      data.remove_prefix(n);
    }
  }

  /// The padding, with the number of bits in this order of octets; add() must not follow.
  template <class Compress>
  void finish(std::endian order, Compress const& compress) {
    auto const bits = octets_ * 8;
    add("\x80", compress);
    while (octets_ % size != size - sizeof bits) add({"", 1}, compress);
    std::array<char, sizeof bits> length{};
    for (unsigned i = 0; i < length.size(); ++i)
      length[order == std::endian::little ? i : length.size() - 1 - i] =
          static_cast<char>(bits >> (8 * i) & 0xffU);
    add({length.data(), length.size()}, compress);
  }

 private:
  std::array<char, size> block_{};
  std::uint64_t octets_ = 0;
};

}  // namespace mailpool
