// What a transaction sends: MAIL, RCPT, and DATA or BDAT with the body; in one flight, in groups or
// in lock step.
#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "core/smtp/conversation.h"

namespace mailpool::smtp {

void Session::Conversation::start(Transaction const& transaction, TimePoint now) {
  assert(is_idle() && "one transaction at a time");
  assert(transaction.body != nullptr && !transaction.recipients.empty() &&
         "a transaction has a body and recipients");
  run_.is_on = true;
  run_.transaction = transaction;
  run_.tally.begin(transaction.recipients.size());
  run_.is_reused = transactions_ > 0;
  run_.after = After::Idle;
  run_.reason.clear();
  run_.remarks.clear();
  run_.lost_at.reset();
  settle_impossible({run_.transaction, capabilities_, settings_, is_encrypted_});
  if (run_.tally.unsettled() == 0) return finish(now);
  ++transactions_;
  begin_envelope(now);
}

// What this server cannot get is said without asking it (the connection is shared, a refusal of one
// message must not cost it).
void Session::Conversation::settle_impossible(Requirements const& needs) {
  if (auto const refusal = needs.refusal()) {
    run_.reason = refusal->outcome.text;
    return run_.tally.settle_open(refusal->outcome, refusal->retry);
  }
  auto const& recipients = run_.transaction.recipients;
  std::size_t room = capabilities_.rcpt_max.value_or(UINT32_MAX);
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (auto refusal = needs.refusal_of(i)) {
      run_.tally.settle(i, std::move(refusal->outcome), refusal->retry);
    } else if (room == 0) {
      auto text = fmt::format("{} takes {} recipients at once (LIMITS RCPTMAX)", settings_.relay,
                              *capabilities_.rcpt_max);
      run_.tally.settle(i, Outcome::local(451, {4, 5, 3}, std::move(text)), Retry::SameConnection);
    } else {
      --room;
    }
  }
}

void Session::Conversation::begin_envelope(TimePoint now) {
  run_.next_recipient = 0;
  run_.has_content_begun = false;
  run_.is_mail_refused = false;
  run_.is_committed = false;
  run_.is_chunked = may_chunk();
  escalate(After::Reset);
  bool const is_one_flight = may_go_in_one_flight(now);
  Requirements const needs(run_.transaction, capabilities_, settings_, is_encrypted_);
  ask_mail(needs, now);
  if (settings_.pipelining && capabilities_.pipelining) {
    ask_recipients(needs, run_.tally.size(), now);
    if (!run_.is_chunked || is_one_flight) ask_end(now);
  }
  update_state();
}

bool Session::Conversation::may_chunk() const {
  return settings_.chunking && capabilities_.chunking && !chunking_is_broken_;
}

// The commit point of this form is the end of the flight itself: on a connection that died unseen
// everything would be ambiguous.
bool Session::Conversation::may_go_in_one_flight(TimePoint now) const {
  return run_.is_chunked && run_.transaction.body->size() <= settings_.one_flight_up_to &&
         settings_.one_flight_within > Duration::zero() &&
         now - last_reply_at_ <= settings_.one_flight_within;
}

void Session::Conversation::ask_mail(Requirements const& needs, TimePoint now) {
  auto const sender = needs.on_wire(run_.transaction.sender, scratch_);
  assert(sender && "an address that cannot be sent was settled before");
  [[maybe_unused]] bool const is_built = wire::append_path_command(
      commands_.text(), "MAIL FROM", *sender, needs.mail_parameters(), needs.charset());
  assert(is_built && "a path and our own parameters make a command");
  owe({Command::Mail}, now);
}

void Session::Conversation::ask_recipients(Requirements const& needs, std::size_t at_most,
                                           TimePoint now) {
  auto& i = run_.next_recipient;
  for (i = run_.tally.next_unasked(i); i < run_.tally.size() && at_most > 0;
       i = run_.tally.next_unasked(i), --at_most) {
    auto const recipient = needs.on_wire(run_.transaction.recipients[i], scratch_);
    assert(recipient && "an address that cannot be sent was settled before");
    [[maybe_unused]] bool const is_built = wire::append_path_command(
        commands_.text(), "RCPT TO", *recipient, needs.rcpt_parameters(i), needs.charset());
    assert(is_built && "a path makes a command");
    run_.tally.ask(i);
    owe({Command::Rcpt, static_cast<std::uint32_t>(i)}, now);
  }
}

void Session::Conversation::ask_end(TimePoint now) {
  if (!run_.is_chunked) return ask({Command::Data}, {"DATA"}, now);
  ask({Command::Bdat}, {"BDAT ", fmt::format_int(run_.transaction.body->size()).c_str(), " LAST"},
      now);
  begin_content(Content::Framing::Chunk, now);
}

void Session::Conversation::begin_content(Content::Framing framing, TimePoint now) {
  run_.has_content_begun = true;
  content_.begin(*run_.transaction.body, framing);
  content_mark_ = 0;
  body_since_ = now;
}

// After each reply: what is left to ask, if all that was asked has been answered.
void Session::Conversation::advance(TimePoint now) {
  if (!ledger_.is_empty()) return update_state();
  if (run_.tally.unsettled() == 0) return finish(now);
  if (run_.tally.next_unasked(run_.next_recipient) < run_.tally.size())
    ask_recipients({run_.transaction, capabilities_, settings_, is_encrypted_}, 1, now);
  else
    ask_end(now);
  update_state();
}

TransactionResult Session::Conversation::result(bool is_connection_over) {
  auto result = run_.tally.take(is_connection_over, std::move(run_.reason));
  result.remarks = std::exchange(run_.remarks, {});
  result.lost_at = run_.lost_at;
  for (auto& r : result.results) r.outcome.offers_dsn = capabilities_.dsn;
  return result;
}

void Session::Conversation::finish(TimePoint now) {
  auto const after = run_.after;
  std::string const reason = run_.reason;
  events_.emplace_back(Finished{result(after >= After::Quit)});
  run_.is_on = false;
  run_.transaction.body = nullptr;
  content_.stop();
  if (after >= After::Close) return close(reason, after == After::Poison);
  if (after == After::Quit) return begin_quit(reason, now);
  if (after == After::Idle) return enter(State::Idle);
  enter(State::Checking);
  ask({Command::Rset}, {"RSET"}, now);
}

}  // namespace mailpool::smtp
