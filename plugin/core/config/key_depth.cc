#include "core/config/key_depth.h"

#include <algorithm>

namespace mailpool {
namespace {

// Reads strings and comments over, so that only dots between the parts of keys and within numbers
// are counted.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::optional<unsigned> line_of_too_deep_key(std::size_t most) {
    std::size_t parts = 1;
    while (at_ < text_.size()) {
      char const c = text_[at_];
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        continue;
      }
      if (c == '.' && ++parts > most) return line_;
      if (std::string_view("\n=[]{},").find(c) != std::string_view::npos) parts = 1;
      if (c == '\n') ++line_;
      ++at_;
    }
    return std::nullopt;
  }

 private:
  void skip_string(char quote) {
    bool const is_long = count_quotes(quote, 3) == 3;
    at_ += is_long ? 3 : 1;
    for (; at_ < text_.size(); ++at_) {
      char const c = text_[at_];
      if (c == '\n') {
        if (!is_long) return;  // a string of one line that does not end: no parser goes on
        ++line_;
      }
      if (c == '\\' && quote == '"') {
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++line_;
        ++at_;
        continue;
      }
      if (c != quote) continue;
      if (!is_long) {
        ++at_;
        return;
      }
      // Up to two quotes may stand before the three that end it.
      if (auto const n = count_quotes(quote, 5); n >= 3) {
        at_ += n;
        return;
      }
    }
  }

  [[nodiscard]] std::size_t count_quotes(char quote, std::size_t most) const {
    std::size_t n = 0;
    while (n < most && at_ + n < text_.size() && text_[at_ + n] == quote) ++n;
    return n;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
};

}  // namespace

std::optional<unsigned> line_of_too_deep_key(std::string_view text, std::size_t most) {
  return Scan(text).line_of_too_deep_key(most);
}

}  // namespace mailpool
