// Reads the lines of sendmail.cf that mailpool cares about.

#include "poolctl/sendmail_config.h"

#include <cctype>

#include "core/base/text.h"

namespace mailpool::poolctl {

namespace {

std::string_view trimmed(std::string_view text) {
  auto const blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// "name, P=[IPC], F=abc, A=FILE /path": equates end at a comma, A= (the last one) at the line's
/// end.
void read_equates(std::string_view line, std::map<std::string, Equates, std::less<>>& into) {
  auto const comma = line.find(',');
  auto& equates = into[std::string(trimmed(line.substr(0, comma)))];
  auto rest = comma == std::string_view::npos ? std::string_view() : line.substr(comma + 1);
  while (!(rest = trimmed(rest)).empty()) {
    auto const sign = rest.find('=');
    if (sign == std::string_view::npos) return;
    char const letter = rest.front();
    auto const end = letter == 'A' ? std::string_view::npos : rest.find(',', sign);
    equates[letter] = std::string(
        trimmed(rest.substr(sign + 1, end == std::string_view::npos ? end : end - sign - 1)));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
}

void read_option(std::string_view line, SendmailConfig& config) {
  auto const sign = line.find('=');
  if (sign == std::string_view::npos) return;
  config.options[std::string(trimmed(line.substr(0, sign)))] =
      std::string(trimmed(line.substr(sign + 1)));
}

void note_mailers_of_rule(std::string_view line, SendmailConfig& config) {
  for (auto at = line.find("$#"); at != std::string_view::npos; at = line.find("$#", at + 2)) {
    auto const name = trimmed(line.substr(at + 2));
    std::size_t length = 0;
    while (length < name.size() && (std::isalnum(static_cast<unsigned char>(name[length])) != 0 ||
                                    name[length] == '_' || name[length] == '-'))
      ++length;
    config.is_used[std::string(name.substr(0, length))] = true;
  }
}

void read_logical_line(std::string const& line, SendmailConfig& config) {
  auto const rest = std::string_view(line).substr(1);
  switch (line.front()) {
    case 'M':
      read_equates(rest, config.mailers);
      break;
    case 'Q':
      read_equates(rest, config.queue_groups);
      break;
    case 'O':
      read_option(rest, config);
      break;
    case 'R':
      note_mailers_of_rule(rest, config);
      break;
    default:
      break;
  }
}

}  // namespace

SendmailConfig read_sendmail_cf(std::string_view text) {
  SendmailConfig config;
  std::string line;  // with those that continue it: they begin with a blank
  auto const flush = [&] {
    if (!line.empty()) read_logical_line(line, config);
    line.clear();
  };
  while (!text.empty()) {
    auto const end = text.find('\n');
    auto const next = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!next.empty() && (next.front() == ' ' || next.front() == '\t')) {
      if (!line.empty()) line += next;
      continue;
    }
    flush();
    line = next;
  }
  flush();
  return config;
}

std::string SendmailConfig::option(std::string_view name, std::string_view otherwise) const {
  auto const known = options.find(name);
  return known != options.end() ? known->second : std::string(otherwise);
}

std::string SendmailConfig::queue_group_of(Equates const& mailer) const {
  auto const group = mailer.find('Q');
  return group != mailer.end() ? group->second : "mqueue";
}

std::optional<long> sendmail_seconds(std::string_view interval) {
  constexpr long longest = 100'000'000;
  long total = 0;
  long number = 0;
  bool has_number = false;
  for (char const c : interval) {
    if (c >= '0' && c <= '9') {
      number = number * 10 + (c - '0');
      has_number = true;
      if (number > longest) return std::nullopt;
      continue;
    }
    if (!has_number) return std::nullopt;
    switch (c) {
      case 's':
        total += number;
        break;
      case 'm':
        total += number * 60;
        break;
      case 'h':
        total += number * 3600;
        break;
      case 'd':
        total += number * 86400;
        break;
      case 'w':
        total += number * 604800;
        break;
      default:
        return std::nullopt;
    }
    number = 0;
    has_number = false;
    if (total > longest) return std::nullopt;
  }
  if (interval.empty()) return std::nullopt;
  return total + number * 60;
}

std::string socket_of(Equates const& mailer) {
  auto const arguments = mailer.find('A');
  if (arguments == mailer.end() || !arguments->second.starts_with("FILE ")) return {};
  return std::string(trimmed(std::string_view(arguments->second).substr(5)));
}

}  // namespace mailpool::poolctl
