// Octets and time: what comes in, what goes out, until when.
#include "core/smtp/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "core/base/text.h"

namespace mailpool::smtp {
namespace {

// The body must move on by this much within body_timeout, so that a server which takes an octet a
// minute is given up.
constexpr std::uint64_t progress_step = 65536;

}  // namespace

Session::Conversation::Conversation(SessionSettings settings, TimePoint now,
                                    std::unique_ptr<Login> login)
    : settings_(std::move(settings)),
      login_(std::move(login)),
      last_reply_at_(now),
      waiting_since_(now) {
  ledger_.push({Command::Greeting});
  if (settings_.implicit_tls) enter(State::TlsHandshake);
}

// In.

void Session::Conversation::receive(std::string_view octets, TimePoint now) {
  while (!octets.empty() && state_ != State::Closed) {
    if (ledger_.is_empty() || !is_front_sent()) return on_unasked(octets, now);
    // Before there is any mail, a server that thinks better of it within a reply is only refusing.
    auto const mixed = is_setting_up() ? wire::Mixed::Refusal : wire::Mixed::Broken;
    auto const progress = parser_.feed(octets, mixed);
    if (progress == wire::ReplyParser::Progress::NeedsMore) return;
    if (progress == wire::ReplyParser::Progress::Broken)
      return trouble(Nonsense, parser_.fault(), now);
    has_more_input_ = !octets.empty();
    on_reply(now);
  }
}

void Session::Conversation::on_reply(TimePoint now) {
  std::swap(last_, parser_.reply());
  last_line_.clear();
  last_reply_at_ = waiting_since_ = body_since_ = now;
  is_heard_under_tls_ = is_encrypted_;
  auto const owed = ledger_.front();
  ledger_.pop();
  if (is_setting_up()) {
    on_setup_reply(owed.command, now);
  } else if (run_.is_on) {
    on_transaction_reply(owed, now);
  } else if (state_ == State::Checking) {
    on_checked(now);
  } else {
    close(closing_reason_);  // whatever was said to QUIT, or to a dot that ended nothing
  }
}

void Session::Conversation::on_checked(TimePoint) {
  if (!last_.is(2))
    return close(
        {fmt::format("RSET was refused: {}", last_reply()), {}, false, remark(Step::Idle)});
  enter(State::Idle);
  events_.emplace_back(Checked{});
}

// A reply that nobody waits for would be taken for the next one that somebody does. Only 421 may
// come unasked (RFC 5321 3.8), in as many pieces as the network likes. Before MAIL is sent a
// message has lost nothing by it.
void Session::Conversation::on_unasked(std::string_view octets, TimePoint now) {
  auto const progress = parser_.feed(octets);
  bool const is_reply = progress == wire::ReplyParser::Progress::Complete;
  if (is_reply) std::swap(last_, parser_.reply());
  last_line_.clear();
  if (is_reply && last_.code == 421) return on_unasked_end(now);
  if (run_.is_on && !ledger_.is_empty() && ledger_.front().command == Command::Mail)
    return trouble(Lost, "the server spoke before MAIL FROM was sent", now);
  bool const is_begun =
      progress == wire::ReplyParser::Progress::NeedsMore && parser_.may_become(421);
  if (is_begun && state_ == State::HearingOut) return;
  if (is_begun && state_ == State::Idle) {
    enter(State::HearingOut);
    waiting_since_ = now;
    events_.emplace_back(Disturbed{});
    return;
  }
  auto const what = is_reply ? fmt::format("a reply that nobody asked for: {}", last_reply())
                             : "the server spoke without being asked";
  trouble(Nonsense, what, now);
}

// The end of the service: what was under way ends as if its command had been answered so.
void Session::Conversation::on_unasked_end(TimePoint now) {
  last_reply_at_ = now;
  if (is_setting_up()) return refuse_setup();
  if (!run_.is_on || ledger_.is_empty())
    return close({std::string(last_reply()), {}, false, remark(Step::Idle)});
  auto const owed = ledger_.front();
  ledger_.pop();
  on_transaction_reply(owed, now);
}

void Session::Conversation::disconnected(std::string_view how, TimePoint now) {
  trouble(parser_.is_between_replies() ? Lost : LostMidReply, how, now);
}

void Session::Conversation::expire(TimePoint now) {
  if (now < deadline()) return;
  trouble(TimedOut, "", now);
}

void Session::Conversation::trouble(Sign sign, std::string_view how, TimePoint now) {
  if (state_ == State::Closed) return;
  if (run_.is_on) return act_without_reply(sign, how, now);
  if (state_ == State::Quit) return close(closing_reason_);
  if (is_setting_up()) {
    bool const is_nonsense = sign == Nonsense;
    auto const details = login_ ? login_->authentication.redacted(how) : std::string(how);
    bool const is_unproven = is_tls_unproven() && !is_nonsense;
    auto const doing = is_unproven ? std::string_view("waiting for the first reply under TLS")
                                   : sentence_of(state_);
    auto words = failure_of(settings_.relay, sign, doing, details);
    if (is_unproven || state_ == State::StartTls || state_ == State::TlsHandshake)
      tls_trouble_ = sign == TimedOut            ? TlsTrouble::Silence
                     : state_ == State::StartTls ? TlsTrouble::Refused
                                                 : TlsTrouble::Handshake;
    return fail_setup(std::move(words), !is_nonsense && may_try_plain(), is_nonsense);
  }
  Closed closed;
  closed.reason =
      sign == TimedOut ? fmt::format("timed out while {}", sentence_of(state_)) : std::string(how);
  closed.protocol_error = sign == Nonsense || (sign == TimedOut && state_ == State::HearingOut);
  closed.is_lost = sign == Lost || sign == LostMidReply;
  close(std::move(closed));
}

// What the owner wants.

void Session::Conversation::check(TimePoint now) {
  assert(is_idle() && "only an idle connection is probed");
  enter(State::Checking);
  ask({Command::Rset}, {"RSET"}, now);
}

void Session::Conversation::quit(std::string_view reason, TimePoint now) {
  if (state_ == State::Closed) return;
  if (is_idle()) return begin_quit(reason, now);
  if (is_committed()) return act_without_reply(Lost, reason, now);
  if (run_.is_on) return cancel(reason, now);
  close(reason);
}

void Session::Conversation::cancel(std::string_view reason, TimePoint now) {
  if (!run_.is_on || run_.is_committed) return;
  run_.tally.forbid_retries();
  run_.tally.settle_open(Outcome::local(451, {4, 3, 2}, std::string(reason)));
  run_.reason = reason;
  escalate(After::Close);
  finish(now);
}

void Session::Conversation::begin_quit(std::string_view reason, TimePoint now) {
  closing_reason_ = reason;
  enter(State::Quit);
  ask({Command::Quit}, {"QUIT"}, now);
}

void Session::Conversation::close(std::string_view reason, bool is_protocol_error) {
  Closed closed;
  closed.reason = reason;
  closed.protocol_error = is_protocol_error;
  close(std::move(closed));
}

void Session::Conversation::close(Closed closed) {
  closed.reason = printable(closed.reason);
  enter(State::Closed);
  events_.emplace_back(std::move(closed));
}

// Out.

std::optional<Event> Session::Conversation::poll() {
  if (next_event_ == events_.size()) return std::nullopt;
  auto event = std::move(events_[next_event_++]);
  if (next_event_ == events_.size()) {
    events_.clear();
    next_event_ = 0;
  }
  return event;
}

Output Session::Conversation::output(TimePoint now) {
  Output out;
  if (state_ == State::Closed) return out;
  if (auto const commands = commands_.unsent(); !commands.empty())
    out.pieces[out.count++] = commands;
  if (content_.is_over()) return out;
  std::string_view piece;
  if (!content_.next(piece)) {
    run_.tally.settle_open(Outcome::local(
        451, {4, 3, 0}, "the message could not be read back from its temporary file"));
    run_.reason = "unreadable body";
    escalate(After::Close);
    finish(now);
    return {};
  }
  out.pieces[out.count++] = piece;
  return out;
}

void Session::Conversation::written(std::size_t n, TimePoint now) {
  if (state_ == State::Closed || n == 0) return;
  auto const commands = std::min(n, commands_.unsent().size());
  commands_.taken(commands);
  n -= commands;
  if (n != 0) content_.taken(n);
  note_progress(now);
}

void Session::Conversation::note_progress(TimePoint now) {
  if (!run_.is_on || !run_.has_content_begun) return;
  if (is_end_sent()) {
    run_.is_committed = true;
    waiting_since_ = now;
  } else if (content_.sent() >= content_mark_ + progress_step) {
    content_mark_ = content_.sent();
    body_since_ = now;
  }
  update_state();
}

void Session::Conversation::offered() {
  if (state_ == State::Closed) return;
  commands_.offered();
  if (run_.is_on && run_.has_content_begun && (content_.is_over() || content_.is_last()))
    run_.is_committed = true;
  update_state();
}

TimePoint Session::Conversation::deadline() const {
  if (state_ == State::Idle || state_ == State::Closed) return never;
  if (state_ == State::TlsHandshake) return after(waiting_since_, settings_.timeouts.starttls);
  if (state_ == State::HearingOut) return after(waiting_since_, settings_.timeouts.quit);
  auto const command = ledger_.front().command;
  bool const is_sending = run_.is_on && run_.has_content_begun && !is_end_sent();
  bool const ends_content = command == Command::Bdat || command == Command::EndOfData;
  if (is_sending && ends_content) return after(body_since_, settings_.timeouts.body);
  return after(waiting_since_, timeout_of(command));
}

Duration Session::Conversation::timeout_of(Command command) const {
  auto const& t = settings_.timeouts;
  switch (command) {
    case Command::Greeting:
      return t.greeting;
    case Command::Ehlo:
    case Command::Helo:
      return t.ehlo;
    case Command::StartTls:
      return t.starttls;
    case Command::Auth:
      return t.auth;
    case Command::Mail:
      return t.mail;
    case Command::Rcpt:
      return t.rcpt;
    case Command::Data:
      return t.data;
    case Command::Bdat:
    case Command::EndOfData:
      return t.end_of_data;
    case Command::Rset:
      return t.rset;
    case Command::LoneDot:
    case Command::Quit:
      return t.quit;
  }
  return t.quit;
}

bool Session::Conversation::is_idle() const {
  return state_ == State::Idle && ledger_.is_empty() && parser_.is_between_replies();
}

std::string_view Session::Conversation::last_reply() const {
  if (last_line_.empty() && last_.code != 0) last_line_ = last_.to_string();
  return last_line_;
}

void Session::Conversation::ask(Owed owed, std::initializer_list<std::string_view> command,
                                TimePoint now) {
  [[maybe_unused]] bool const is_built = wire::append_command(commands_.text(), command);
  assert(is_built && "our own words can be sent");
  owe(owed, now);
}

void Session::Conversation::owe(Owed owed, TimePoint now) {
  owed.asked_at = commands_.end();
  owed.transaction = transactions_;
  if (ledger_.is_empty()) waiting_since_ = now;
  ledger_.push(owed);
}

}  // namespace mailpool::smtp
