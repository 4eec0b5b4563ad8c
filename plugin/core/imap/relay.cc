// The server's side of the relay, and the end of a loan.

#include "core/imap/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/text.h"

namespace mailpool::imap {

using wire::ImapPiece;

namespace {

bool changes_selection(CommandRow const& row) {
  return row.handling == Handling::Selects || row.handling == Handling::Deselects;
}

// What some servers say between a literal's response and the next: a blank line, or the end of a
// list once more. The next response begins in a new line all the same.
bool is_nothing(std::string_view octets) {
  return octets.find_first_not_of(" \t\r\n)") == std::string_view::npos;
}

}  // namespace

void Relay::withhold_enable() {
  withholds_enable_ = true;
  capabilities_.remove("ENABLE");
}

void Relay::note_capabilities(std::string_view words) {
  capabilities_ = Capabilities(words);
  if (withholds_enable_) capabilities_.remove("ENABLE");
}

void Relay::lend(Outbox& client) {
  assert(phase_ == Phase::Idle && "only an idle connection is lent");
  phase_ = Phase::Lent;
  client_ = &client;
  forgotten_ = 0;
}

std::size_t Relay::from_server(std::string_view input) {
  std::size_t taken = 0;
  while (phase_ != Phase::Broken && !is_client_behind()) {
    auto const rest = input.substr(taken);
    auto const piece = responses_.next(rest);
    if (piece.kind == ImapPiece::Kind::Nothing) break;
    if (piece.kind == ImapPiece::Kind::Malformed || piece.kind == ImapPiece::Kind::TooLong) {
      break_off(Discard::Parse);
      break;
    }
    auto const octets = rest.substr(0, piece.octets);
    taken += piece.octets;
    if (phase_ == Phase::Finishing || phase_ == Phase::Resetting) forgotten_ += piece.octets;
    if (piece.kind == ImapPiece::Kind::First) {
      bool const is_stray = had_literal_ && piece.ends && is_nothing(octets) &&
                            (phase_ == Phase::Lent || phase_ == Phase::Finishing);
      had_literal_ = !piece.ends || is_stray;
      if (is_stray)
        has_doubt_ = true;
      else
        hear(octets, octets.ends_with("\r\n"));
    } else if (phase_ == Phase::Lent) {
      pass_to_client(octets);
    }
    if (piece.ends) say_what_was_held();
  }
  return taken;
}

void Relay::hear(std::string_view octets, bool is_whole) {
  auto const line = is_whole ? octets.substr(0, octets.size() - 2) : octets;
  if (line == "+" || line.starts_with("+ ")) return hear_continuation(octets);
  if (line.starts_with("* ")) return hear_untagged(octets, is_whole);
  hear_tagged(octets);
}

void Relay::hear_continuation(std::string_view octets) {
  if (waits_for_go_ahead_ && phase_ == Phase::Lent) {
    waits_for_go_ahead_ = false;
    if (!std::exchange(hides_go_ahead_, false)) pass_to_client(octets);
    return;
  }
  if (idle_ != Idle::Asked) return break_off(Discard::Desync);
  idle_ = Idle::Active;
  if (phase_ == Phase::Lent) return pass_to_client(octets);
  to_server_.add("DONE\r\n");
  idle_ = Idle::Ending;
}

void Relay::hear_untagged(std::string_view octets, bool is_whole) {
  auto const line = is_whole ? octets.substr(0, octets.size() - 2) : octets;
  wire::ImapWords words(line.substr(2));
  auto const word = ascii_upper(words.atom());
  if (word == "BYE") {
    last_line_ = printable(line);
    if (phase_ == Phase::Lent) pass_to_client(octets);
    return break_off(Discard::Bye);
  }
  if (word == "PREAUTH") return break_off(Discard::Desync);
  bool const is_harmless = word == "OK" || word == "CAPABILITY";
  if ((phase_ == Phase::Idle) && !is_harmless) return break_off(Discard::Desync);
  CapabilityCode code;
  if (is_whole && find_capabilities(line, code)) {
    note_capabilities(code.words);
    if (phase_ == Phase::Lent)
      pass_to_client(std::string(code.before) + capabilities_.for_client() +
                     std::string(code.after) + "\r\n");
    return;
  }
  if (word == "OK" && words.take_blank() && ascii_istarts_with(words.rest(), "[CLOSED]")) {
    selected_ = Selected::No;
    for (auto& open : open_) open.closed_since = true;
  }
  if (phase_ == Phase::Lent) pass_to_client(octets);
}

void Relay::hear_tagged(std::string_view octets) {
  auto const line = octets.substr(0, octets.size() - std::min<std::size_t>(2, octets.size()));
  auto const blank = line.find(' ');
  auto const tag = line.substr(0, blank);
  auto const rest = blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1);
  auto const status = ascii_upper(rest.substr(0, rest.find(' ')));
  if (status != "OK" && status != "NO" && status != "BAD") return break_off(Discard::Parse);
  if (!barrier_tag_.empty() && (tag == barrier_tag_ || tag == unselect_tag_)) {
    last_line_ = printable(line);
    bool const is_barrier = tag == barrier_tag_;
    if (is_barrier) {
      barrier_tag_.clear();
    } else {
      unselect_tag_.clear();
      bool const is_done = expects_refusal_ ? status == "NO" : status == "OK";
      return is_done ? static_cast<void>(selected_ = Selected::No)
                     : break_off(Discard::ResetRefused);
    }
    return hear_own_tag(status);
  }
  auto const open =
      std::find_if(open_.begin(), open_.end(), [&](Open const& o) { return o.tag == tag; });
  if (open == open_.end()) return break_off(Discard::Desync);
  // Which mailbox is selected follows from the order; one that was overtaken says nothing of it.
  if (changes_selection(*open->row) &&
      std::any_of(open_.begin(), open, [](Open const& o) { return changes_selection(*o.row); }))
    has_doubt_ = true;
  auto const closed = std::move(*open);
  open_.erase(open);
  last_line_ = printable(rest);
  hear_result(closed, status);
  if (phase_ == Phase::Lent) {
    CapabilityCode code;
    if (find_capabilities(line, code)) {
      note_capabilities(code.words);
      pass_to_client(std::string(code.before) + capabilities_.for_client() +
                     std::string(code.after) + "\r\n");
    } else {
      pass_to_client(octets);
    }
    if (open_.empty()) answer_logout();
  } else if (phase_ == Phase::Finishing && open_.empty()) {
    begin_reset();
  }
}

void Relay::hear_own_tag(std::string_view status) {
  bool const was_check = phase_ == Phase::Checking;
  if (status != "OK") return break_off(was_check ? Discard::CheckFailed : Discard::ResetRefused);
  // The answers come in order, so nothing of the loan can still be on its way.
  if (!unselect_tag_.empty() || selected_ != Selected::No) return break_off(Discard::Desync);
  become_idle();
}

void Relay::hear_result(Open const& open, std::string_view status) {
  bool const is_ok = status == "OK";
  if (open.row->handling == Handling::Selects) {
    // A SELECT that fails leaves no mailbox selected (RFC 9051 6.3.2); but a server that says
    // nothing of the one before is not taken at its word.
    if (is_ok)
      selected_ = Selected::Yes;
    else if (status == "NO" && selected_ == Selected::Yes && !open.closed_since)
      selected_ = Selected::Unknown;
  }
  if (open.row->handling == Handling::Deselects && is_ok) selected_ = Selected::No;
  if (open.row->handling == Handling::Idles && open.tag == idle_tag_) {
    // Ended by the server itself, the client's DONE may still come; it is refused here then.
    idle_ = Idle::No;
    idle_tag_.clear();
  }
  // It may not have read the literal as one.
  if (open.was_unasked && !is_ok) has_doubt_ = true;
  if (is_in_passed_command() && current_.tag == open.tag) hear_result_of_current(is_ok);
}

// Of a command that the client has not said to its end.
void Relay::hear_result_of_current(bool is_ok) {
  current_.answered = true;
  if (!waits_for_go_ahead_) {
    has_doubt_ = true;  // who knows what the server does with the rest of it
    return;
  }
  if (is_ok) has_doubt_ = true;
  waits_for_go_ahead_ = false;
  if (std::exchange(hides_go_ahead_, false)) {
    current_.is_passed_on = false;  // the client says the rest all the same: to nobody
  } else {
    commands_.give_up();
    current_ = {};
  }
}

void Relay::pass_to_client(std::string_view octets) {
  if (client_ != nullptr && !is_dismissed_) client_->add(octets);
}

void Relay::break_off(Discard reason) {
  if (phase_ == Phase::Broken) return;
  bool const has_client = phase_ == Phase::Lent && !is_dismissed_;
  phase_ = Phase::Broken;
  reason_ = reason;
  if (!has_client) return;
  is_dismissed_ = true;
  // In the middle of a response nothing can be said any more; the end of the stream says it all.
  if (reason == Discard::Bye || !responses_.is_between()) return;
  std::string_view const what = reason == Discard::AnswerTimeout
                                    ? "The IMAP server does not answer"
                                    : "The connection to the IMAP server is lost";
  client_->add(fmt::format("* BYE {} ({})\r\n", what, name_of(reason)));
}

void Relay::discard(Discard reason) {
  break_off(reason);
}

bool Relay::may_say_logout() const {
  return !is_logged_out_ && !is_in_passed_command() && !waits_for_go_ahead_ &&
         idle_ != Idle::Asked && reason_ != Discard::Eof && reason_ != Discard::Tls &&
         reason_ != Discard::Bye && reason_ != Discard::Parse;
}

void Relay::say_logout() {
  if (idle_ == Idle::Active) to_server_.add("DONE\r\n");
  is_logged_out_ = true;
  to_server_.add(entropy_.tag() + " LOGOUT\r\n");
}

void Relay::take_back() {
  if (phase_ == Phase::Broken) {
    client_ = nullptr;
    pairs_ = nullptr;
    return;
  }
  assert(phase_ == Phase::Lent && "only what was lent comes back");
  client_ = nullptr;
  pairs_ = nullptr;
  is_dismissed_ = true;
  held_.clear();
  logout_tag_.clear();
  if (reset_ == Reset::Off) {
    // For the harness that must find what leaks then: as if all were well.
    current_ = {};
    commands_.give_up();
    waits_for_go_ahead_ = false;
    hides_go_ahead_ = false;
    taint_ = Discard::None;
    has_doubt_ = false;
    return become_idle();
  }
  if (is_in_passed_command() || waits_for_go_ahead_) return break_off(Discard::OpenLiteral);
  if (taint_ != Discard::None) return break_off(taint_);
  if (has_doubt_) return break_off(Discard::Desync);
  phase_ = Phase::Finishing;
  commands_.give_up();
  current_ = {};
  scanned_.clear();
  finish();
}

void Relay::finish() {
  if (idle_ == Idle::Active) {
    to_server_.add("DONE\r\n");
    idle_ = Idle::Ending;
  }
  if (open_.empty()) begin_reset();
}

void Relay::begin_reset() {
  assert(open_.empty() && "the reset comes after the last answer");
  // The last answers may have left a doubt after the client had gone.
  if (selected_ == Selected::Unknown || has_doubt_) return break_off(Discard::Desync);
  phase_ = Phase::Resetting;
  if (selected_ == Selected::Yes) {
    unselect_tag_ = entropy_.tag();
    // CLOSE would expunge what the client has marked and not meant to lose.
    expects_refusal_ = !capabilities_.has("UNSELECT");
    to_server_.add(unselect_tag_ + (expects_refusal_ ? " EXAMINE \"" + entropy_.tag() + "\"\r\n"
                                                     : " UNSELECT\r\n"));
  }
  barrier_tag_ = entropy_.tag();
  to_server_.add(barrier_tag_ + " NOOP\r\n");
}

void Relay::become_idle() {
  phase_ = Phase::Idle;
  is_dismissed_ = false;
  is_logout_answered_ = false;
  if (reset_ == Reset::Off) return;
  assert(open_.empty() && selected_ == Selected::No && taint_ == Discard::None && !has_doubt_ &&
         idle_ == Idle::No && !waits_for_go_ahead_ && barrier_tag_.empty() &&
         "a connection that is lent again owes nothing to anybody");
}

void Relay::check() {
  assert(phase_ == Phase::Idle && "only an idle connection is checked");
  phase_ = Phase::Checking;
  barrier_tag_ = entropy_.tag();
  to_server_.add(barrier_tag_ + " NOOP\r\n");
}

}  // namespace mailpool::imap
