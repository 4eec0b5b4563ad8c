#pragma once
// Octets on their way out, and how far they have got.

#include <cassert>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/secret.h"

namespace mailpool::imap {

class Outbox {
 public:
  Outbox() = default;
  Outbox(Outbox const&) = delete;
  Outbox& operator=(Outbox const&) = delete;
  ~Outbox() { wipe(text_); }  // it may have carried a password

  void add(std::string_view octets) { text_ += octets; }
  [[nodiscard]] std::string_view unsent() const { return std::string_view(text_).substr(sent_); }
  [[nodiscard]] bool is_empty() const { return sent_ == text_.size(); }
  /// Above it, whoever fills this box waits until it is emptied.
  [[nodiscard]] bool is_full() const { return text_.size() - sent_ >= full; }

  void taken(std::size_t n) {
    sent_ += n;
    assert(sent_ <= text_.size() && "only what was offered can be taken");
    if (sent_ == text_.size()) {
      clear();
    } else if (sent_ >= full) {
      text_.erase(0, sent_);
      sent_ = 0;
    }
  }
  /// Nothing of it stays in memory.
  void clear() {
    if (has_secret_) wipe(text_);
    has_secret_ = false;
    text_.clear();
    if (text_.capacity() > kept) text_.shrink_to_fit();
    sent_ = 0;
  }
  void note_secret() { has_secret_ = true; }

  static constexpr std::size_t full = 256U << 10U;

 private:
  static constexpr std::size_t kept = 16U << 10U;
  std::string text_;
  std::size_t sent_ = 0;
  bool has_secret_ = false;
};

}  // namespace mailpool::imap
