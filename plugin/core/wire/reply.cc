#include "core/wire/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/base/text.h"

namespace mailpool::wire {
namespace {

// 1*3DIGIT; more digits, or none, are no part of an enhanced code.
std::optional<std::uint16_t> take_part(std::string_view& text) {
  std::uint16_t n = 0;
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) {
    if (digits == 3) return std::nullopt;
    n = static_cast<std::uint16_t>(n * 10 + (text[digits] - '0'));
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return n;
}

bool take_dot(std::string_view& text) {
  if (text.empty() || text.front() != '.') return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string Reply::text() const {
  std::string one_line = lines;
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  return one_line;
}

std::string Reply::to_string() const {
  auto const codes = enhanced.klass == 0 ? fmt::format("{}", code)
                                         : fmt::format("{} {}", code, enhanced.to_string());
  return lines.empty() ? codes : printable(codes + ' ' + text());
}

EnhancedCode take_enhanced_code(std::string_view& text, std::uint16_t klass) {
  auto rest = text;
  if (rest.size() < 5 || rest.front() != static_cast<char>('0' + klass)) return {};
  rest.remove_prefix(1);
  if (!take_dot(rest)) return {};
  auto const subject = take_part(rest);
  if (!subject || !take_dot(rest)) return {};
  auto const detail = take_part(rest);
  if (!detail || (!rest.empty() && rest.front() != ' ' && rest.front() != '\t')) return {};
  text = rest.empty() ? rest : rest.substr(1);
  return {klass, *subject, *detail};
}

ReplyParser::Progress ReplyParser::feed(std::string_view& octets, Mixed mixed) {
  if (!fault_.empty()) return Progress::Broken;
  if (is_complete_) {
    is_complete_ = false;
    reply_.line_count = 0;
  }
  while (!octets.empty()) {
    auto const end = octets.find('\n');
    auto const taken = std::min(end, octets.size() - 1) + 1;
    if (line_.size() + taken > longest_line) return broken("a reply line of more than 2048 octets");
    if (end == std::string_view::npos) {
      line_ += octets;
      octets = {};
      return Progress::NeedsMore;
    }
    auto line = octets.substr(0, end);
    octets.remove_prefix(taken);
    if (!line_.empty()) {
      line_ += line;
      line = line_;
    }
    auto const progress = take_line(line, mixed);
    line_.clear();
    if (progress != Progress::NeedsMore) return progress;
  }
  return Progress::NeedsMore;
}

ReplyParser::Progress ReplyParser::take_line(std::string_view line, Mixed mixed) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  bool const has_code = line.size() >= 3 && std::all_of(line.begin(), line.begin() + 3, is_digit);
  if (!has_code) return broken("not an SMTP reply", line);
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-')
    return broken("no blank behind the reply code", line);
  auto const code =
      static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  if (code < 200 || code > 599) return broken("a reply code outside 200..599", line);
  bool const is_first = reply_.line_count == 0 || is_change_of_mind(code, mixed);
  if (!is_first && code != reply_.code) return broken("different codes in one reply", line);
  if (++reply_.line_count > most_lines) return broken("a reply of more than 128 lines");
  if (is_first) {
    reply_.code = code;
    reply_.lines.clear();
  }
  bool const goes_on = line.size() > 3 && line[3] == '-';
  take_text(line.substr(std::min<std::size_t>(line.size(), 4)), is_first);
  if (reply_.lines.size() > longest_reply) return broken("a reply of more than 16 KiB");
  is_complete_ = !goes_on;
  return goes_on ? Progress::NeedsMore : Progress::Complete;
}

bool ReplyParser::may_become(std::uint16_t code) const {
  if (reply_.line_count != 0 && !is_complete_) return reply_.code == code;
  auto const digits = std::to_string(code);
  return line_.compare(0, digits.size(), digits, 0, line_.size()) == 0;
}

bool ReplyParser::is_change_of_mind(std::uint16_t code, Mixed mixed) const {
  return mixed == Mixed::Refusal && reply_.code < 400 && code >= 400;
}

// RFC 2034 has the enhanced code in every line of a reply: it is kept once, and taken out of the
// text.
void ReplyParser::take_text(std::string_view text, bool is_first) {
  auto const rest = text;
  auto const enhanced = take_enhanced_code(text, reply_.code / 100);
  if (is_first) {
    reply_.enhanced = enhanced;
  } else {
    reply_.lines += '\n';
    if (enhanced != reply_.enhanced) text = rest;
  }
  reply_.lines += text;
}

ReplyParser::Progress ReplyParser::broken(std::string_view what, std::string_view line) {
  fault_ = line.empty() ? std::string(what) : fmt::format("{}: {}", what, printable(line, 100));
  return Progress::Broken;
}

}  // namespace mailpool::wire
