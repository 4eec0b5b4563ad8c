// Reads the script language, and says all that is wrong with a script at once.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/base/text.h"
#include "fakemx/script.h"
#include "fakemx/script_words.h"
#include "fakemx/settings.h"

namespace mailpool::fakemx {

namespace {

constexpr std::string_view stage_names[stage_count] = {
    "connect", "ehlo", "helo", "lhlo", "starttls", "auth", "tls",  "mail", "rcpt",
    "data",    "body", "end",  "bdat", "rset",     "noop", "vrfy", "quit", "idle"};

class Parser {
 public:
  explicit Parser(std::string_view file) : file_(file) {}

  void line(std::string_view text) {
    ++number_;
    text = trimmed(text);
    if (text.empty() || text.starts_with('#')) return;
    if (text.starts_with("set ")) return set(text.substr(4));
    rule(text);
  }

  tl::expected<Script, std::vector<std::string>> result() && {
    if (!mistakes_.empty()) return tl::make_unexpected(std::move(mistakes_));
    return std::move(script_);
  }

 private:
  template <class... Args>
  void complain(fmt::format_string<Args...> format, Args&&... args) {
    mistakes_.push_back(
        fmt::format("{}:{}: {}", file_, number_, fmt::format(format, std::forward<Args>(args)...)));
  }

  void set(std::string_view text) {
    Words words{text};
    auto const name = words.next();
    auto const value = unescaped(words.rest);
    if (!value) return complain("{} is not a text", words.rest);
    if (auto const changed = change(scratch_, name, *value); !changed)
      return complain("{}", changed.error().reason);
    script_.changes.push_back({std::string(name), *value});
  }

  void rule(std::string_view text) {
    auto const arrow = text.find("->");
    if (arrow == std::string_view::npos)
      return complain(
          "a rule is STAGE [CONDITION...] -> ACTION [; ACTION...], and \"->\" is missing");
    Rule rule;
    auto const before = mistakes_.size();
    Words words{text.substr(0, arrow)};
    stages(words.next(), rule);
    while (!words.rest.empty()) condition(words.next(), rule);
    if (rule.stages.has(Stage::Idle) && rule.when.after == Duration::zero())
      complain("an idle rule needs after=DURATION");
    actions(text.substr(arrow + 2), rule);
    if (mistakes_.size() == before) script_.rules.push_back(std::move(rule));
  }

  void stages(std::string_view names, Rule& rule) {
    for (auto const name : split(names, ',')) {
      if (auto const stage = stage_named(name))
        rule.stages.add(*stage);
      else
        complain("there is no stage \"{}\"; the stages are {}", name,
                 fmt::join(std::begin(stage_names), std::end(stage_names), ", "));
    }
  }

  void condition(std::string_view word, Rule& rule) {
    auto const equals = std::min(word.find('='), word.size());
    auto const name = word.substr(0, equals);
    auto const* const row = find_condition(name);
    if (row == nullptr)
      return complain("there is no condition \"{}\"; the conditions are {}", name,
                      all_conditions());
    if (!rule.stages.within(row->stages))
      return complain("\"{}\" is not known at that stage", name);
    if (equals == word.size() || !row->parse(word.substr(equals + 1), rule.when))
      complain("\"{}\" is not a condition; {} would be", word, row->usage);
  }

  void actions(std::string_view text, Rule& rule) {
    bool answered = false, over = false;
    for (auto const piece : pieces(text)) {
      auto const* const row = row_of(piece);
      if (row == nullptr) continue;
      if (over) complain("nothing can follow what ends the conversation: \"{}\"", piece);
      action(*row, piece, rule);
      answered = answered || row->role != Role::Aside;
      over = row->role == Role::LastWord;
    }
    // A rule that only delays or shapes the server's own answer need not ask for it.
    if (!answered && !rule.stages.has(Stage::Idle)) rule.actions.emplace_back();
  }

  void action(ActionRow const& row, std::string_view piece, Rule& rule) {
    Action action;
    action.kind = row.kind;
    Words words{piece};
    if (row.kind != ActionKind::Reply) words.next();
    if (!rule.stages.within(row.stages))
      complain("\"{}\" has no place at that stage", row.name);
    else if (!row.parse(words, action) || !words.rest.empty())
      complain("\"{}\" is not an action; {} would be", piece, row.usage);
    rule.actions.push_back(std::move(action));
  }

  ActionRow const* row_of(std::string_view piece) {
    auto const name = Words{piece}.next();
    auto const* const row = find_action(name);
    if (row == nullptr)
      complain("there is no action \"{}\"; the actions are {}", name, all_actions());
    return row;
  }

  /// Cut at each ';' that stands neither in quotes nor behind a backslash.
  static std::vector<std::string_view> pieces(std::string_view text) {
    std::vector<std::string_view> found;
    bool quoted = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == '"') {
        quoted = !quoted;
      } else if (text[i] == ';' && !quoted) {
        found.push_back(trimmed(text.substr(begin, i - begin)));
        begin = i + 1;
      }
    }
    found.push_back(trimmed(text.substr(std::min(begin, text.size()))));
    return found;
  }

  std::string_view file_;
  std::size_t number_ = 0;
  Script script_;
  Settings scratch_;
  std::vector<std::string> mistakes_;
};

}  // namespace

std::string_view name_of(Stage stage) {
  return stage_names[static_cast<std::size_t>(stage)];
}

std::optional<Stage> stage_named(std::string_view name) {
  auto const* const found = std::find(std::begin(stage_names), std::end(stage_names), name);
  if (found == std::end(stage_names)) return {};
  return static_cast<Stage>(found - std::begin(stage_names));
}

tl::expected<Script, std::vector<std::string>> parse_script(std::string_view text,
                                                            std::string_view file) {
  Parser parser(file);
  for (auto const line : split(text, '\n')) parser.line(line);
  return std::move(parser).result();
}

}  // namespace mailpool::fakemx
