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

/// Whether the last line's code may be another one than that of the lines before it.
enum class Mixed : std::uint8_t {
  Broken,   ///< RFC 5321 4.2.1: all lines of a reply have the same code
  Refusal,  ///< a refusal at the end counts, with the lines that have its code: "220-mx.example",
            ///< then "521 5.3.2 no" (Postfix's postscreen), or 421 inside a reply to EHLO
};

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
  [[nodiscard]] Progress feed(std::string_view& octets, Mixed mixed = Mixed::Broken);
  /// After Complete, until the next feed(). May be swapped away, so that its memory is used again.
  [[nodiscard]] Reply& reply() { return reply_; }
  [[nodiscard]] std::string const& fault() const { return fault_; }
  /// No octet of an incomplete reply was taken.
  [[nodiscard]] bool is_between_replies() const {
    return line_.empty() && (is_complete_ || reply_.line_count == 0);
  }
  /// Whether what was taken of an incomplete reply can be the beginning of one with this code.
  [[nodiscard]] bool may_become(std::uint16_t code) const;

 private:
  [[nodiscard]] Progress take_line(std::string_view line, Mixed mixed);
  [[nodiscard]] bool is_change_of_mind(std::uint16_t code, Mixed mixed) const;
  void take_text(std::string_view text, bool is_first);
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
