// Reads the script language, and says all that is wrong with a script at once.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <iterator>

#include "core/base/text.h"
#include "fakemx/script.h"
#include "fakemx/settings.h"

namespace mailpool::fakemx {

namespace {

constexpr std::string_view stage_names[stage_count] = {
    "connect", "ehlo", "helo", "lhlo", "starttls", "tls",  "mail", "rcpt", "data",
    "body",    "end",  "bdat", "rset", "noop",     "vrfy", "quit", "idle"};

constexpr StageSet any_stage = {
    Stage::Connect, Stage::Ehlo, Stage::Helo, Stage::Lhlo, Stage::Starttls, Stage::Tls,
    Stage::Mail,    Stage::Rcpt, Stage::Data, Stage::Body, Stage::End,      Stage::Bdat,
    Stage::Rset,    Stage::Noop, Stage::Vrfy, Stage::Quit, Stage::Idle};
constexpr StageSet transaction_stages = {Stage::Mail, Stage::Rcpt, Stage::Data,
                                         Stage::Body, Stage::End,  Stage::Bdat};
constexpr StageSet recipient_stages = {Stage::Rcpt, Stage::Data, Stage::Body, Stage::End,
                                       Stage::Bdat};
constexpr StageSet hello_stages = {Stage::Ehlo, Stage::Lhlo};

/// What an action means for the reply that a command must get.
enum class Role : std::uint8_t {
  Answer,   ///< it is one
  Aside,    ///< the server's own answer still follows, if the rule has no other
  LastWord  ///< nothing can follow
};

/// Arguments as they were written.
struct Words {
  std::string_view rest;

  std::string_view next() {
    rest = trimmed(rest);
    auto const end = std::min(rest.find(' '), rest.size());
    auto const word = rest.substr(0, end);
    rest = trimmed(rest.substr(end));
    return word;
  }
};

/// \r \n \t \0 \\ \" \; \xHH; nothing if there is another one, or a quote does not end. Text may
/// stand in quotes.
std::optional<std::string> unescaped(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  else if (text.starts_with('"'))
    return {};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return {};
    constexpr std::string_view names = "rnt0\\\";", values("\r\n\t\0\\\";", 7);
    if (auto const found = names.find(text[i]); found != std::string_view::npos) {
      out += values[found];
      continue;
    }
    unsigned octet = 0;
    if (text[i] != 'x' || i + 2 >= text.size()) return {};
    auto const* const digits = text.data() + i + 1;
    if (std::from_chars(digits, digits + 2, octet, 16).ptr != digits + 2) return {};
    out += static_cast<char>(octet);
    i += 2;
  }
  return out;
}

bool parse_text(Words& words, Action& action) {
  auto text = unescaped(words.rest);
  words.rest = {};
  if (text) action.text = std::move(*text);
  return text.has_value();
}

bool parse_reply(Words& words, Action& action) {
  action.code = static_cast<int>(to_number(words.next()).value_or(0));
  return parse_text(words, action);
}

/// `send TEXT` or `send N * TEXT`.
bool parse_send(Words& words, Action& action) {
  auto const all = words.rest;
  auto const count = to_number(words.next());
  if (count && *count > 0 && words.rest.starts_with('*')) {
    action.count = *count;
    words.rest.remove_prefix(1);
  } else {
    words.rest = all;
  }
  return parse_text(words, action) && !action.text.empty();
}

bool parse_into(std::string_view word, Duration& to) {
  auto const d = parse_duration(word);
  if (d) to = *d;
  return d.has_value();
}

bool parse_endless(Words& words, Action& action) {
  action.duration = std::chrono::milliseconds(10);
  if (words.rest.starts_with("every ")) {
    words.next();
    if (!parse_into(words.next(), action.duration)) return false;
  }
  return parse_text(words, action) && !action.text.empty();
}

bool parse_trickle(Words& words, Action& action) {
  action.count = to_number(words.next()).value_or(0);
  return action.count > 0 && parse_into(words.next(), action.duration);
}

bool parse_split(Words& words, Action& action) {
  for (auto const word : split(words.next(), ',')) {
    auto const offset = to_number(word);
    if (!offset || (!action.offsets.empty() && *offset <= action.offsets.back())) return false;
    action.offsets.push_back(*offset);
  }
  action.duration = std::chrono::milliseconds(1);
  return words.rest.empty() || parse_into(words.next(), action.duration);
}

bool parse_delay(Words& words, Action& action) {
  return parse_into(words.next(), action.duration);
}

bool parse_stop_reading(Words& words, Action& action) {
  return words.rest.empty() || parse_into(words.next(), action.duration);
}

bool parse_without(Words& words, Action& action) {
  auto const extension = extension_named(words.next());
  if (extension) action.extension = *extension;
  return extension.has_value();
}

bool parse_alert(Words& words, Action& action) {
  action.code = 40;  // handshake_failure
  if (words.rest.empty()) return true;
  auto const code = to_number(words.next());
  if (!code || *code > 255) return false;
  action.code = static_cast<int>(*code);
  return true;
}

bool parse_signal(Words& words, Action& action) {
  static constexpr std::pair<std::string_view, int> signals[] = {
      {"KILL", SIGKILL}, {"TERM", SIGTERM}, {"STOP", SIGSTOP}, {"CONT", SIGCONT},
      {"HUP", SIGHUP},   {"INT", SIGINT},   {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
  auto const name = words.next();
  for (auto const& [known, number] : signals)
    if (known == name) action.code = number;
  action.text = words.next();
  return action.code != 0 && (to_number(action.text).value_or(0) > 1 ||
                              (action.text.size() > 1 && action.text[0] == '@'));
}

bool parse_nothing(Words&, Action&) {
  return true;
}

struct ActionRow {
  std::string_view name;
  ActionKind kind;
  Role role;
  StageSet stages;
  std::string_view usage;
  bool (*parse)(Words& words, Action& action);
};

constexpr ActionRow action_rows[] = {
    {"normal", ActionKind::Normal, Role::Answer, any_stage, "normal", parse_nothing},
    {"silent", ActionKind::Silent, Role::Answer, any_stage, "silent", parse_nothing},
    {"send", ActionKind::Send, Role::Answer, any_stage, "send [N *] \"TEXT\"", parse_send},
    {"endless", ActionKind::Endless, Role::LastWord, any_stage, "endless [every DURATION] \"TEXT\"",
     parse_endless},
    {"flush", ActionKind::Flush, Role::Aside, any_stage, "flush", parse_nothing},
    {"trickle", ActionKind::Trickle, Role::Aside, any_stage, "trickle OCTETS DURATION",
     parse_trickle},
    {"split", ActionKind::Split, Role::Aside, any_stage, "split OFFSET[,OFFSET...] [DURATION]",
     parse_split},
    {"delay", ActionKind::Delay, Role::Aside, any_stage, "delay DURATION", parse_delay},
    {"hang", ActionKind::Hang, Role::LastWord, any_stage, "hang", parse_nothing},
    {"close", ActionKind::Close, Role::LastWord, any_stage, "close", parse_nothing},
    {"drop", ActionKind::Drop, Role::LastWord, any_stage, "drop", parse_nothing},
    {"reset", ActionKind::Reset, Role::LastWord, any_stage, "reset", parse_nothing},
    {"half-close", ActionKind::HalfClose, Role::Aside, any_stage, "half-close", parse_nothing},
    {"close-notify", ActionKind::CloseNotify, Role::Answer, any_stage, "close-notify",
     parse_nothing},
    {"stop-reading", ActionKind::StopReading, Role::Aside, any_stage, "stop-reading [DURATION]",
     parse_stop_reading},
    {"commit", ActionKind::Commit, Role::Aside, {Stage::End}, "commit", parse_nothing},
    {"without", ActionKind::Without, Role::Aside, hello_stages, "without EXTENSION", parse_without},
    {"announce", ActionKind::Announce, Role::Aside, hello_stages, "announce \"KEYWORD VALUE\"",
     parse_text},
    {"alert", ActionKind::Alert, Role::Answer, any_stage, "alert [NUMBER]", parse_alert},
    {"ticket", ActionKind::Ticket, Role::Aside, any_stage, "ticket", parse_nothing},
    {"key-update", ActionKind::KeyUpdate, Role::Aside, any_stage, "key-update", parse_nothing},
    {"renegotiate", ActionKind::Renegotiate, Role::Aside, any_stage, "renegotiate", parse_nothing},
    {"signal", ActionKind::Signal, Role::Aside, any_stage,
     "signal KILL|TERM|STOP|CONT|HUP|INT|USR1|USR2 PID|@FILE", parse_signal},
    {"die", ActionKind::Die, Role::LastWord, any_stage, "die", parse_nothing},
};
constexpr ActionRow reply_row = {"reply",   ActionKind::Reply, Role::Answer,
                                 any_stage, "CODE TEXT",       parse_reply};

bool parse_set(std::string_view value, std::optional<NumberSet>& to) {
  return (to = NumberSet::parse(value)).has_value();
}
bool parse_set(std::string_view value, std::optional<AddressGlobs>& to) {
  return (to = AddressGlobs::parse(value)).has_value();
}

/// A condition whose value is a set: of numbers or of addresses.
template <auto member>
bool set_of(std::string_view value, Conditions& when) {
  return parse_set(value, when.*member);
}

bool parse_tls(std::string_view value, Conditions& when) {
  when.tls = value == "yes";
  return value == "yes" || value == "no";
}

bool parse_at(std::string_view value, Conditions& when) {
  auto const at = parse_size(value);
  when.at = at.value_or(0);
  return at.has_value();
}

bool parse_after(std::string_view value, Conditions& when) {
  return parse_into(value, when.after) && when.after > Duration::zero();
}

bool parse_odds(std::string_view value, Conditions& when) {
  if (!value.ends_with('%')) return false;
  value.remove_suffix(1);
  auto const end = value.data() + value.size();
  auto const [ptr, error] = std::from_chars(value.data(), end, when.odds);
  when.odds /= 100;
  return error == std::errc() && ptr == end && when.odds >= 0 && when.odds <= 1;
}

struct ConditionRow {
  std::string_view name;
  StageSet stages;
  std::string_view usage;
  bool (*parse)(std::string_view value, Conditions& when);
};

constexpr ConditionRow condition_rows[] = {
    {"conn", any_stage, "conn=N", set_of<&Conditions::connection>},
    {"listener", any_stage, "listener=N", set_of<&Conditions::listener>},
    {"message", any_stage, "message=N", set_of<&Conditions::message>},
    {"total", transaction_stages, "total=N", set_of<&Conditions::total>},
    {"rcpt", {Stage::Rcpt}, "rcpt=N", set_of<&Conditions::recipient>},
    {"chunk", {Stage::Bdat}, "chunk=N", set_of<&Conditions::chunk>},
    {"nth", any_stage, "nth=N", set_of<&Conditions::nth>},
    {"to", recipient_stages, "to=ADDRESS-PATTERN", set_of<&Conditions::to>},
    {"from", transaction_stages, "from=ADDRESS-PATTERN", set_of<&Conditions::from>},
    {"helo", any_stage, "helo=PATTERN", set_of<&Conditions::helo>},
    {"tls", any_stage, "tls=yes or tls=no", parse_tls},
    {"at", {Stage::Body}, "at=OCTETS", parse_at},
    {"after", {Stage::Idle}, "after=DURATION", parse_after},
    {"odds", any_stage, "odds=N%", parse_odds},
};

template <class Rows>
std::string all_names(Rows const& rows) {
  std::string names;
  for (auto const& row : rows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

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
    auto const* const row = std::find_if(std::begin(condition_rows), std::end(condition_rows),
                                         [&](ConditionRow const& r) { return r.name == name; });
    if (row == std::end(condition_rows))
      return complain("there is no condition \"{}\"; the conditions are {}", name,
                      all_names(condition_rows));
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
    if (name.size() == 3 && std::all_of(name.begin(), name.end(), is_digit)) return &reply_row;
    auto const* const row = std::find_if(std::begin(action_rows), std::end(action_rows),
                                         [&](ActionRow const& r) { return r.name == name; });
    if (row != std::end(action_rows)) return row;
    complain("there is no action \"{}\"; the actions are a reply code, {}", name,
             all_names(action_rows));
    return nullptr;
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
