// What a rule does.
#include <signal.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "core/base/text.h"
#include "fakemx/session.h"

namespace mailpool::fakemx {

namespace {

constexpr std::size_t most_unsent = std::size_t{256} << 10U;

/// A process by number, or by the file that holds it; 0 if there is none.
pid_t process_of(std::string const& text) {
  if (!text.starts_with('@')) return static_cast<pid_t>(to_number(text).value_or(0));
  std::string number;
  std::ifstream(text.substr(1)) >> number;
  return static_cast<pid_t>(to_number(number).value_or(0));
}

}  // namespace

Occasion Session::occasion(Stage stage) const {
  Occasion now;
  now.stage = stage;
  now.connection = id_;
  now.listener = listener_;
  now.message = stage == Stage::Idle ? completed_ : mails_;
  now.total = total_;
  now.recipient = tx_.rcpts;
  now.chunk = tx_.chunks;
  now.helo = helo_;
  now.from = tx_.from;
  now.to = stage == Stage::Rcpt  ? std::span(&candidate_, 1)
           : stage == Stage::End ? ending_recipients()
                                 : std::span<std::string const>(tx_.to);
  now.tls = link_.is_tls();
  now.at = octets_;
  return now;
}

void Session::consult(Stage stage) {
  consult(occasion(stage));
}

void Session::consult(Occasion const& now) {
  auto const stage = now.stage;
  auto rule = service_.rules.select(now);
  if (!rule) {
    normal(stage);
    return finish_stage(stage);
  }
  ++service_.stats.rules_met;
  run_ = {};
  run_.rule = std::move(rule);
  run_.stage = stage;
}

void Session::step() {
  if (!run_.drip.empty()) return drip();
  auto const rule = run_.rule;  // an action may end the run while it is at work
  auto const& actions = rule->actions;
  if (run_.next < actions.size()) return perform(actions[run_.next++]);
  auto const stage = run_.stage;
  run_ = {};
  finish_stage(stage);
}

/// One piece of a reply that leaves bit by bit.
void Session::drip() {
  std::uint64_t size = run_.piece > 0 ? run_.piece : run_.drip.size();
  if (run_.offsets != nullptr) {
    auto const next = std::upper_bound(run_.offsets->begin(), run_.offsets->end(), run_.dripped);
    if (next != run_.offsets->end()) size = *next - run_.dripped;
  }
  size = std::min<std::uint64_t>(size, run_.drip.size());
  link_.say(std::string_view(run_.drip).substr(0, size));
  link_.flush();
  run_.drip.erase(0, size);
  run_.dripped += size;
  if (run_.drip.empty()) return;
  wait_ = Wait::Timer;
  wait_for(run_.between);
}

void Session::perform(Action const& action) {
  switch (action.kind) {
    case ActionKind::Normal:
      return normal(run_.stage);
    case ActionKind::Reply:
      return reply(action);
    case ActionKind::Silent:
      return;
    case ActionKind::Send:
    case ActionKind::Endless:
      return repeat(action);
    case ActionKind::Flush:
      return link_.flush();
    case ActionKind::Trickle:
      run_.piece = action.count;
      run_.between = action.duration;
      return;
    case ActionKind::Split:
      run_.offsets = &action.offsets;
      run_.between = action.duration;
      return;
    case ActionKind::Delay:
      link_.flush();
      wait_ = Wait::Timer;
      return wait_for(action.duration);
    case ActionKind::Hang:
      link_.flush();
      wait_ = Wait::Forever;
      return;
    case ActionKind::Close:
    case ActionKind::Drop:
    case ActionKind::Reset:
      return end_by(action.kind);
    case ActionKind::HalfClose:
      return link_.end(Ending::HalfClose);
    case ActionKind::StopReading:
      return stop_reading(action.duration);
    case ActionKind::Commit:
      return commit();
    case ActionKind::Without:
      return hidden_.add(action.extension);
    case ActionKind::Announce:
      extra_.push_back(action.text);
      return;
    case ActionKind::Signal:
      link_.flush();
      if (auto const pid = process_of(action.text); pid > 1) kill(pid, action.code);
      return;
    case ActionKind::Die:
      raise(SIGKILL);
      return;
    case ActionKind::CloseNotify:
    case ActionKind::Alert:
    case ActionKind::Ticket:
    case ActionKind::KeyUpdate:
    case ActionKind::Renegotiate:
      return disturb_tls(action);
  }
}

void Session::stop_reading(Duration d) {
  link_.flush();
  link_.pause_reading(true);
  wait_ = d > Duration::zero() ? Wait::Timer : Wait::Forever;
  if (wait_ == Wait::Timer)
    wait_for(d);
  else
    link_.watch_for_end();
}

void Session::reply(Action const& action) {
  auto text = action.text;
  if (run_.stage == Stage::End) {
    if (action.code / 100 == 2) commit();
    if (auto const at = text.find("{tok}"); at != std::string::npos) text.replace(at, 5, tokens());
  }
  say_reply(action.code, text);
  effect(run_.stage, action.code, text);
}

void Session::repeat(Action const& action) {
  if (action.kind == ActionKind::Send) {
    std::string text;
    for (std::uint64_t i = 0; i < action.count; ++i) text += action.text;
    return say(text);
  }
  if (peer_gone_) return finish(Ending::Fin);
  if (link_.unsent() < most_unsent) link_.say(action.text);
  link_.flush();
  --run_.next;  // the same action again
  wait_ = Wait::Timer;
  wait_for(action.duration);
}

void Session::end_by(ActionKind kind) {
  link_.flush();
  if (kind == ActionKind::Close && link_.is_tls()) link_.close_notify();
  finish(kind == ActionKind::Reset ? Ending::Reset : Ending::Fin);
}

void Session::disturb_tls(Action const& action) {
  if (!link_.is_tls()) {
    // Before the handshake an alert is plain: type 21, any version, two octets, fatal, its number.
    std::string alert("\x15\x03\x03\x00\x02\x02", 6);
    alert += static_cast<char>(action.code);
    if (action.kind == ActionKind::Alert) link_.say_raw(alert);
    return;
  }
  if (action.kind == ActionKind::Alert) link_.fatal_alert();
  if (action.kind == ActionKind::CloseNotify) link_.close_notify();
  if (action.kind == ActionKind::Ticket) link_.new_ticket();
  if (action.kind == ActionKind::KeyUpdate) link_.key_update();
  if (action.kind == ActionKind::Renegotiate) link_.renegotiate();
}

}  // namespace mailpool::fakemx
