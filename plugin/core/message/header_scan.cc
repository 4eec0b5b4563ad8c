#include "core/message/header_scan.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t most_of_line =
    1024;  // the rest of a longer line tells nothing that is asked here
constexpr std::size_t most_of_field = 4096;

bool is_separator(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '(' || c == ')' || c == ';';
}

// The word behind "id" in a Received field, comments and the date aside (RFC 5321 4.4).
std::string_view id_in(std::string_view field) {
  bool is_next = false;
  int depth = 0;
  std::size_t at = 0;
  while (at < field.size()) {
    char const c = field[at];
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
    if (c == ';' && depth == 0) return {};
    auto end = at;
    while (end < field.size() && !is_separator(field[end])) ++end;
    auto const word = field.substr(at, end - at);
    at = std::max(end, at + 1);
    if (word.empty() || depth > 0) continue;
    if (is_next) return is_queue_id(word) ? word : std::string_view();
    is_next = ascii_iequal(word, "id");
  }
  return {};
}

bool is_field(std::string_view line) {
  auto const colon = line.find(':');
  return colon != std::string_view::npos && colon != 0 &&
         line.substr(0, colon).find_first_of(" \t") != 0;
}

}  // namespace

bool is_queue_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  });
}

void HeaderScan::feed(std::string_view octets) {
  while (!over_ && !octets.empty()) {
    auto const lf = octets.find('\n');
    auto const piece = octets.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    octets.remove_prefix(piece.size());
    has_eight_bit_ = has_eight_bit_ || !is_ascii(piece);
    if (begun_.empty() && lf != std::string_view::npos) {
      take_line(piece);
      continue;
    }
    begun_ += piece.substr(0, most_of_line - std::min(most_of_line, begun_.size()));
    if (lf == std::string_view::npos) return;
    take_line(begun_);
    begun_.clear();
  }
}

void HeaderScan::finish() {
  over_ = true;
  end_newest();
  knows_newest_ = true;
}

void HeaderScan::take_line(std::string_view line) {
  bool const is_folded = line.front() == ' ' || line.front() == '\t';
  if (is_folded) {
    if (in_newest_ && wants_id_ && newest_.size() < most_of_field)
      newest_ += line.substr(0, most_of_line);
    return;
  }
  end_newest();
  if (!is_field(line)) return finish();  // the empty line, or a body that has none before it
  if (!ascii_istarts_with(line, "Received:")) return;
  if (++received_fields_ > 1) return;
  in_newest_ = true;
  if (wants_id_) newest_ = line.substr(9, most_of_line);
}

void HeaderScan::end_newest() {
  if (!in_newest_) return;
  in_newest_ = false;
  knows_newest_ = true;
  if (wants_id_) queue_id_ = id_in(newest_);
}

}  // namespace mailpool
