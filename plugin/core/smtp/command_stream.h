#pragma once
// The commands on their way to the server, and how far they have got.

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/secret.h"

namespace mailpool::smtp {

class CommandStream {
 public:
  CommandStream() = default;
  CommandStream(CommandStream const&) = delete;
  CommandStream& operator=(CommandStream const&) = delete;
  ~CommandStream() {
    if (is_secret_) wipe(text_);
  }

  /// Where commands are appended, see wire::append_command().
  [[nodiscard]] std::string& text() { return text_; }
  /// A line that no copy may be left of once it is sent.
  void append_secret(std::string_view before, std::string_view line) {
    // Room first: a string that grows leaves copies behind.
    text_.reserve(text_.size() + before.size() + line.size() + 2);
    text_.append(before).append(line).append("\r\n");
    is_secret_ = true;
  }
  [[nodiscard]] std::string_view unsent() const { return std::string_view(text_).substr(offset_); }
  /// Where the stream ends now, counted over the life of the connection.
  [[nodiscard]] std::uint64_t end() const { return cleared_ + text_.size(); }
  /// The octets before `position` may have reached the server.
  [[nodiscard]] bool has_reached(std::uint64_t position) const { return position <= reached_; }

  void taken(std::size_t n) {
    offset_ += n;
    assert(offset_ <= text_.size() && "only what was offered can be taken");
    reached_ = std::max(reached_, cleared_ + offset_);
    if (offset_ == text_.size()) clear();
  }
  /// All of it was handed to a layer that cannot tell what left.
  void offered() { reached_ = end(); }

 private:
  // What an idle connection may keep of the memory that a long list of recipients took.
  static constexpr std::size_t idle_capacity = 4096;

  void clear() {
    cleared_ += offset_;
    offset_ = 0;
    if (is_secret_) wipe(text_);
    is_secret_ = false;
    text_.clear();
    if (text_.capacity() > idle_capacity) text_.shrink_to_fit();
  }

  std::string text_;
  std::size_t offset_ = 0;     // of text_, up to where it was taken
  std::uint64_t cleared_ = 0;  // octets that stood in text_ before
  std::uint64_t reached_ = 0;
  bool is_secret_ = false;  // text_ holds a piece of a login
};

}  // namespace mailpool::smtp
