#pragma once
// Cuts the two octet streams of an IMAP connection into lines and literals, without holding more
// than a line's beginning.
//
// A response or command is one or more lines, each but the last ending in a literal:
//
//   * 1 FETCH (BODY[] {5}\r\n hello )\r\n

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/wire/imap_token.h"

namespace mailpool::wire {

/// What stands at the front of the input. The caller takes `octets` of it before it asks again.
struct ImapPiece {
  enum class Kind : std::uint8_t {
    Nothing,    ///< more octets are needed
    First,      ///< the beginning of a response or command: a line with its CRLF, or, of a long
                ///< one, the part that there is
    Line,       ///< a further part of a line, perhaps with its CRLF
    Literal,    ///< octets of a literal
    Malformed,  ///< not IMAP; nothing after it can be trusted
    TooLong,    ///< a line over the limit
  };
  Kind kind = Kind::Nothing;
  std::size_t octets = 0;
  bool ends = false;  ///< with this piece the response or command is complete
};

/// The server's side. Lines end at CRLF alone; a lone CR, LF or a NUL is Malformed.
class ImapResponseScanner {
 public:
  [[nodiscard]] ImapPiece next(std::string_view input);
  /// Between two responses, so that something else may be said.
  [[nodiscard]] bool is_between() const { return state_ == State::Between; }

  static constexpr std::size_t longest_status = 64U << 10U;
  /// Of a data response, more than this is passed on before its end was seen.
  static constexpr std::size_t longest_held = 8U << 10U;

 private:
  enum class State : std::uint8_t { Between, InLine, InLiteral };
  ImapPiece first(std::string_view input);
  ImapPiece rest_of_line(std::string_view input);
  ImapPiece end_of_line(ImapPiece::Kind kind, std::size_t octets, std::string_view line,
                        bool may_have_literal);
  void remember(std::string_view part);

  State state_ = State::Between;
  std::uint64_t literal_ = 0;  ///< octets still to come
  std::string tail_;           ///< the end of the line so far: where a literal's mark would stand
};

/// The client's side: every line is held until it is complete, since what it says decides what
/// becomes of it.
class ImapCommandScanner {
 public:
  explicit ImapCommandScanner(std::size_t longest_line) : longest_line_(longest_line) {}

  /// A line whose literal waits is given too: the caller asks again when the literal may come.
  [[nodiscard]] ImapPiece next(std::string_view input);
  [[nodiscard]] bool is_between() const { return is_between_ && literal_ == 0; }
  /// Of the line just given, if it ended in one.
  [[nodiscard]] LiteralMark const& literal() const { return mark_; }
  /// The octets of a literal that are still to come.
  [[nodiscard]] std::uint64_t literal_octets_left() const { return literal_; }
  /// The command is not continued: its literal was refused.
  void give_up() {
    is_between_ = true;
    literal_ = 0;
  }
  /// The next line is a word of its own, not a command: DONE, or an answer to a challenge.
  [[nodiscard]] ImapPiece next_plain(std::string_view input);

 private:
  ImapPiece line(std::string_view input);

  std::size_t longest_line_;
  bool is_between_ = true;
  std::uint64_t literal_ = 0;
  LiteralMark mark_;
};

}  // namespace mailpool::wire
