#include "core/wire/lmtp_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace mailpool::wire {
namespace {

constexpr std::size_t most_parameters = 16;

constexpr std::array verbs{
    std::pair{Verb::Lhlo, std::string_view("LHLO")},
    std::pair{Verb::Helo, std::string_view("HELO")},
    std::pair{Verb::Ehlo, std::string_view("EHLO")},
    std::pair{Verb::Mail, std::string_view("MAIL")},
    std::pair{Verb::Rcpt, std::string_view("RCPT")},
    std::pair{Verb::Data, std::string_view("DATA")},
    std::pair{Verb::Rset, std::string_view("RSET")},
    std::pair{Verb::Noop, std::string_view("NOOP")},
    std::pair{Verb::Vrfy, std::string_view("VRFY")},
    std::pair{Verb::Expn, std::string_view("EXPN")},
    std::pair{Verb::Help, std::string_view("HELP")},
    std::pair{Verb::Quit, std::string_view("QUIT")},
    std::pair{Verb::Xforward, std::string_view("XFORWARD")},
    std::pair{Verb::Starttls, std::string_view("STARTTLS")},
    std::pair{Verb::Auth, std::string_view("AUTH")},
    std::pair{Verb::Bdat, std::string_view("BDAT")},
};

std::string_view without_blanks(std::string_view s) {
  auto const first = s.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

// Where the ">" of a path is that begins behind "<"; a quoted local part may hold one.
std::size_t end_of_path(std::string_view s) {
  bool quoted = false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '\\' && quoted)
      ++i;
    else if (s[i] == '"')
      quoted = !quoted;
    else if (s[i] == '>' && !quoted)
      return i;
  }
  return std::string_view::npos;
}

// "@a.example,@b.example:user@example.org" -> "user@example.org"
std::string_view without_source_route(std::string_view mailbox) {
  if (!mailbox.starts_with('@')) return mailbox;
  auto const colon = mailbox.find(':');
  return colon == std::string_view::npos ? mailbox : mailbox.substr(colon + 1);
}

// esmtp-keyword: a letter or digit, then letters, digits and hyphens.
bool is_keyword(std::string_view s) {
  auto is_alnum = [](char c) {
    return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
  };
  return !s.empty() && is_alnum(s.front()) &&
         std::all_of(s.begin(), s.end(), [&](char c) { return is_alnum(c) || c == '-'; });
}

std::optional<unsigned> hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Verb verb) {
  auto const* const found =
      std::find_if(verbs.begin(), verbs.end(), [&](auto const& v) { return v.first == verb; });
  return found == verbs.end() ? "unknown" : found->second;
}

Command parse_command(std::string_view line) {
  auto const word = line.substr(0, line.find_first_of(" \t"));
  auto const* const found = std::find_if(
      verbs.begin(), verbs.end(), [&](auto const& v) { return ascii_iequal(v.second, word); });
  auto const argument = without_blanks(line.substr(word.size()));
  return {found == verbs.end() ? Verb::Unknown : found->first, argument};
}

Result<std::vector<Parameter>> parse_parameters(std::string_view text) {
  std::vector<Parameter> parameters;
  for (auto const word : split(text, ' ')) {
    if (word.empty()) continue;
    if (parameters.size() == most_parameters) return failed("too many parameters");
    auto const equals = word.find('=');
    Parameter p;
    p.name = word.substr(0, equals);
    p.has_value = equals != std::string_view::npos;
    if (p.has_value) p.value = word.substr(equals + 1);
    if (!is_keyword(p.name) || (p.has_value && p.value.empty()))
      return failed(fmt::format("{} is not a parameter", printable(word, 80)));
    parameters.push_back(p);
  }
  return parameters;
}

Result<PathArgument> parse_path(std::string_view argument, std::string_view keyword) {
  if (!ascii_istarts_with(argument, keyword))
    return failed(fmt::format("{}<ADDRESS> is expected", keyword));
  auto const path = without_blanks(argument.substr(keyword.size()));
  auto const end = path.starts_with('<') ? end_of_path(path.substr(1)) : std::string_view::npos;
  if (end == std::string_view::npos) return failed(fmt::format("{}<ADDRESS> is expected", keyword));
  auto const rest = path.substr(end + 2);
  if (!rest.empty() && rest.front() != ' ') return failed("a blank is expected behind >");
  auto parameters = parse_parameters(rest);
  if (!parameters) return tl::make_unexpected(parameters.error());
  return PathArgument{without_source_route(path.substr(1, end)), std::move(*parameters)};
}

std::optional<std::string> decode_xtext(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x21 || octet > 0x7e || octet == '=') return std::nullopt;
    if (octet != '+') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    auto const high = hex_value(text[i + 1]);
    auto const low = hex_value(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

}  // namespace mailpool::wire
