#pragma once
// SMTP replies from octets in any chunking (RFC 5321 4.2, RFC 2034).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/message/outcome.h"

namespace mailpool::wire {

/// One complete reply. Its text is the server's, raw: whoever shows it uses printable().
struct Reply {
  std::uint16_t code = 0;  ///< 200..599
  EnhancedCode
      enhanced;  ///< of the first line; class 0 where none was given or its class is not the code's
  std::string lines;  ///< texts of all lines, '\n' between them, without the codes
  std::size_t line_count = 0;

  [[nodiscard]] bool is(unsigned klass) const { return code / 100U == klass; }
  [[nodiscard]] std::string text() const;       ///< one line: blanks instead of line ends
  [[nodiscard]] std::string to_string() const;  ///< printable, "250 2.0.0 OK"
};

// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
//
// A bare LF ends a line too, as Postfix's client takes it: every reply is counted, so nothing can
// be smuggled by it. A CR that does not stand before LF, NUL and other controls are text.

/// Bounded: a line of at most 2048 octets, a reply of at most 16 KiB and 128 lines. What is not a
/// reply breaks it for ever.
class ReplyParser {
 public:
  static constexpr std::size_t longest_line = 2048;
  static constexpr std::size_t longest_reply = 16384;
  static constexpr std::size_t most_lines = 128;

  enum class Progress : std::uint8_t {
    NeedsMore,  ///< all octets were taken, the reply is not complete
    Complete,   ///< reply() is there; octets behind it were not taken
    Broken,     ///< fault() says why
  };

  /// Takes octets from the front of `octets`, at most up to the end of one reply.
  [[nodiscard]] Progress feed(std::string_view& octets);
  /// After Complete, until the next feed(). May be swapped away, so that its memory is used again.
  [[nodiscard]] Reply& reply() { return reply_; }
  [[nodiscard]] std::string const& fault() const { return fault_; }
  /// No octet of an incomplete reply was taken.
  [[nodiscard]] bool is_between_replies() const {
    return line_.empty() && (is_complete_ || reply_.line_count == 0);
  }

 private:
  [[nodiscard]] Progress take_line(std::string_view line);
  void take_text(std::string_view text);
  [[nodiscard]] Progress broken(std::string_view what, std::string_view line = {});

  Reply reply_;
  std::string line_;  // the beginning of a line whose end has not come yet
  std::string fault_;
  bool is_complete_ = false;
};

/// Reads "5.7.1" from the front of `text`; class 0 if there is none, or if its class is not
/// `klass`.
[[nodiscard]] EnhancedCode take_enhanced_code(std::string_view& text, std::uint16_t klass);

}  // namespace mailpool::wire
