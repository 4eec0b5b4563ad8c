#include "core/imap/client.h"

#include <algorithm>
#include <cassert>

#include "core/imap/upstream.h"

namespace mailpool::imap {
namespace {

// Before its login a client has this long for each command.
constexpr Duration login_timeout = std::chrono::minutes(1);
// To read what was said last.
constexpr Duration leaving_timeout = std::chrono::seconds(5);

}  // namespace

Client::Client(std::uint64_t id, Peer peer, Offer offer, Duration timeout, bool is_dynamic,
               ClientListener& listener, TimePoint now)
    : id_(id),
      peer_(peer),
      timeout_(timeout),
      listener_(&listener),
      login_(out_, std::move(offer), is_dynamic),
      heard_at_(now),
      moved_at_(now) {
  login_.describe_by([this] { return listener_->pairs_for_id(); });
}

void Client::begin(std::optional<LoginRequest> account, TimePoint now) {
  if (account) {
    is_preauthenticated_ = true;
    phase_ = Phase::Waiting;
    request_ = std::move(*account);
    listener_->on_request(*this, now);
  } else {
    login_.greet();
  }
  if (channel_) channel_->wake();
}

void Client::on_input(std::string_view octets, TimePoint now) {
  heard_at_ = now;
  if (phase_ == Phase::Leaving || phase_ == Phase::Gone) return;
  input_ += octets;
  pump(now);
}

void Client::take_input(std::size_t octets) {
  // What was a login is not left behind in the buffer.
  if (phase_ == Phase::Talking) wipe(input_.data(), octets);
  input_.erase(0, octets);
}

void Client::pump(TimePoint now) {
  if (is_pumping_) return;
  is_pumping_ = true;
  while ((phase_ == Phase::Talking && talk(now)) || (phase_ == Phase::Lent && relay(now))) {
  }
  is_pumping_ = false;
  bool const has_nothing_more =
      has_ended_ && (phase_ == Phase::Talking || (phase_ == Phase::Waiting && input_.empty()) ||
                     (phase_ == Phase::Lent && !upstream_->relay().waits_to_log_out()));
  if (has_nothing_more) return drop(now);
  if (channel_) channel_->wake();
}

// Whether something changed, so that it is worth going on.
bool Client::talk(TimePoint now) {
  auto const taken = login_.receive(input_);
  take_input(taken);
  switch (login_.state()) {
    case ClientLogin::State::Talking:
      return false;
    case ClientLogin::State::Asking:
      phase_ = Phase::Waiting;
      request_ = login_.take_request();
      listener_->on_request(*this, now);
      return true;
    case ClientLogin::State::Choosing:
      listener_->on_server_request(*this, now);
      return login_.state() == ClientLogin::State::Talking;
    case ClientLogin::State::LoggedIn:
      return false;
    case ClientLogin::State::Over:
      leave(now);
      return false;
  }
  return false;
}

bool Client::relay(TimePoint now) {
  auto& relay = upstream_->relay();
  upstream_->pump(now);
  auto const taken = relay.from_client(input_);
  take_input(taken);
  if (relay.has_dismissed_client()) {
    end_loan(now);
    leave(now);
    return false;
  }
  if (!farewell_.empty() && relay.is_at_rest()) {
    out_.add("* BYE " + std::exchange(farewell_, {}) + "\r\n");
    end_loan(now);
    leave(now);
    return false;
  }
  upstream_->note_client(now);
  return taken != 0;
}

void Client::on_server(TimePoint now) {
  pump(now);
}

void Client::on_loan_too_long(TimePoint now) {
  listener_->on_loan_too_long(*this, *upstream_, now);
}

void Client::grant(pool::Lease lease, Upstream& upstream, TimePoint now) {
  assert(phase_ == Phase::Waiting && "only who waits is granted a loan");
  phase_ = Phase::Lent;
  request_ = {};
  waits_until = never;
  lease_ = std::move(lease);
  upstream_ = &upstream;
  auto const& capabilities = upstream.relay().capabilities();
  if (is_preauthenticated_)
    out_.add("* PREAUTH [CAPABILITY " + capabilities.for_client() + "] mailpool is ready\r\n");
  else
    login_.accept(capabilities);
  upstream.lend_to(*this, out_, now);
  pump(now);
}

void Client::refuse(std::string_view text, TimePoint now) {
  assert(phase_ == Phase::Waiting && "only who waits is refused");
  request_ = {};
  waits_until = never;
  delayed_refusal.clear();
  if (is_preauthenticated_) {
    out_.add("* BYE " + std::string(text) + "\r\n");
    return leave(now);
  }
  phase_ = Phase::Talking;
  login_.refuse(text);
  heard_at_ = now;
  pump(now);
}

void Client::choose(Offer offer, TimePoint) {
  login_.choose(std::move(offer));
}

void Client::refuse_server(std::string_view why, TimePoint) {
  login_.refuse(why);
}

void Client::send_away(std::string_view why, TimePoint now) {
  if (phase_ == Phase::Leaving || phase_ == Phase::Gone) return;
  if (phase_ == Phase::Lent) {
    farewell_ = why;
    return pump(now);
  }
  if (phase_ == Phase::Waiting) listener_->on_wait_ended(*this, now);
  out_.add("* BYE " + std::string(why) + "\r\n");
  leave(now);
}

void Client::end_loan(TimePoint now) {
  if (upstream_ == nullptr) return;
  auto& upstream = *std::exchange(upstream_, nullptr);
  upstream.take_back(now);
  lease_.give_back();
  listener_->on_loan_end(*this, upstream, now);
}

void Client::leave(TimePoint now) {
  phase_ = Phase::Leaving;
  heard_at_ = now;
  wipe(input_);
  if (out_.is_empty() || !channel_) return drop(now);
  channel_->wake();
}

void Client::drop(TimePoint now) {
  if (phase_ == Phase::Gone) return;
  if (phase_ == Phase::Waiting) listener_->on_wait_ended(*this, now);
  auto const was_lent = phase_ == Phase::Lent;
  phase_ = Phase::Gone;
  channel_.reset();
  wipe(input_);
  if (was_lent) end_loan(now);
  listener_->on_gone(*this);
}

void Client::on_end(std::string_view, bool is_lost, TimePoint now) {
  has_ended_ = true;
  if (is_lost || phase_ == Phase::Leaving) return drop(now);
  pump(now);
}

void Client::on_written(TimePoint now) {
  moved_at_ = now;
  if (phase_ == Phase::Leaving && out_.is_empty()) return drop(now);
  if (phase_ == Phase::Lent) upstream_->pump(now);
  pump(now);
}

void Client::on_deadline(TimePoint now) {
  switch (phase_) {
    case Phase::Talking:
      return send_away("No login came in time", now);
    case Phase::Waiting:
      return listener_->on_waited(*this, now);
    case Phase::Lent:
      // In the middle of a command, or of an answer, nothing can be said to it.
      if (!out_.is_empty() || !upstream_->relay().is_at_rest()) return drop(now);
      return send_away("Nothing was said for too long (client_timeout)", now);
    case Phase::Leaving:
      return drop(now);
    case Phase::Gone:
      return;
  }
}

TimePoint Client::deadline() const {
  switch (phase_) {
    case Phase::Talking:
      return after(heard_at_, login_timeout);
    case Phase::Waiting:
      return waits_until;
    case Phase::Lent: {
      // One that does not read what it asked for, or does not end what it began to say, keeps its
      // connection no longer than one that asks for nothing. IDLE is meant to last.
      auto const silent = after(std::max(heard_at_, moved_at_), timeout_);
      if (!out_.is_empty()) return silent;
      auto const& relay = upstream_->relay();
      bool const is_working = relay.waits_for_server() || relay.is_in_idle_command();
      return is_working || !farewell_.empty() ? never : silent;
    }
    case Phase::Leaving:
      return after(heard_at_, leaving_timeout);
    case Phase::Gone:
      break;
  }
  return never;
}

bool Client::wants_input() const {
  return !has_ended_ && phase_ != Phase::Gone && input_.size() < most_input;
}

}  // namespace mailpool::imap
