#include "fakemx/command.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

constexpr std::array<std::string_view, verb_count> verb_names{
    "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA",
    "BDAT", "RSET", "NOOP", "VRFY",     "EXPN", "HELP", "QUIT", "?"};

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// Where the path that begins with '<' ends: a '>' outside of a quoted local part.
std::size_t path_end(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (!quoted && text[i] == '>')
      return i;
    else if (!quoted && (text[i] == ' ' || text[i] == '<'))
      return std::string_view::npos;
  }
  return std::string_view::npos;
}

bool parse_parameters(std::string_view text, std::vector<Parameter>& parameters) {
  while (!text.empty()) {
    if (text[0] != ' ') return false;
    text.remove_prefix(1);
    auto const word = text.substr(0, text.find(' '));
    if (word.empty()) return text.empty();
    text.remove_prefix(word.size());
    auto const equals = std::min(word.find('='), word.size());
    parameters.push_back({word.substr(0, equals), word.substr(std::min(equals + 1, word.size()))});
  }
  return true;
}

}  // namespace

std::string_view name_of(Verb verb) {
  return verb_names[static_cast<std::size_t>(verb)];
}

Command parse_command(std::string_view line) {
  auto const blank = std::min(line.find(' '), line.size());
  auto const word = line.substr(0, blank);
  Command command;
  command.argument = line.substr(std::min(blank + 1, line.size()));
  for (std::size_t i = 0; i + 1 < verb_count; ++i)
    if (ascii_iequal(word, verb_names[i])) command.verb = static_cast<Verb>(i);
  return command;
}

std::optional<PathArgument> parse_path(std::string_view argument, std::string_view prefix) {
  if (!ascii_istarts_with(argument, prefix) || has_control(argument)) return {};
  auto const text = argument.substr(prefix.size());
  if (!text.starts_with('<')) return {};
  auto const end = path_end(text);
  if (end == std::string_view::npos) return {};
  PathArgument path;
  path.address = text.substr(1, end - 1);
  if (!parse_parameters(text.substr(end + 1), path.parameters)) return {};
  return path;
}

std::optional<BdatArgument> parse_bdat(std::string_view argument) {
  auto const blank = std::min(argument.find(' '), argument.size());
  auto const size = to_number(argument.substr(0, blank));
  auto const rest = argument.substr(blank);
  if (!size || (!rest.empty() && !ascii_iequal(rest, " LAST"))) return {};
  return BdatArgument{*size, !rest.empty()};
}

}  // namespace mailpool::fakemx
