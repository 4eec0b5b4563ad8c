#include "core/base/secret.h"

#include <cstring>
#include <utility>

#include "core/base/sha256.h"

namespace mailpool {

void wipe(void* memory, std::size_t octets) {
  if (octets != 0) explicit_bzero(memory, octets);  // an empty one may have no address
}

void wipe(std::string& text) {
  text.resize(text.capacity());
  wipe(text.data(), text.size());
  text.clear();
}

Secret::Secret(std::string_view text)
    : text_(text.empty() ? nullptr : std::make_unique<char[]>(text.size())), size_(text.size()) {
  text.copy(text_.get(), size_);
}

Secret Secret::from(std::string&& text) {
  Secret secret(text);
  wipe(text);
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : text_(std::move(other.text_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  clear();
  text_ = std::move(other.text_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Secret::clear() {
  if (text_) wipe(text_.get(), size_);
  text_.reset();
  size_ = 0;
}

bool Secret::is(std::string_view other) const {
  return equal_in_constant_time(reveal(), other);
}

}  // namespace mailpool
