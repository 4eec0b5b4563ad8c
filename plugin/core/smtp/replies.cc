// What the replies of a transaction lead to: the hoped-for ones here, all others by the table in
// verdicts.cc.
#include <fmt/format.h>

#include <utility>

#include "core/base/text.h"
#include "core/smtp/conversation.h"

namespace mailpool::smtp {
namespace {

Step step_of(Place place) {
  switch (place) {
    case Place::Mail:
      return Step::Mail;
    case Place::Rcpt:
      return Step::Rcpt;
    case Place::Data:
      return Step::Data;
    case Place::Content:
    case Place::Chunk:
    case Place::EndOfData:
      return Step::End;
    case Place::Restart:
      return Step::Idle;
  }
  return Step::Idle;
}

// A reply that only follows from an earlier one (503 to DATA after every RCPT was refused) says
// nothing new, nor does one to BDAT that only says that there is no BDAT.
bool is_echo(Action action) {
  return action == Action::KeepReplies || action == Action::KeepAndPoison ||
         action == Action::LoneDot || action == Action::WithoutChunking ||
         action == Action::FreshWithoutChunking;
}

}  // namespace

Place Session::Conversation::place_of(Command command) const {
  switch (command) {
    case Command::Mail:
      return Place::Mail;
    case Command::Rcpt:
      return Place::Rcpt;
    case Command::Data:
      return Place::Data;
    case Command::Rset:
      return Place::Restart;
    case Command::Bdat:
      return is_end_sent() ? Place::Chunk : Place::Content;
    default:
      return is_end_sent() ? Place::EndOfData : Place::Content;
  }
}

void Session::Conversation::update_state() {
  if (!run_.is_on || ledger_.is_empty()) return;
  switch (place_of(ledger_.front().command)) {
    case Place::Mail:
    case Place::Rcpt:
    case Place::Restart:
      return enter(State::Envelope);
    case Place::Data:
      return enter(State::Data);
    case Place::Content:
      return enter(State::Content);
    case Place::Chunk:
    case Place::EndOfData:
      return enter(State::EndOfData);
  }
}

Context Session::Conversation::context() const {
  return {run_.is_reused, run_.tally.accepted() > 0, run_.is_mail_refused, run_.is_chunked};
}

// A reply that makes no sense, behind the commit point, says nothing of the message, whichever
// command it was counted for.
Place Session::Conversation::place_of_reply(Command command) const {
  bool const is_verdict = last_.code >= 400 || last_.is(2);
  bool const is_early = command == Command::Mail || command == Command::Rcpt;
  return run_.is_committed && is_early && !is_verdict ? Place::Chunk : place_of(command);
}

void Session::Conversation::on_transaction_reply(Owed const& owed, TimePoint now) {
  auto const place = place_of_reply(owed.command);
  if (is_hoped_for(place, owed)) {
    go_on(place, owed, now);
  } else if (place != Place::Rcpt || run_.tally.standing(owed.recipient) == Standing::Asked) {
    act(row_for(place, last_.code, context()), last_.code, last_reply(), owed.recipient, now);
  }
  if (!run_.is_on) return;
  if (last_.code == 421) {
    run_.reason = last_reply();
    escalate(After::Close);
  }
  if (run_.after < After::Close) return advance(now);
  finish(now);
}

bool Session::Conversation::is_hoped_for(Place place, Owed const& owed) const {
  switch (place) {
    case Place::Mail:
    case Place::Restart:
    case Place::EndOfData:
      return last_.is(2);
    case Place::Rcpt:
      return last_.is(2) && run_.tally.standing(owed.recipient) == Standing::Asked;
    case Place::Data:
      return last_.code == 354 && run_.tally.accepted() > 0;
    case Place::Chunk:
      return last_.is(2) && run_.tally.accepted() > 0;
    case Place::Content:
      return false;  // no reply is due before all of it is sent
  }
  return false;
}

void Session::Conversation::go_on(Place place, Owed const& owed, TimePoint now) {
  switch (place) {
    case Place::Rcpt:
      return run_.tally.accept(owed.recipient);
    case Place::Data:
      owe({Command::EndOfData}, now);
      return begin_content(Content::Framing::Dots, now);
    case Place::Restart:
      return begin_envelope(now);
    case Place::Chunk:
    case Place::EndOfData:
      run_.tally.settle_open(said(Place::EndOfData));
      if (run_.after == After::Reset) run_.after = After::Idle;
      return;
    case Place::Mail:
    case Place::Content:
      return;
  }
}

void Session::Conversation::act_without_reply(Sign sign, std::string_view how, TimePoint now) {
  auto const owed = ledger_.front();
  auto const end = run_.is_chunked ? Place::Chunk : Place::EndOfData;
  auto const place = run_.is_committed ? end : place_of(owed.command);
  if (sign == Lost || sign == LostMidReply) run_.lost_at = step_of(place);
  act(row_for(place, sign, context()), sign, how, owed.recipient, now);
  escalate(sign == Nonsense ? After::Poison : After::Close);
  finish(now);
}

void Session::Conversation::act(Row const& row, Sign sign, std::string_view how,
                                std::size_t recipient, TimePoint now) {
  if (row.place == Place::Mail) run_.is_mail_refused = true;
  if (sign >= 400) note_remark(row, recipient);
  auto outcome = sign >= 400 ? said(row.place)
                             : failure_of(settings_.relay, sign, sentence_of(row.place), how);
  if (row.action != Action::PassToOne) run_.reason = outcome.text;
  switch (row.action) {
    case Action::PassToAll:
      return run_.tally.settle_open(outcome);
    case Action::PassToOne:
      return run_.tally.settle(recipient, std::move(outcome));
    case Action::PassAndClose:
      settle_rest(row.place, recipient, outcome, Retry::Nothing);
      return escalate(After::Close);
    case Action::NextTransaction:
      return run_.tally.settle(recipient, as_deferred(std::move(outcome)), Retry::SameConnection);
    case Action::FreshConnection:
      settle_rest(row.place, recipient, as_deferred(std::move(outcome)), Retry::FreshConnection);
      return escalate(After::Quit);
    case Action::FreshForOne:
      run_.tally.settle(recipient, as_deferred(std::move(outcome)), Retry::FreshConnection);
      return escalate(After::Quit);
    case Action::WithoutChunking:
      return restart_without_chunking(now);
    case Action::FreshWithoutChunking:
      chunking_is_broken_ = true;
      run_.tally.settle_open(as_deferred(std::move(outcome)), Retry::FreshConnection);
      return escalate(After::Close);
    case Action::Defer:
      run_.tally.settle_open(outcome);
      return escalate(After::Close);
    case Action::Violation:
      run_.tally.settle_open(outcome);
      return escalate(After::Poison);
    case Action::Ambiguous:
      run_.tally.settle_open(as_ambiguous(std::move(outcome)));
      return escalate(sign == Nonsense || sign >= 100 ? After::Poison : After::Close);
    case Action::KeepReplies:
      return;
    case Action::KeepAndPoison:
      run_.tally.forbid_retries();
      return escalate(After::Poison);
    case Action::LoneDot:
      return end_unwanted_data(now);
  }
}

// A reply to one RCPT that ends the transaction: of the others, those may have been taken whose
// flight is out already.
void Session::Conversation::settle_rest(Place place, std::size_t recipient, Outcome const& outcome,
                                        Retry retry) {
  if (place != Place::Rcpt || !run_.is_committed) {
    if (place == Place::Rcpt && retry != Retry::Nothing) run_.tally.retry_deferred(retry);
    return run_.tally.settle_open(outcome, retry);
  }
  run_.tally.settle(recipient, outcome, retry);
  run_.tally.settle_open(
      as_ambiguous(failure_of(settings_.relay, Lost, sentence_of(Place::Chunk), last_reply())));
}

// The chunk was not taken, so nothing was delivered; the body goes once more, by DATA, to those who
// were accepted.
void Session::Conversation::restart_without_chunking(TimePoint now) {
  chunking_is_broken_ = true;
  run_.is_committed = false;
  run_.has_content_begun = false;
  run_.tally.reopen_accepted();
  ask({Command::Rset}, {"RSET"}, now);
}

// 354 though nobody was accepted: a lone dot ends it, and whatever is answered to that counts for
// nothing (RFC 2920 3.1).
void Session::Conversation::end_unwanted_data(TimePoint now) {
  closing_reason_ = "the server took DATA without a recipient";
  events_.emplace_back(Finished{result(true)});
  run_.is_on = false;
  enter(State::Quit);
  ask({Command::LoneDot}, {"."}, now);
}

Remark Session::Conversation::remark(Step step, std::size_t recipient) const {
  Remark remark{step, last_.code, printable(last_reply()), recipient, {settings_.ehlo_name}};
  if (!run_.is_on) return remark;
  auto const say = [&](std::string_view address) {
    remark.said.emplace_back(address);
    if (auto const at = address.rfind('@'); at != std::string_view::npos)
      remark.said.emplace_back(address.substr(at + 1));
  };
  say(run_.transaction.sender);
  say(run_.transaction.recipients[recipient]);
  return remark;
}

void Session::Conversation::note_remark(Row const& row, std::size_t recipient) {
  if (is_echo(row.action) || run_.remarks.size() >= most_remarks) return;
  run_.remarks.push_back(remark(step_of(row.place), recipient));
}

Outcome Session::Conversation::said(Place place) const {
  return Outcome::remote(last_.code, last_.enhanced, last_.text(), settings_.relay,
                         command_of(place));
}

}  // namespace mailpool::smtp
