#include "core/message/remark.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::string_view gap = "...";
// Shorter ones are too likely to be a word, or a piece of one.
constexpr std::size_t shortest_said = 4;

bool is_of_a_name(char c) {
  return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' || c == '_' ||
         static_cast<unsigned char>(c) > 0x7f;
}

// Whether a name ends at `at`: "a.example" is no part of "aa.example" nor of "a.example.net".
bool is_edge(std::string_view line, std::size_t at, bool is_end) {
  if (at >= line.size()) return true;
  if (is_end && line[at] == '.') return at + 1 >= line.size() || !is_of_a_name(line[at + 1]);
  return !is_of_a_name(line[at]) && (is_end || line[at] != '.');
}

// Longest first, so that a domain is not taken out of the address that ends with it.
void take_out_said(std::string& line, std::span<std::string const> said) {
  std::vector<std::string> words;
  for (auto const& text : said)
    if (text.size() >= shortest_said) words.push_back(ascii_lower(text));
  std::sort(words.begin(), words.end(),
            [](auto const& a, auto const& b) { return a.size() > b.size(); });
  for (auto const& word : words) {
    auto lower = ascii_lower(line);
    for (std::size_t at = lower.find(word); at != std::string::npos; at = lower.find(word, at)) {
      auto const end = at + word.size();
      bool const is_whole = (at == 0 || is_edge(line, at - 1, false)) && is_edge(line, end, true);
      if (!is_whole) {
        ++at;
        continue;
      }
      line.replace(at, word.size(), gap);
      lower.replace(at, word.size(), gap);
      at += gap.size();
    }
  }
}

// "<...>" of what stands in angle brackets; of one that is never closed, up to the next blank.
void take_out_brackets(std::string& line) {
  for (auto at = line.find('<'); at != std::string::npos; at = line.find('<', at)) {
    auto end = line.find('>', ++at);
    if (end == std::string::npos) end = std::min(line.find(' ', at), line.size());
    if (line.substr(at, end - at) == gap) continue;
    line.replace(at, end - at, gap);
    at += gap.size();
  }
}

// Any word with an @ is an address, whoever brought it up.
void take_out_addresses(std::string& line) {
  constexpr std::string_view around = " \t\"'()<>[]{},;:";
  for (auto at = line.find('@'); at != std::string::npos; at = line.find('@', at)) {
    auto const before = line.find_last_of(around, at);
    auto const begin = before == std::string::npos ? 0 : before + 1;
    auto const end = std::min(line.find_first_of(around, at), line.size());
    line.replace(begin, end - begin, gap);
    at = begin + gap.size();
  }
}

}  // namespace

std::string own_words(std::string_view line, std::span<std::string const> said) {
  std::string words(line);
  take_out_said(words, said);
  take_out_brackets(words);
  take_out_addresses(words);
  return words;
}

std::string own_words(Remark const& remark) {
  return own_words(remark.line, remark.said);
}

std::string_view name_of(Step step) {
  switch (step) {
    case Step::Connect:
      return "connect";
    case Step::Ehlo:
      return "ehlo";
    case Step::Mail:
      return "mail";
    case Step::Rcpt:
      return "rcpt";
    case Step::Data:
      return "data";
    case Step::End:
      return "end";
    case Step::Idle:
      return "idle";
  }
  return "";
}

}  // namespace mailpool
