#include "core/wire/imap_token.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::wire {
namespace {

// A number64 of RFC 9051 has at most 19 digits.
constexpr std::size_t most_digits = 19;

constexpr bool is_special(char c) {
  return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
         c == '(' || c == ')' || c == '{' || c == '"' || c == '\\' || c == '%' || c == '*';
}

// The braces at the end of a line and what is between them.
struct Braces {
  std::string_view inside;
  std::size_t at = 0;
};
std::optional<Braces> braces_at_end(std::string_view line) {
  if (line.empty() || line.back() != '}') return std::nullopt;
  auto const open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  return Braces{line.substr(open + 1, line.size() - open - 2), open};
}

bool has_only_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace

std::optional<LiteralMark> literal_at_end(std::string_view line) {
  auto braces = braces_at_end(line);
  if (!braces) return std::nullopt;
  LiteralMark mark;
  auto digits = braces->inside;
  if (!digits.empty() && digits.back() == '+') {  // RFC 7888
    mark.waits = false;
    digits.remove_suffix(1);
  }
  if (!has_only_digits(digits) || digits.size() > most_digits) return std::nullopt;
  mark.octets = *to_number(digits);
  mark.length = line.size() - braces->at;
  if (braces->at > 0 && line[braces->at - 1] == '~') ++mark.length;
  return mark;
}

bool has_impossible_literal(std::string_view line) {
  auto const braces = braces_at_end(line);
  if (!braces || literal_at_end(line)) return false;
  auto digits = braces->inside;
  // The minus of an old draft is a literal to some servers and none to others.
  if (!digits.empty() && (digits.back() == '+' || digits.back() == '-')) digits.remove_suffix(1);
  return has_only_digits(digits);
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::none_of(text.begin(), text.end(), [](char c) { return is_special(c) || c == '+'; });
}

std::string_view ImapWords::atom() {
  auto const end = std::find_if(rest_.begin(), rest_.end(), [](char c) {
    return c == ' ' || c == '(' || c == ')' || c == '"' || c == '[' || c == ']';
  });
  auto const length = static_cast<std::size_t>(end - rest_.begin());
  auto const found = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return found;
}

std::optional<std::string> ImapWords::astring() {
  if (!rest_.empty() && rest_.front() == '"') return quoted();
  auto const end = std::find_if(rest_.begin(), rest_.end(), is_special);
  auto const length = static_cast<std::size_t>(end - rest_.begin());
  if (length == 0) return std::nullopt;
  std::string found(rest_.substr(0, length));
  rest_.remove_prefix(length);
  return found;
}

std::optional<std::string> ImapWords::quoted() {
  std::string text;
  for (std::size_t i = 1; i < rest_.size(); ++i) {
    char const c = rest_[i];
    if (c == '"') {
      rest_.remove_prefix(i + 1);
      return text;
    }
    if (c == '\\') {
      if (++i == rest_.size() || (rest_[i] != '"' && rest_[i] != '\\')) return std::nullopt;
    }
    text += rest_[i];
  }
  return std::nullopt;
}

bool ImapWords::take(char c) {
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

bool has_open_quote(std::string_view line) {
  bool is_open = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') is_open = !is_open;
    if (line[i] == '\\' && is_open) ++i;
  }
  return is_open;
}

bool has_line_breaker(std::string_view line) {
  return line.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos;
}

std::optional<std::string> as_quoted(std::string_view text) {
  if (text.size() > 1000) return std::nullopt;
  std::string out = "\"";
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return std::nullopt;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace mailpool::wire
