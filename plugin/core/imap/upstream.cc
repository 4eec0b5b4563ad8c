#include "core/imap/upstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "core/base/text.h"
#include "core/imap/client.h"

namespace mailpool::imap {
namespace {

using pool::ConnectionState;
using Phase = Relay::Phase;

// How long a server may take to close after LOGOUT.
constexpr Duration good_bye = std::chrono::seconds(1);

}  // namespace

Upstream::Upstream(Plan plan, UserPool& user, ImapSettings const& settings, LoginRequest request,
                   Entropy& entropy, Reset reset, UpstreamListener& listener)
    : pool::Connection(plan.id, plan.key, plan.opened_at, plan.expires_at),
      plan_(std::move(plan)),
      user_(user),
      settings_(settings),
      entropy_(entropy),
      reset_(reset),
      listener_(listener),
      heard_at_(plan_.opened_at),
      rested_since_(plan_.opened_at),
      asked_at_(plan_.opened_at),
      lent_at_(plan_.opened_at),
      spoke_at_(plan_.opened_at) {
  login_.emplace(out_, entropy_, std::move(request), settings_.tls, plan_.server.host,
                 plan_.server.port);
}

bool Upstream::may_be_turned_over() const {
  return state() == ConnectionState::Idle && relay_->phase() == Phase::Idle && is_quiet() &&
         channel_ && !channel_->has_unread() && relay_->capabilities().has("UNAUTHENTICATE");
}

void Upstream::take_over(Upstream& other, TimePoint now) {
  assert(other.may_be_turned_over() && "only what is clean becomes somebody else's");
  channel_ = std::move(other.channel_);
  peer_ = other.peer_;
  heard_at_ = now;
  login_->unauthenticate();
  channel_->hand_over(*this);
  wake();
}

ConnectionState Upstream::state_after_use() const {
  // Never Idle at once: the reset takes a round trip at least, and without it (tests) settle()
  // moves it on.
  return relay_->phase() == Phase::Broken ? ConnectionState::Closing : ConnectionState::Checking;
}

void Upstream::on_open(std::string_view peer, TimePoint now) {
  peer_ = peer;
  heard_at_ = now;
}

void Upstream::on_tls(TimePoint now) {
  heard_at_ = now;
  if (!login_ || login_->state() != UpstreamLogin::State::WantsTls)
    return fail("TLS began unasked", now);
  login_->tls_established();
  wake();
}

void Upstream::on_input(std::string_view octets, TimePoint now) {
  if (is_closing_) return;
  heard_at_ = now;
  input_ += octets;
  take_input(now);
}

void Upstream::take_input(TimePoint now) {
  if (!relay_ && login_->state() == UpstreamLogin::State::Talking) {
    input_.erase(0, login_->receive(input_));
    if (login_said_at_ == never && login_->is_said()) login_said_at_ = now;
    login_went_on(now);
  }
  if (relay_) {
    input_.erase(0, relay_->from_server(input_));
    settle(now);
  }
  wake();
}

void Upstream::login_went_on(TimePoint now) {
  switch (login_->state()) {
    case UpstreamLogin::State::Talking:
      return;
    case UpstreamLogin::State::WantsTls:
      return channel_->begin_tls();
    case UpstreamLogin::State::Done:
      relay_.emplace(login_->capabilities(), entropy_, reset_);
      if (settings_.enable == ImapEnable::Refuse) relay_->withhold_enable();
      rested_since_ = now;
      return listener_.on_logged_in(*this, now);
    case UpstreamLogin::State::Refused:
    case UpstreamLogin::State::Unclear:
    case UpstreamLogin::State::PutOff:
    case UpstreamLogin::State::NotOffered:
      failure_ = login_->refusal();
      return listener_.on_not_logged_in(*this, now);
    case UpstreamLogin::State::Failed:
      failure_ = login_->why();
      return listener_.on_not_logged_in(*this, now);
  }
}

void Upstream::fail(std::string why, TimePoint now) {
  if (relay_) return;
  failure_ = std::move(why);
  listener_.on_not_logged_in(*this, now);
}

void Upstream::on_end(std::string_view how, bool, TimePoint now) {
  channel_.reset();
  if (is_closing_) return listener_.on_closed(*this, now);
  if (!relay_) return fail(fmt::format("{} while {}", how, login_->doing()), now);
  relay_->discard(how.find("TLS") != std::string_view::npos ? Discard::Tls : Discard::Eof);
  settle(now);
}

void Upstream::on_no_socket(std::string_view why, TimePoint now) {
  has_lacked_socket_ = true;
  on_end(why, true, now);
}

void Upstream::lend_to(Client& client, Outbox& box, TimePoint now) {
  borrower_ = &client;
  lent_at_ = now;
  spoke_at_ = now;
  logout_at_ = never;
  is_asked_ = false;
  is_held_up_ = false;
  relay_->lend(box);
  relay_->describe_by([&client] { return client.pairs_for_id(); });
  wake();
}

void Upstream::take_back(TimePoint now) {
  borrower_ = nullptr;
  asked_at_ = now;
  rested_since_ = now;
  logout_at_ = never;
  relay_->take_back();
}

// A server that nobody reads is not silent.
void Upstream::listen(TimePoint now) {
  bool const is_held_up = borrower_ != nullptr && !borrower_->has_room();
  if (is_held_up_ && !is_held_up) spoke_at_ = now;
  is_held_up_ = is_held_up;
}

void Upstream::pump(TimePoint now) {
  if (!relay_) return;
  listen(now);
  if (!input_.empty()) {
    input_.erase(0, relay_->from_server(input_));
    settle(now);
  }
  wake();
}

void Upstream::note_client(TimePoint now) {
  if (logout_at_ == never && relay_->waits_to_log_out()) logout_at_ = now;
  // What it is told now it could not answer before.
  if (relay_->waits_for_server() && !is_asked_) spoke_at_ = now;
  is_asked_ = relay_->waits_for_server();
  listen(now);
  wake();
}

void Upstream::begin_check(TimePoint now) {
  asked_at_ = now;
  relay_->check();
  wake();
}

void Upstream::discard(Discard reason, TimePoint now) {
  if (!relay_) {
    reason_ = reason;
    if (!is_told_) {
      is_told_ = true;
      listener_.on_broken(*this, now);
    }
    return;
  }
  relay_->discard(reason);
  settle(now);
}

Discard Upstream::reason() const {
  return relay_ ? relay_->reason() : reason_;
}

void Upstream::settle(TimePoint now) {
  auto const phase = relay_->phase();
  if (borrower_ != nullptr) return borrower_->on_server(now);
  if (phase == Phase::Broken) {
    if (is_told_) return;
    is_told_ = true;
    return listener_.on_broken(*this, now);
  }
  if (phase == Phase::Idle && state() == ConnectionState::Checking) listener_.on_ready(*this, now);
  bool const is_over = (phase == Phase::Finishing || phase == Phase::Resetting) &&
                       relay_->forgotten() > settings_.reset_max_bytes;
  if (is_over) discard(Discard::ResetMaxBytes, now);
}

void Upstream::close(TimePoint now) {
  asked_at_ = now;
  is_closing_ = true;
  input_.clear();
  bool const says_logout =
      channel_ && (relay_ ? relay_->may_say_logout() : login_->may_say_logout());
  if (!says_logout) {
    channel_.reset();
    return listener_.on_closed(*this, now);
  }
  if (relay_)
    relay_->say_logout();
  else
    login_->say_logout();
  wake();
}

void Upstream::on_written(TimePoint now) {
  // That the kernel takes one command more of a program that does not wait for answers says nothing
  // of the server; that it goes on with a message, or with what it had not taken, does.
  bool const has_moved = !relay_ || relay_->is_being_told() || !outbox().is_empty();
  if (has_moved) spoke_at_ = now;
  if (borrower_ != nullptr) borrower_->on_room(now);
}

void Upstream::on_deadline(TimePoint now) {
  if (is_closing_) {
    channel_.reset();
    return listener_.on_closed(*this, now);
  }
  if (!relay_) {
    bool const is_check = login_->is_unauthenticating();
    auto const [time, option] = is_check ? std::pair(settings_.check_timeout, "check_timeout")
                                : login_said_at_ != never
                                    ? std::pair(settings_.login_timeout, "login_timeout")
                                    : std::pair(settings_.connect_timeout, "connect_timeout");
    return fail(fmt::format("no answer within {} ({}) while {}", to_text(time), option,
                            peer_.empty() ? "connecting" : login_->doing()),
                now);
  }
  switch (relay_->phase()) {
    case Phase::Lent:
      return on_loan_deadline(now);
    case Phase::Finishing:
    case Phase::Resetting:
      return discard(Discard::ResetTimeout, now);
    case Phase::Checking:
      return discard(Discard::CheckFailed, now);
    case Phase::Idle:
      return listener_.on_rested(*this, now);
    case Phase::Broken:
      return;
  }
}

void Upstream::on_loan_deadline(TimePoint now) {
  if (logout_at_ != never && now >= after(logout_at_, settings_.reset_timeout)) {
    relay_->stop_waiting_to_log_out();
    return settle(now);
  }
  if (now >= answer_due()) return discard(Discard::AnswerTimeout, now);
  borrower_->on_loan_too_long(now);
}

TimePoint Upstream::answer_due() const {
  if (!relay_->waits_for_server() || is_held_up_) return never;
  return after(std::max(heard_at_, spoke_at_), settings_.answer_timeout);
}

TimePoint Upstream::login_due() const {
  return relay_ || login_said_at_ == never ? never : after(login_said_at_, settings_.login_timeout);
}

TimePoint Upstream::deadline_of_login() const {
  // To be turned over takes an answer, as a check does.
  if (login_->is_unauthenticating()) return after(plan_.opened_at, settings_.check_timeout);
  if (login_said_at_ != never) return login_due();
  return after(plan_.opened_at, settings_.connect_timeout);
}

TimePoint Upstream::deadline_of_loan() const {
  auto const loan = settings_.max_loan_time == Duration::zero()
                        ? never
                        : after(lent_at_, settings_.max_loan_time);
  auto const logout = logout_at_ == never ? never : after(logout_at_, settings_.reset_timeout);
  return std::min({loan, logout, answer_due()});
}

TimePoint Upstream::deadline() const {
  if (is_closing_) return after(asked_at_, good_bye);
  if (!relay_) return deadline_of_login();
  switch (relay_->phase()) {
    case Phase::Lent:
      return deadline_of_loan();
    case Phase::Finishing:
    case Phase::Resetting:
      return after(asked_at_, settings_.reset_timeout);
    case Phase::Checking:
      return after(asked_at_, settings_.check_timeout);
    case Phase::Idle:
      return std::min({after(heard_at_, settings_.keepalive),
                       after(rested_since_, settings_.idle_timeout), expires_at()});
    case Phase::Broken:
      break;
  }
  return never;
}

Outbox& Upstream::outbox() {
  return relay_ && out_.is_empty() ? relay_->to_server() : out_;
}

bool Upstream::wants_input() const {
  if (is_closing_) return true;
  return borrower_ == nullptr || borrower_->has_room();
}

TimePoint Upstream::in_state_since() const {
  if (state() == ConnectionState::Idle) return rested_since_;
  return borrower_ != nullptr ? lent_at_ : asked_at_;
}

std::string Upstream::doing() const {
  if (is_closing_) return fmt::format("closing: {}", name_of(reason()));
  if (!relay_) return peer_.empty() ? "connecting" : std::string(login_->doing());
  switch (relay_->phase()) {
    case Phase::Lent:
      return relay_->is_in_idle_command() ? "in IDLE"
             : relay_->open_commands() != 0
                 ? fmt::format("{} commands open", relay_->open_commands())
                 : "between commands";
    case Phase::Finishing:
      return "waiting for the answers to a client that left";
    case Phase::Resetting:
      return "being reset";
    case Phase::Checking:
      return "being checked";
    case Phase::Idle:
    case Phase::Broken:
      break;
  }
  return "";
}

}  // namespace mailpool::imap
