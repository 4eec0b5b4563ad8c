#include "core/replies/said.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::replies {
namespace {

constexpr std::size_t most_octets = 512;
constexpr std::array<std::string_view, 9> stage_names{
    "connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "end_of_data", "any"};

bool is_word_end(char c) {
  static constexpr std::string_view ends = " \t<>,;:()'\"";
  return ends.find(c) != std::string_view::npos;
}

// From `from`: the end of an enhanced code that begins there, or npos.
std::size_t end_of_enhanced(std::string_view text, std::size_t from) {
  std::size_t at = from;
  for (int part = 0; part < 3; ++part) {
    auto const begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    auto const most = part == 0 ? 1U : 3U;
    if (at == begin || at - begin > most) return std::string_view::npos;
    if (part < 2 && (at == text.size() || text[at++] != '.')) return std::string_view::npos;
  }
  return at;
}

struct Found {
  Enhanced enhanced;
  std::size_t begin;
  std::size_t end;
};

// The first enhanced code of the reply's class that stands by itself.
std::optional<Found> find_enhanced(std::string_view text, char reply_class) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != reply_class) continue;
    if (at > 0 && (is_digit(text[at - 1]) || text[at - 1] == '.')) continue;
    auto const end = end_of_enhanced(text, at);
    if (end == std::string_view::npos) continue;
    bool const goes_on = end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1]);
    if (goes_on || (end < text.size() && is_digit(text[end]))) continue;
    if (auto const enhanced = enhanced_of(text.substr(at, end - at)))
      return Found{*enhanced, at, end};
  }
  return std::nullopt;
}

// How Outcome::remote() names what was answered.
Stage stage_of_command(std::string_view command) {
  struct Row {
    std::string_view begins;
    Stage stage;
  };
  static constexpr std::array<Row, 10> table{{{"greeting", Stage::Connect},
                                              {"the greeting", Stage::Connect},
                                              {"EHLO", Stage::Ehlo},
                                              {"HELO", Stage::Ehlo},
                                              {"STARTTLS", Stage::StartTls},
                                              {"AUTH", Stage::Auth},
                                              {"MAIL", Stage::Mail},
                                              {"RCPT", Stage::Rcpt},
                                              {"DATA", Stage::Data},
                                              {"end of", Stage::EndOfData}}};
  auto const row = std::find_if(table.begin(), table.end(),
                                [&](Row const& each) { return command.starts_with(each.begins); });
  return row == table.end() ? Stage::Any : row->stage;
}

}  // namespace

std::string_view name_of(Stage stage) {
  return stage_names[static_cast<std::size_t>(stage)];
}

std::optional<Stage> stage_named(std::string_view name) {
  if (name == "end") return Stage::EndOfData;  // as [[rule]] calls it
  auto const it = std::find(stage_names.begin(), stage_names.end(), name);
  if (it == stage_names.end()) return std::nullopt;
  return static_cast<Stage>(it - stage_names.begin());
}

Stage stage_of(Step step) {
  switch (step) {
    case Step::Connect:
      return Stage::Connect;
    case Step::Ehlo:
      return Stage::Ehlo;
    case Step::Mail:
      return Stage::Mail;
    case Step::Rcpt:
      return Stage::Rcpt;
    case Step::Data:
      return Stage::Data;
    case Step::End:
      return Stage::EndOfData;
    case Step::Idle:
      break;
  }
  return Stage::Any;
}

std::optional<Enhanced> enhanced_of(std::string_view text) {
  if (end_of_enhanced(text, 0) != text.size()) return std::nullopt;
  auto const parts = split(text, '.');
  Enhanced enhanced{};
  for (std::size_t i = 0; i < enhanced.size(); ++i)
    enhanced[i] = static_cast<std::uint16_t>(to_number(parts[i]).value_or(0));
  if (enhanced[0] != 2 && enhanced[0] != 4 && enhanced[0] != 5) return std::nullopt;
  return enhanced;
}

std::string without_echoes(std::string_view text) {
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '<') {
      auto const end = text.find_first_of("<>", at + 1);
      bool const is_closed = end != std::string_view::npos && text[end] == '>';
      if (is_closed && text.substr(at, end - at).find_first_of("@[") != std::string_view::npos) {
        kept += "<>";
        at = end + 1;
        continue;
      }
    }
    if (is_word_end(text[at])) {
      kept += text[at++];
      continue;
    }
    auto end = at;
    while (end < text.size() && !is_word_end(text[end])) ++end;
    auto const word = text.substr(at, end - at);
    auto const sign = word.find('@');
    bool const is_address = sign != std::string_view::npos && sign > 0 && sign + 1 < word.size();
    kept += is_address ? std::string_view("@") : word;
    at = end;
  }
  return kept;
}

Said said_of(Stage stage, std::string_view code, std::string_view enhanced, std::string_view text) {
  Said said;
  said.stage = stage;
  said.code = std::string(code.substr(0, 3));
  auto words = text.substr(0, most_octets);
  if (auto const given = enhanced_of(enhanced)) {
    if (!said.code.empty() && (*given)[0] == static_cast<std::uint16_t>(said.code[0] - '0'))
      said.enhanced = given;
  }
  if (!said.enhanced && !said.code.empty()) {
    if (auto const found = find_enhanced(words, said.code[0])) {
      said.enhanced = found->enhanced;
      if (found->begin == 0) words = trimmed(words.substr(found->end));
    }
  }
  said.text = without_echoes(words);
  return said;
}

Said said_of(Stage stage, std::string_view line) {
  auto const code = line.substr(0, 3);
  auto const rest = line.size() > 3 ? line.substr(4) : std::string_view();
  return said_of(stage, code, "", rest);
}

std::optional<Said> said_of(Outcome const& outcome) {
  static constexpr std::string_view before = " said: ";
  static constexpr std::string_view behind = " (in reply to ";
  if (!outcome.said_by_remote) return std::nullopt;
  std::string_view const text = outcome.text;
  auto const from = text.find(before);
  auto const to = text.rfind(behind);
  if (from == std::string_view::npos || to == std::string_view::npos || to < from)
    return std::nullopt;
  auto const line = text.substr(from + before.size(), to - from - before.size());
  return said_of(stage_of_command(text.substr(to + behind.size())), line);
}

}  // namespace mailpool::replies
