#include "core/message/header_scan.h"

#include <algorithm>
#include <optional>

#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t most_of_line =
    1024;  // the rest of a longer line tells nothing that is asked here
constexpr std::size_t most_of_field = 4096;
constexpr std::size_t most_of_word = 256;  // a longer TLS-Required says nothing

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

// What stands behind the colon of this field; blanks before it are obsolete and read (RFC 5322
// 4.5).
std::optional<std::string_view> value_of(std::string_view line, std::string_view name) {
  if (!ascii_istarts_with(line, name)) return std::nullopt;
  line.remove_prefix(name.size());
  auto const colon = line.find_first_not_of(" \t");
  if (colon == std::string_view::npos || line[colon] != ':') return std::nullopt;
  return line.substr(colon + 1);
}

// The only word of a value, comments and blanks around it aside (CFWS, RFC 5322 3.2.2); "" for any
// other value.
std::string only_word(std::string_view value) {
  std::string word;
  std::size_t depth = 0;
  bool is_over = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    char const c = value[i];
    if (depth > 0 && c == '\\') {
      ++i;
    } else if (c == '(') {
      ++depth;
      is_over = !word.empty();
    } else if (c == ')') {
      if (depth == 0) return {};
      --depth;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      is_over = is_over || (depth == 0 && !word.empty());
    } else if (depth == 0) {
      if (is_over) return {};
      word += c;
    }
  }
  return depth == 0 ? word : std::string();
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
    if (in_tls_required_) take_tls_required(line);
    return;
  }
  end_newest();
  in_tls_required_ = false;
  if (!is_field(line)) return finish();  // the empty line, or a body that has none before it
  if (auto const value = value_of(line, "TLS-Required")) {
    in_tls_required_ = ++tls_required_fields_ == 1;
    if (in_tls_required_) take_tls_required(*value);
    return;
  }
  if (!ascii_istarts_with(line, "Received:")) return;
  if (++received_fields_ > 1) return;
  in_newest_ = true;
  if (wants_id_) newest_ = line.substr(9, most_of_line);
}

void HeaderScan::take_tls_required(std::string_view value) {
  tls_required_ += value.substr(0, most_of_word + 1 - std::min(most_of_word, tls_required_.size()));
}

bool HeaderScan::tls_required_no() const {
  return tls_required_fields_ == 1 && tls_required_.size() <= most_of_word &&
         ascii_iequal(only_word(tls_required_), "No");
}

void HeaderScan::end_newest() {
  if (!in_newest_) return;
  in_newest_ = false;
  knows_newest_ = true;
  if (wants_id_) queue_id_ = id_in(newest_);
}

}  // namespace mailpool
