#pragma once
// The words of IMAP lines (RFC 3501 9, RFC 9051 9): atoms, quoted strings, literal marks.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::wire {

/// A literal announced at the end of a line: "{12}", "{12+}", "~{12}".
struct LiteralMark {
  std::uint64_t octets = 0;
  bool waits = true;       ///< for the other end's "+": a synchronising literal
  std::size_t length = 0;  ///< of the mark itself
};

/// What a line without its CRLF ends with. Nothing where no literal is announced.
[[nodiscard]] std::optional<LiteralMark> literal_at_end(std::string_view line);
/// A line that ends like a literal, but with a number that none can have, or a mark of no standard.
[[nodiscard]] bool has_impossible_literal(std::string_view line);

/// 1 to 64 of the characters that a tag may have, and no "+".
[[nodiscard]] bool is_tag(std::string_view text);

/// Walks through one line. What it returns points into the line, except for quoted strings.
class ImapWords {
 public:
  explicit ImapWords(std::string_view line) : rest_(line) {}

  /// Up to the next blank, parenthesis, bracket or quote; "" if there is none.
  std::string_view atom();
  /// A quoted string without its quotes, or an atom of the characters that an astring may have.
  std::optional<std::string> astring();
  /// Whether the next octet is this one; it is taken then.
  bool take(char c);
  bool take_blank() { return take(' '); }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::optional<std::string> quoted();
  std::string_view rest_;
};

/// Whether the quotes in a line are not paired.
[[nodiscard]] bool has_open_quote(std::string_view line);
/// NUL, CR or LF, which no line may hold.
[[nodiscard]] bool has_line_breaker(std::string_view line);
/// As a quoted string; nothing where only a literal will do (8-bit, control characters, long).
[[nodiscard]] std::optional<std::string> as_quoted(std::string_view text);

}  // namespace mailpool::wire
