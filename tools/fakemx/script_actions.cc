// The actions of the script language, and how their arguments are read.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <iterator>

#include "core/base/text.h"
#include "fakemx/script_words.h"

namespace mailpool::fakemx {

namespace {

constexpr StageSet any_stage = StageSet::all();
constexpr StageSet hello_stages = {Stage::Ehlo, Stage::Lhlo};

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

}  // namespace

std::string_view Words::next() {
  rest = trimmed(rest);
  auto const end = std::min(rest.find(' '), rest.size());
  auto const word = rest.substr(0, end);
  rest = trimmed(rest.substr(end));
  return word;
}

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

ActionRow const* find_action(std::string_view name) {
  if (name.size() == 3 && std::all_of(name.begin(), name.end(), is_digit)) return &reply_row;
  auto const* const row = std::find_if(std::begin(action_rows), std::end(action_rows),
                                       [&](ActionRow const& r) { return r.name == name; });
  return row == std::end(action_rows) ? nullptr : row;
}

std::string all_actions() {
  std::string names = "a reply code";
  for (auto const& row : action_rows) (names += ", ") += row.name;
  return names;
}

}  // namespace mailpool::fakemx
