#include "core/delivery/smtp_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

namespace mailpool::delivery {

SmtpConnection::SmtpConnection(Start start, ConnectionOwner& owner, Network& network, TimePoint now)
    : Connection(start.id, std::move(start.key), now, start.expires_at),
      owner_(owner),
      target_(std::move(start.target)),
      domain_(std::move(start.domain)),
      policies_(std::move(start.policies)),
      login_use_(std::move(start.login_use)),
      skips_tls_(start.session.skip_starttls),
      source_(start.source),
      permits_(std::move(start.permits)),
      scopes_(*start.scopes),
      connect_by_(after(now, start.connect_timeout)),
      session_(std::move(start.session), now, std::move(start.login)),
      transport_(network.connect(target_, key().source == IpAddress{} ? nullptr : &key().source,
                                 *start.prohibited, *this)) {}

SmtpConnection::~SmtpConnection() {
  if (idle_place_) scopes_.idle.erase(*idle_place_);
  give_back_permits();
}

bool SmtpConnection::is_wanted_by_others(site::RoomWaiter const& who, bool needy_alone) const {
  bool is_wanted = false;
  permits_.visit([&](site::Permit const& permit) {
    auto const* const limit = permit.limit();
    is_wanted = is_wanted || (limit != nullptr && limit->is_wanted_by_others(who, needy_alone));
  });
  return is_wanted;
}

bool SmtpConnection::is_counted_by(site::ConcurrencyLimit const& limit) const {
  bool is_counted = false;
  permits_.visit(
      [&](site::Permit const& permit) { is_counted = is_counted || permit.limit() == &limit; });
  return is_counted;
}

void SmtpConnection::on_state(pool::ConnectionState state) {
  if (idle_place_) scopes_.idle.erase(*std::exchange(idle_place_, std::nullopt));
  if (state == pool::ConnectionState::Idle)
    idle_place_ = scopes_.idle.insert(scopes_.idle.end(), this);
  if (state != pool::ConnectionState::Closing) return;
  permits_.visit([](site::Permit& permit) { permit.announce(); });
}

void SmtpConnection::give_back_permits() {
  if (permits_.host) scopes_.host_may_be_unused(target_.address, target_.port);
  permits_ = {};
}

pool::ConnectionState SmtpConnection::state_after_use() const {
  if (session_.is_idle()) return pool::ConnectionState::Idle;
  return session_.state() == smtp::State::Checking ? pool::ConnectionState::Checking
                                                   : pool::ConnectionState::Closing;
}

TimePoint SmtpConnection::last_heard() const {
  return session_.last_reply_at();
}

void SmtpConnection::start(Transaction& transaction, TimePoint now, WallTime wall) {
  assert(state() == pool::ConnectionState::Busy && "a transaction needs a lease");
  auto const against = objection(transaction.tls->of(target_.host).policy, wall);
  transaction.wire.tls_objection.reset();
  if (against) transaction.wire.tls_objection = against->outcome(endpoint().to_string());
  transaction_ = &transaction;
  commit_is_noticed_ = false;
  session_.start(transaction.wire, now);
  transport_->wake();
}

void SmtpConnection::check(TimePoint now) {
  session_.check(now);
  transport_->wake();
}

void SmtpConnection::quit(std::string_view reason, TimePoint now) {
  session_.quit(reason, now);
  transport_->wake();
}

void SmtpConnection::cancel(std::string_view reason, TimePoint now) {
  session_.cancel(reason, now);
  transport_->wake();
}

void SmtpConnection::settle(TimePoint now) {
  while (!is_over_) {
    auto event = session_.poll();
    if (!event) break;
    handle(*event, now);
  }
  if (!is_over_) transport_->wake();
}

void SmtpConnection::handle(smtp::Event& event, TimePoint now) {
  if (auto* finished = std::get_if<smtp::Finished>(&event)) {
    owner_.on_finished(*this, std::move(finished->result), now);
    transaction_ = nullptr;
  } else if (auto* closed = std::get_if<smtp::Closed>(&event)) {
    is_over_ = true;
    transport_.reset();
    owner_.on_closed(*this, *closed, now);
  } else if (std::holds_alternative<smtp::Ready>(event)) {
    connecting_took_ = now - opened_at();
    is_ready_ = true;
    owner_.on_ready(*this, now);
  } else if (std::holds_alternative<smtp::Checked>(event)) {
    owner_.on_checked(*this, now);
  } else if (std::holds_alternative<smtp::Disturbed>(event)) {
    owner_.on_disturbed(*this, now);
  } else {
    begin_tls(now);
  }
}

void SmtpConnection::begin_tls(TimePoint now) {
  handshake_began_ = now;
  auto const& plan = terms().plan;
  if (!plan.may_resume) return transport_->begin_tls(plan, std::nullopt);
  transport_->begin_tls(plan,
                        pool::TlsSessionKey{key(), policy().fingerprint(), plan.records_digest});
}

std::optional<tls::Objection> SmtpConnection::objection(tls::Policy const& policy,
                                                        WallTime now) const {
  if (is_ready_) {
    if (auto found = tls::objection(policy, tls_, now)) return found;
    if (policy.require_tls && !session_.capabilities().require_tls)
      return tls::offers_no_require_tls();
    return std::nullopt;
  }
  bool const stays_plain = policy.needs_tls() && skips_tls_;
  bool const tries_other_records =
      !policy.dane_digest.empty() && terms().plan.records_digest != policy.dane_digest;
  if (!stays_plain && !tries_other_records) return std::nullopt;
  return tls::Objection{tls::Failure::ValidationFailure,
                        "the handshake does not try what it needs"};
}

tls::SessionEnds SmtpConnection::ends() const {
  auto const sender = local_address_ == IpAddress{} ? std::string() : local_address_.to_string();
  return {sender, target_.host, target_.address.to_string(), std::string(session_.server_name())};
}

bool SmtpConnection::mark_reported(std::string const& domain) {
  constexpr std::size_t most = 256;
  auto const hash = std::hash<std::string>{}(domain);
  if (std::find(reported_.begin(), reported_.end(), hash) != reported_.end()) return false;
  if (reported_.size() < most) reported_.push_back(hash);
  return true;
}

std::string_view SmtpConnection::doing() const {
  return is_connected_ ? sentence_of(session_.state()) : std::string_view("connecting");
}

void SmtpConnection::on_connected(TimePoint now) {
  is_connected_ = true;
  connect_took_ = now - opened_at();
  local_address_ = transport_->local_address();
  if (key().tls == pool::WireTls::Implicit) begin_tls(now);
  owner_.on_connected(*this, now);
}

void SmtpConnection::on_received(std::string_view octets, TimePoint now) {
  if (is_over_) return;
  session_.receive(octets, now);
  settle(now);
}

void SmtpConnection::on_disconnected(std::string_view how, TimePoint now) {
  if (is_over_) return;
  // A handshake that fails is told by on_tls_failed(): this one could not even begin.
  bool const is_before_tls = session_.state() == smtp::State::TlsHandshake;
  if (!is_connected_ || is_before_tls) return fail_to_connect(how, now);
  has_failed_to_resume_ = !is_ready_ && transport_->is_resuming();
  session_.disconnected(how, now);
  settle(now);
}

void SmtpConnection::fail_to_connect(std::string_view how, TimePoint now) {
  smtp::Closed closed;
  closed.reason = fmt::format("connect to {}: {}", endpoint().to_string(), how);
  closed.setup_failure = Outcome::local(451, {4, 4, 1}, closed.reason);
  is_over_ = true;
  transport_.reset();
  owner_.on_closed(*this, closed, now);
}

void SmtpConnection::on_no_socket(std::string_view why, TimePoint now) {
  if (is_over_) return;
  smtp::Closed closed;
  closed.reason = "descriptors";
  closed.no_socket = why;
  is_over_ = true;
  transport_.reset();
  owner_.on_closed(*this, closed, now);
}

bool SmtpConnection::on_tls_established(TlsFacts facts, TimePoint now) {
  if (is_over_) return false;
  tls_ = std::move(facts);
  handshake_took_ = now - handshake_began_;
  owner_.on_encrypted(*this);
  // What is only reported would be reported for as long as the session lives.
  bool const is_enough = !tls::objection_to_report(policy(), tls_, owner_.wall(now));
  // A password is not for whoever answers: with a login, the server is judged before AUTH.
  auto const against = key().credential == pool::Credential{}
                           ? std::nullopt
                           : tls::objection(policy(), tls_, owner_.wall(now));
  if (against) {
    session_.tls_failed(against->words, now);
  } else {
    session_.tls_established(now);
  }
  settle(now);
  return is_enough;
}

void SmtpConnection::on_tls_failed(std::string_view why, TimePoint now) {
  if (is_over_) return;
  has_failed_to_resume_ = transport_->is_resuming();
  session_.tls_failed(why, now);
  settle(now);
}

void SmtpConnection::on_deadline(TimePoint now) {
  if (is_over_) return;
  if (!is_connected_) return fail_to_connect("Connection timed out (connect_timeout)", now);
  if (session_.deadline() <= now) {
    has_failed_to_resume_ = !is_ready_ && transport_->is_resuming();
    session_.expire(now);
  } else {
    session_.cancel("the time for everything before the end of data is over", now);
  }
  settle(now);
}

smtp::Output SmtpConnection::output(TimePoint now) {
  if (is_over_ || !is_connected_) return {};
  return session_.output(now);
}

void SmtpConnection::written(std::size_t n, TimePoint now) {
  if (is_over_) return;
  session_.written(n, now);
  notice_commit(now);
}

void SmtpConnection::offered() {
  if (!is_over_) session_.offered();
}

void SmtpConnection::notice_commit(TimePoint now) {
  if (transaction_ == nullptr || commit_is_noticed_ || !session_.is_committed()) return;
  commit_is_noticed_ = true;
  owner_.on_committed(*this, now);
}

TimePoint SmtpConnection::deadline() const {
  if (is_over_) return never;
  if (!is_connected_) return connect_by_;
  auto next = session_.deadline();
  if (transaction_ != nullptr && !session_.is_committed())
    next = std::min(next, transaction_->give_up_at);
  return next;
}

}  // namespace mailpool::delivery
