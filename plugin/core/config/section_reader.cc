#include "core/config/section_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/config/place.h"

namespace mailpool {
namespace {

constexpr std::size_t most_mistakes = 1000;

std::vector<std::string> keys_of(std::vector<Option const*> const& known) {
  std::vector<std::string> keys;
  for (auto const* option : known) keys.push_back(option->key);
  return keys;
}

// "[lmtp] listen or [control] listen": where an option of that name is known.
std::string sections_with(std::string_view key) {
  std::string all;
  for (auto const& option : options())
    if (option.key == key && option.section != Section::Rule)
      all += (all.empty() ? "" : " or ") + option.full_name();
  return all;
}

}  // namespace

std::vector<std::string> section_names() {
  std::vector<std::string> names{"domain",        "site",   "route", "source", "pool",
                                 "sender_domain", "tenant", "imap",  "rule",   "login"};
  for (auto section : plain_sections) names.emplace_back(name_of(section));
  return names;
}

std::vector<Option const*> known_in(Section section) {
  std::vector<Option const*> known;
  for (auto const& option : options_of(section)) known.push_back(&option);
  if (section == Section::Site)
    for (auto const& option : options_of(Section::Smtp)) known.push_back(&option);
  return known;
}

std::string nearest_section(std::string_view kind, std::string_view name,
                            std::vector<std::string> const& names, std::string_view or_else) {
  if (auto const near = nearest(name, names); !near.empty()) return std::string(near);
  return fmt::format("a section [{}.{}]{}", kind, printable(name, 64), or_else);
}

void SectionReader::complain(unsigned line, std::string what, std::string right) {
  if (mistakes_.size() == most_mistakes) {
    line = 0;
    what = fmt::format("more than {} mistakes", most_mistakes);
    right = "a file of another kind";
  }
  if (mistakes_.size() <= most_mistakes)
    mistakes_.push_back({file_of(line), line, std::move(what), std::move(right)});
}

std::string const& SectionReader::file_of(unsigned line) const {
  return files_[std::min(file_number(line), files_.size() - 1)];
}

std::vector<Mistake> SectionReader::take_mistakes() {
  std::stable_sort(mistakes_.begin(), mistakes_.end(),
                   [](Mistake const& a, Mistake const& b) { return a.line < b.line; });
  for (auto& mistake : mistakes_) mistake.line = line_in(mistake.line);
  return std::move(mistakes_);
}

Misread SectionReader::read(Node const& table, std::string const& title, Part part,
                            std::vector<Option const*> const& known) {
  Misread misread;
  for (auto const& entry : table.entries) {
    auto const option = std::find_if(known.begin(), known.end(),
                                     [&](Option const* o) { return o->key == entry.key; });
    if (option == known.end()) {
      unknown_key(entry, title, known);
      continue;
    }
    value::Wrongs wrongs;
    (*option)->read(part, entry.value, wrongs);
    auto const name = title.empty() ? entry.key : title + " " + entry.key;
    for (auto& wrong : wrongs)
      complain(wrong.line, name + ": " + wrong.what, std::move(wrong.right));
    if (!wrongs.empty()) misread.insert(entry.key);
  }
  return misread;
}

void SectionReader::unknown_key(Node::Entry const& entry, std::string const& title,
                                std::vector<Option const*> const& known) {
  auto const what = fmt::format("{}{}{} is not an option", title, title.empty() ? "" : " ",
                                printable(entry.key, 64));
  auto const keys = keys_of(known);
  auto const as_of_tls = "tls_" + entry.key;  // so they are called outside [tls]
  if (std::find(keys.begin(), keys.end(), as_of_tls) != keys.end())
    return complain(entry.line, what + " here", as_of_tls);
  if (auto const elsewhere = sections_with(entry.key); !elsewhere.empty())
    return complain(entry.line, what + " here", elsewhere);
  if (auto const meant = nearest(entry.key, keys); !meant.empty())
    return complain(entry.line, what, std::string(meant));
  auto const sections = section_names();
  if (title.empty() && std::find(sections.begin(), sections.end(), entry.key) != sections.end())
    return complain(entry.line, what, fmt::format("[{}]", entry.key));
  std::string all;
  for (auto const& key : keys) all += (all.empty() ? "" : ", ") + key;
  complain(entry.line, what, "one of " + all);
}

void SectionReader::unknown_section(Node::Entry const& entry) {
  auto const what = fmt::format("[{}] is not a section", printable(entry.key, 64));
  auto const sections = section_names();
  if (auto const meant = nearest(entry.key, sections); !meant.empty())
    return complain(entry.line, what, fmt::format("[{}]", meant));
  std::string all;
  for (auto const& name : sections) all += fmt::format("{}[{}]", all.empty() ? "" : ", ", name);
  complain(entry.line, what, "one of " + all);
}

bool SectionReader::is_table(Node::Entry const& entry, std::string const& right) {
  if (entry.value.kind == Node::Kind::Table) return true;
  complain(
      entry.line,
      fmt::format("{} is {}, not a section", printable(entry.key, 64), words_for(entry.value.kind)),
      right);
  return false;
}

bool SectionReader::is_first(Names& seen, std::string const& name, unsigned line,
                             std::string const& where) {
  auto const [at, is_new] = seen.emplace(name, line);
  if (!is_new)
    complain(line,
             fmt::format("{}: {} stands in {}line {} already", where, in_quotes(name),
                         file_number(line) == file_number(at->second) ? std::string()
                                                                      : file_of(at->second) + ", ",
                         line_in(at->second)),
             "only one of the two");
  return is_new;
}

std::string Mistake::to_line() const {
  auto const where = line == 0 ? file : fmt::format("{}:{}", file, line);
  return printable(fmt::format("{}: {}; right would be {}", where, what, would_be_right), 2048);
}

}  // namespace mailpool
