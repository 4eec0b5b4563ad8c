#pragma once
// HMAC over any hash with add(), finish(), Digest and block_size (RFC 2104).

#include <array>
#include <string_view>

#include "core/base/secret.h"

namespace mailpool {

/// Keyed once, used as often as needed: the key's part of the work is not done again.
template <class Hash>
class Hmac {
 public:
  explicit Hmac(std::string_view key) {
    std::array<char, Hash::block_size> block{};
    if (key.size() > block.size()) {
      Hash hash;
      hash.add(key);
      auto digest = hash.finish();
      for (std::size_t i = 0; i < digest.size(); ++i) block[i] = static_cast<char>(digest[i]);
      wipe(digest.data(), digest.size());
    } else {
      key.copy(block.data(), block.size());
    }
    for (auto& c : block) c = static_cast<char>(c ^ 0x36);
    inner_.add({block.data(), block.size()});
    for (auto& c : block) c = static_cast<char>(c ^ 0x36 ^ 0x5c);
    outer_.add({block.data(), block.size()});
    wipe(block.data(), block.size());
  }

  [[nodiscard]] typename Hash::Digest of(std::string_view data) const {
    auto inner = inner_;
    inner.add(data);
    auto const digest = inner.finish();
    auto outer = outer_;
    outer.add({reinterpret_cast<char const*>(digest.data()), digest.size()});
    return outer.finish();
  }

 private:
  Hash inner_;
  Hash outer_;
};

}  // namespace mailpool
