#include "core/wire/imap_scanner.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::wire {
namespace {

using Kind = ImapPiece::Kind;

// "* 1 FETCH" and the like hold strings, so literals; a status has text, which may look like one.
bool is_data_response(std::string_view line) {
  if (!line.starts_with("* ")) return false;
  ImapWords words(line.substr(2));
  auto const word = words.atom();
  for (auto status : {"OK", "NO", "BAD", "BYE", "PREAUTH"})
    if (ascii_iequal(word, status)) return false;
  return true;
}

// What the manager itself has to understand: held until its end, whatever its length.
bool is_listing_response(std::string_view line) {
  ImapWords words(line.substr(2));
  auto const word = words.atom();
  return ascii_iequal(word, "CAPABILITY") || ascii_iequal(word, "ENABLED");
}

// The number of octets up to and with the first CRLF; 0 if there is none yet; npos if there is a
// NUL, or a CR or LF that stands alone.
std::size_t end_of_line_in(std::string_view input) {
  auto const at = input.find('\n');
  auto const line = input.substr(0, at == std::string_view::npos ? input.size() : at);
  bool const has_end = at != std::string_view::npos;
  if (has_end && (line.empty() || line.back() != '\r')) return std::string_view::npos;
  auto const text = line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0));
  if (has_line_breaker(text)) return std::string_view::npos;
  return has_end ? at + 1 : 0;
}

constexpr std::size_t longest_mark = 24;

}  // namespace

ImapPiece ImapResponseScanner::next(std::string_view input) {
  if (input.empty()) return {};
  if (state_ == State::Between) return first(input);
  if (state_ == State::InLine) return rest_of_line(input);
  auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(literal_, input.size()));
  literal_ -= n;
  if (literal_ == 0) {
    state_ = State::InLine;
    tail_.clear();
  }
  return {Kind::Literal, n, false};
}

ImapPiece ImapResponseScanner::first(std::string_view input) {
  auto const end = end_of_line_in(input.substr(0, longest_status));
  if (end == std::string_view::npos) return {Kind::Malformed, 0, false};
  if (end != 0) {
    auto const line = input.substr(0, end - 2);
    return end_of_line(Kind::First, end, line, is_data_response(line));
  }
  bool const is_passed_on =
      input.size() >= longest_held && is_data_response(input) && !is_listing_response(input);
  if (is_passed_on) {
    state_ = State::InLine;
    tail_.clear();
    remember(input);
    return {Kind::First, input.size(), false};
  }
  if (input.size() >= longest_status) return {Kind::TooLong, 0, false};
  return {};
}

ImapPiece ImapResponseScanner::rest_of_line(std::string_view input) {
  // The CR may have gone with the part before.
  if (tail_.ends_with('\r')) {
    if (input.front() != '\n') return {Kind::Malformed, 0, false};
    auto const line = std::string(tail_.substr(0, tail_.size() - 1));
    return end_of_line(Kind::Line, 1, line, true);
  }
  auto const end = end_of_line_in(input);
  if (end == std::string_view::npos) return {Kind::Malformed, 0, false};
  if (end == 0) {
    remember(input);
    return {Kind::Line, input.size(), false};
  }
  remember(input.substr(0, end - 2));
  auto const line = tail_;
  return end_of_line(Kind::Line, end, line, true);
}

ImapPiece ImapResponseScanner::end_of_line(Kind kind, std::size_t octets, std::string_view line,
                                           bool may_have_literal) {
  tail_.clear();
  state_ = State::Between;
  if (!may_have_literal) return {kind, octets, true};
  if (has_impossible_literal(line)) return {Kind::Malformed, 0, false};
  auto const mark = literal_at_end(line);
  if (!mark) return {kind, octets, true};
  // A server's literal never waits, and is never marked as one that does not.
  if (!mark->waits) return {Kind::Malformed, 0, false};
  literal_ = mark->octets;
  state_ = literal_ == 0 ? State::InLine : State::InLiteral;
  return {kind, octets, false};
}

void ImapResponseScanner::remember(std::string_view part) {
  if (part.size() > longest_mark) {
    tail_.clear();
    part.remove_prefix(part.size() - longest_mark);
  }
  tail_ += part;
  if (tail_.size() > 2 * longest_mark) tail_.erase(0, tail_.size() - longest_mark);
}

ImapPiece ImapCommandScanner::next(std::string_view input) {
  if (input.empty()) return {};
  if (literal_ != 0) {
    auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(literal_, input.size()));
    literal_ -= n;
    return {Kind::Literal, n, false};
  }
  auto piece = line(input);
  if (piece.kind != Kind::Line) return piece;
  auto const text = input.substr(0, piece.octets - 2);
  if (has_impossible_literal(text)) return {Kind::Malformed, 0, false};
  auto const mark = literal_at_end(text);
  piece.kind = is_between_ ? Kind::First : Kind::Line;
  piece.ends = !mark;
  is_between_ = piece.ends;
  mark_ = mark.value_or(LiteralMark{});
  literal_ = mark_.octets;
  return piece;
}

ImapPiece ImapCommandScanner::next_plain(std::string_view input) {
  if (input.empty()) return {};
  auto piece = line(input);
  piece.ends = piece.kind == Kind::Line;
  return piece;
}

ImapPiece ImapCommandScanner::line(std::string_view input) {
  auto const end = end_of_line_in(input.substr(0, longest_line_));
  if (end == std::string_view::npos) return {Kind::Malformed, 0, false};
  if (end != 0) return {Kind::Line, end, true};
  if (input.size() >= longest_line_) return {Kind::TooLong, 0, false};
  return {};
}

}  // namespace mailpool::wire
