#pragma once
// Where unguessable tags and keys come from.

#include <cstdint>
#include <span>
#include <string>

namespace mailpool::imap {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::uint8_t> octets) = 0;

  /// 64 bits in base 32: what no client can guess.
  [[nodiscard]] std::string tag() {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::uint8_t octets[13];
    fill(octets);
    std::string text = "P";
    for (auto octet : octets) text += digits[octet & 31U];
    return text;
  }
};

}  // namespace mailpool::imap
