// How transactions and connections end at a site: outcomes, retries, reasons.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "core/base/text.h"
#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;

namespace {

// Reasons of our own have their option's name; whatever a server says is counted under one word, so
// that the list stays short.
constexpr std::array<std::string_view, 11> own_reasons{
    "idle_timeout", "max_lifetime", "max_messages", "max_connections", "flush",      "drain",
    "reload",       "suspended",    "cancelled",    "surplus",         "backing_off"};

// What the log says of a connection's TLS.
std::string tls_words(TlsFacts const& facts, tls::Policy const& policy, std::string const& host) {
  if (!facts.is_encrypted()) return fmt::format(" level={} tls=none", name_of(policy.level));
  auto const end = facts.certificate ? fmt::format(" certificate_ends={:%Y-%m-%d}",
                                                   fmt::gmtime(std::chrono::system_clock::to_time_t(
                                                       facts.certificate->not_after)))
                                     : std::string();
  return fmt::format(" level={} tls={} cipher={} resumed={} server=\"{}\"{}", name_of(policy.level),
                     facts.version, facts.cipher, facts.resumed ? "yes" : "no",
                     printable(tls::verified_how(facts, host)), end);
}

std::optional<Outcome> forbidden_by_policy(Transaction const& transaction) {
  for (auto const& terms : transaction.tls->all()) {
    auto const forbidden = tls::prohibition(terms.policy);
    if (!forbidden || forbidden->code >= 500) continue;
    if (terms.policy.impossible.empty()) return forbidden->outcome(terms.host);
    auto const words = fmt::format("{}: {} forbids {}: {}", transaction.domain,
                                   terms.policy.because, terms.host, terms.policy.impossible);
    return Outcome::local(451, {4, 7, 5}, printable(words));
  }
  return std::nullopt;
}

// A host that is no way for good (REQUIRETLS) is no reason to wait.
bool is_reason_to_wait(site::EndpointHealth::Record const* record) {
  return record != nullptr && record->last_failure &&
         record->last_failure->kind == OutcomeKind::Deferred;
}

bool is_own_reason(std::string_view reason) {
  return std::find(own_reasons.begin(), own_reasons.end(), reason) != own_reasons.end();
}

}  // namespace

void Site::on_encrypted(SmtpConnection& connection) {
  for (auto* counters : {&counters_, &context_.totals}) {
    ++counters->handshakes;
    if (connection.tls().resumed) ++counters->resumed;
  }
}

void Site::on_ready(SmtpConnection& connection, TimePoint now) {
  health_.succeeded(connection.endpoint());
  backlog_.note_ready(connection.connecting_took());
  if (context_.log.is_on(LogLevel::Info))
    context_.log.info(fmt::format(
        "connection site={} endpoint={} id={} state=idle connect={:.3f}{}", name_,
        connection.endpoint().to_string(), connection.id(), seconds(connection.connecting_took()),
        tls_words(connection.tls(), connection.policy(), connection.target().host)));
  pool_.enter(connection, ConnectionState::Idle);
  judge_tls(connection, now);
  be_pumped_at(now);
}

// What the handshake proved is held against what the domain requires that the connection was opened
// for. Others may have lower standards: it is closed only if nobody who waits can use it.
void Site::judge_tls(SmtpConnection& connection, TimePoint now) {
  auto const& policy = connection.policy();
  auto const against = connection.objection(policy, context_.clock.wall(now));
  connection.mark_reported(connection.opened_for());
  report_tls(connection, connection.opened_for(), policy, std::nullopt, now);
  if (connection.tls().is_encrypted())
    context_.tls.memory.handshake_succeeded(connection.endpoint().to_string());
  if (!against) return tls_.note_proven(policy, connection.endpoint());
  auto words = fmt::format("{}: {}", connection.endpoint().to_string(), against->words);
  last_error_ = words;
  context_.log.warning(fmt::format("connection site={} id={} domain={}: {}", name_, connection.id(),
                                   connection.opened_for(), printable(words)));
  tls_.note_unproven(policy, connection.endpoint(),
                     against->outcome(connection.endpoint().to_string()), now);
  bool is_wanted = false;
  waiting_.for_each(
      [&](Transaction const& t) { is_wanted = is_wanted || can_serve(connection, t, now); });
  if (!is_wanted) close(connection, words, now);
}

// A session counts once for each policy domain that it served.
void Site::report_tls(SmtpConnection const& connection, std::string const& domain,
                      tls::Policy const& policy, std::optional<tls::Objection> const& against,
                      TimePoint now) {
  // "TLS-Required: No" sets the domain's policy aside, so there is nothing to say of it.
  if (!policy.uses_tls() || policy.tls_required_no) return;
  auto const wall = context_.clock.wall(now);
  auto const found = against ? against : tls::objection_to_report(policy, connection.tls(), wall);
  tls::SessionResult result{policy.text, std::nullopt, {}, {}};
  if (found) {
    result.failure = found->failure;
    result.ends = connection.ends();
    result.details = found->words;
  }
  context_.tls.reports.note(domain, result, wall);
}

void Site::on_checked(SmtpConnection& connection, TimePoint now) {
  if (connection.state() == ConnectionState::Checking) {
    pool_.enter(connection, ConnectionState::Idle);
    if (context_.is_draining) close(connection, "drain", now);
  }
  be_pumped_at(now);
}

void Site::on_committed(SmtpConnection& connection, TimePoint now) {
  connection.transaction()->delivery->note_commit(now);
}

void Site::on_finished(SmtpConnection& connection, smtp::TransactionResult&& result,
                       TimePoint now) {
  auto& transaction = *connection.transaction();
  last_used_ = now;
  last_reply_ = connection.session().last_reply();
  if (!result.reason.empty())
    last_error_ = connection.endpoint().to_string() + ": " + result.reason;
  if (connection.session().chunking_is_broken())
    health_.chunking_failed(connection.endpoint(), now);
  auto consequences = react_to_end(connection, transaction, result, now);
  for (std::size_t i = 0; i < result.results.size(); ++i)
    if (!result.results[i].may_retry || result.retry == smtp::Retry::Nothing)
      conclude(transaction, &connection, transaction.recipients[i], result.results[i].outcome, now);
  transaction.lease.give_back();
  transaction.permits.give_back();
  if (result.retry == smtp::Retry::Nothing) {
    finish(transaction);
  } else if (!retry(transaction, connection, result, now)) {
    for (std::size_t i = 0; i < result.results.size(); ++i)
      if (result.results[i].may_retry)
        conclude(transaction, &connection, transaction.recipients[i], result.results[i].outcome,
                 now);
    finish(transaction);
  }
  carry_out(std::move(consequences), &connection, now);
  if (connection.state() == ConnectionState::Idle) {
    if (auto const reason = reason_to_close(connection, now); !reason.empty())
      close(connection, reason, now);
  }
  be_pumped_at(now);
}

// Of one that has come back.
std::string_view Site::reason_to_close(SmtpConnection const& connection, TimePoint now) const {
  if (context_.is_draining) return "drain";
  if (connection.id() <= flushed_up_to_) return flushed_because_;
  if (must_make_way(connection)) return "max_connections";
  return pool_.reason_to_close(connection, aging_of(&connection), now);
}

bool Site::retry(Transaction& transaction, SmtpConnection const& connection,
                 smtp::TransactionResult& result, TimePoint now) {
  if (!transaction.delivery->is_wanted() || now >= transaction.give_up_at) return false;
  if (result.retry == smtp::Retry::FreshConnection) {
    if (transaction.fresh_is_used_up) return false;
    transaction.fresh_is_used_up = true;
    transaction.needs_fresh = true;
    transaction.preferred = connection.endpoint();
  } else if (result.retry == smtp::Retry::OtherHost) {
    transaction.unfit_hosts.push_back(connection.target().host);
    auto const& targets = transaction.route->targets;
    bool const is_another = std::any_of(targets.begin(), targets.end(), [&](auto const& t) {
      return !transaction.is_unfit(t.host);
    });
    if (!is_another) return false;
  }
  std::vector<std::size_t> rest;
  transaction.otherwise.clear();
  for (std::size_t i = 0; i < result.results.size(); ++i) {
    if (!result.results[i].may_retry) continue;
    rest.push_back(transaction.recipients[i]);
    transaction.otherwise.push_back(std::move(result.results[i].outcome));
  }
  transaction.recipients = std::move(rest);
  transaction.wire.recipients.clear();
  for (auto i : transaction.recipients)
    transaction.wire.recipients.push_back(
        transaction.delivery->message().envelope.recipients[i].address);
  transaction.state = TransactionState::Waiting;
  transaction.wait_until = std::min(after(now, context_.max_wait), transaction.give_up_at);
  // The options may have changed since it was begun.
  settle_tls(transaction);
  ++counters_.retried;
  ++context_.totals.retried;
  if (context_.log.is_on(LogLevel::Debug))
    context_.log.debug(fmt::format("{}: site={} retry={} reason=\"{}\"",
                                   transaction.delivery->message().envelope.queue_id, name_,
                                   name_of(result.retry), printable(result.reason)));
  waiting_.push_front(transaction);
  return true;
}

void Site::conclude(Transaction& transaction, SmtpConnection const* connection,
                    std::size_t recipient, Outcome const& outcome, TimePoint now) {
  counters_.count(outcome, now);
  periods_.add(outcome.kind, context_.clock.wall(now));
  if (!std::exchange(is_counted_, true)) context_.counted.push_back(this);
  if (outcome.kind != OutcomeKind::Delivered) last_error_ = outcome.text;
  Relay relay;
  if (connection != nullptr)
    relay = {connection->endpoint().to_string(),
             connection->source() == nullptr ? std::string() : connection->source()->name(),
             connection->uses()};
  if (auto* const tenant =
          context_.scopes.find_tenant(transaction.delivery->message().envelope.tenant))
    tenant->count(outcome.kind);
  transaction.delivery->complete(recipient, outcome, &transaction, relay, now);
}

void Site::finish(Transaction& transaction) {
  transaction.state = TransactionState::Over;
}

void Site::defer(Transaction& transaction, Outcome const& outcome, TimePoint now) {
  transaction.timing.started = now;
  for (auto recipient : transaction.recipients)
    conclude(transaction, nullptr, recipient, outcome, now);
  finish(transaction);
}

template <class Concerned>
void Site::defer_those(Concerned&& concerned, Outcome const& outcome, TimePoint now) {
  std::vector<Transaction*> all;
  waiting_.for_each([&](Transaction& t) {
    if (concerned(t)) all.push_back(&t);
  });
  for (auto* transaction : all) {
    waiting_.remove(*transaction);
    defer(*transaction, outcome, now);
  }
}

void Site::defer_waiting(Outcome const& outcome, TimePoint now) {
  defer_those([](Transaction const&) { return true; }, outcome, now);
}

void Site::defer_domain(std::string const& domain, Outcome const& outcome, TimePoint now) {
  defer_those([&](Transaction const& t) { return t.domain == domain; }, outcome, now);
}

void Site::defer_tenant(site::Scope const& tenant, Outcome const& outcome, TimePoint now) {
  defer_those([&](Transaction const& t) { return t.levels.tenant == &tenant; }, outcome, now);
}

void Site::give_up_overdue(TimePoint now) {
  std::vector<Transaction*> overdue;
  waiting_.for_each([&](Transaction& t) {
    if (t.wait_until <= now) overdue.push_back(&t);
  });
  for (auto* transaction : overdue) {
    waiting_.remove(*transaction);
    auto const wait = transaction->wait.is_over() ? blocked_ : transaction->wait;
    auto const code =
        wait.limit == Limit::Connecting ? EnhancedCode{4, 4, 1} : EnhancedCode{4, 7, 1};
    defer(*transaction, Outcome::local(451, code, words_for(wait, now)), now);
  }
}

void Site::fail_unreachable(TimePoint now) {
  auto const all = std::exchange(unreachable_, {});
  for (auto* transaction : all) {
    if (transaction->otherwise.empty()) {
      defer(*transaction, unreachable(*transaction, now), now);
      continue;
    }
    // It failed on a reused connection and the fresh one cannot be had: the first failure is its
    // answer.
    transaction->timing.started = now;
    for (std::size_t i = 0; i < transaction->recipients.size(); ++i)
      conclude(*transaction, nullptr, transaction->recipients[i], transaction->otherwise[i], now);
    finish(*transaction);
  }
}

Outcome Site::unreachable(Transaction const& transaction, TimePoint now) const {
  auto const& login = transaction.login.name;
  if (!login.empty() && context_.logins.is_unusable(login, now))
    return context_.logins.why_unusable(login, now);
  if (auto bounce = bounce_for_tls(transaction, now)) return std::move(*bounce);
  // What the last host in the order said is what RFC 5321 would have reported after trying them
  // all.
  Outcome const* last = nullptr;
  auto next = never;
  for (auto const& target : transaction.route->targets) {
    site::EndpointName const endpoint{target.host, target.address, target.port};
    auto const& policy = transaction.tls->of(target.host).policy;
    auto const* record = tls_.failure_of(policy, endpoint);
    if (!is_reason_to_wait(record)) record = health_.find(endpoint);
    if (!is_reason_to_wait(record)) continue;
    last = &*record->last_failure;
    next = std::min(next, record->not_before);
  }
  auto const* source = transaction.source;
  if (last == nullptr && source != nullptr &&
      std::none_of(transaction.route->targets.begin(), transaction.route->targets.end(),
                   [&](auto const& t) { return source->reaches(t.address.family()); }))
    return Outcome::local(451, {4, 4, 1},
                          fmt::format("{}: source {} has no address of the family of its hosts",
                                      name_, source->name()));
  if (last == nullptr)
    if (auto forbidden = forbidden_by_policy(transaction)) return std::move(*forbidden);
  if (last == nullptr)
    return Outcome::local(451, {4, 4, 1},
                          name_ + ": no host of the site can take this message now");
  auto outcome = *last;
  if (next > now && next != never && !outcome.said_by_remote)
    outcome.text = printable(
        fmt::format("{} (backing_off, next attempt in {})", outcome.text, to_text(next - now)));
  return outcome;
}

// RFC 8689 4.2.1: the message comes back once every host is known to be no way for it; as long as
// one of them may be a way later, it waits.
std::optional<Outcome> Site::bounce_for_tls(Transaction const& transaction, TimePoint now) const {
  if (transaction.sender_tls != tls::SenderTls::Required) return std::nullopt;
  std::optional<Outcome> last;
  for (auto const& target : transaction.route->targets) {
    site::EndpointName const endpoint{target.host, target.address, target.port};
    auto const& policy = transaction.tls->of(target.host).policy;
    if (auto const forbidden = tls::prohibition(policy)) {
      last = forbidden->outcome(target.host);
    } else if (tls_.may_try(policy, endpoint, now)) {
      return std::nullopt;
    } else {
      last = tls_.failure_of(policy, endpoint)->last_failure;
    }
    if (!last || last->kind != OutcomeKind::Refused) return std::nullopt;
  }
  return last;
}

Outcome suspended(std::string_view name, site::Suspension const& suspension, Clock const& clock) {
  auto const until =
      suspension.until == never
          ? std::string("further notice")
          : fmt::format(
                "{:%Y-%m-%d %H:%M:%S} UTC",
                fmt::gmtime(std::chrono::system_clock::to_time_t(clock.wall(suspension.until))));
  return Outcome::local(451, {4, 7, 1},
                        fmt::format("{}: suspended until {}: {}", name, until, suspension.reason));
}

void Site::close_aged(TimePoint now) {
  while (true) {
    auto const& idle = pool_.in(ConnectionState::Idle);
    SmtpConnection* aged = nullptr;
    std::string_view reason;
    // Oldest first: min_idle keeps the newest.
    for (auto it = idle.rbegin(); it != idle.rend() && aged == nullptr; ++it) {
      auto& connection = static_cast<SmtpConnection&>(**it);
      reason = pool_.reason_to_close(connection, aging_of(&connection), now);
      if (!reason.empty()) aged = &connection;
    }
    if (aged == nullptr) return;
    close(*aged, reason, now);
  }
}

void Site::close(SmtpConnection& connection, std::string_view reason, TimePoint now) {
  pool_.enter(connection, ConnectionState::Closing);
  connection.quit(reason, now);
  connection.settle(now);
}

pool::Aging Site::aging_of(SmtpConnection const* connection) const {
  auto most = reactions_.max_messages();
  if (connection != nullptr)
    if (auto const announced = connection->session().capabilities().mail_max;
        announced && *announced != 0)
      most = most == 0 ? *announced : std::min(most, *announced);
  return {settings_.idle_timeout, most, settings_.min_idle};
}

void Site::count_close(std::string_view reason) {
  std::string const word(is_own_reason(reason) ? reason : std::string_view("remote"));
  ++counters_.closed[word];
  ++context_.totals.closed[word];
}

// A failure of TLS concerns only those who require TLS: others may meet the host without. A silence
// is one only when it is met again: until then the network may be to blame, and the host is left
// alone as if it could not be reached.
void Site::note_setup_failure(SmtpConnection const& connection, smtp::Closed const& closed,
                              TimePoint now) {
  auto const endpoint = connection.endpoint();
  auto const& policy = connection.policy();
  last_error_ = closed.setup_failure->text;
  // A wrong password is no fault of the host, and no other host need be shown it (RFC 4954 6).
  if (closed.login_refused) {
    auto const& login = connection.login_use().name;
    if (context_.logins.refused(login, connection.key().credential.version, *closed.setup_failure,
                                now))
      context_.log.warning(
          fmt::format("login {}: refused: {}", login, printable(closed.setup_failure->text)));
    return;
  }
  // The next one shakes hands without, at once.
  if (connection.has_failed_to_resume()) return;
  if (closed.tls_trouble == smtp::TlsTrouble::Silence &&
      !context_.tls.memory.is_silent_again(endpoint.to_string(), connection.opened_at(), now))
    return health_.failed(endpoint, *closed.setup_failure, now);
  if (closed.tls_trouble != smtp::TlsTrouble::None) {
    bool const is_absent = closed.tls_trouble == smtp::TlsTrouble::NotOffered;
    report_tls(connection, connection.opened_for(), policy,
               tls::Objection{
                   is_absent ? tls::Failure::StarttlsNotSupported : tls::Failure::ValidationFailure,
                   closed.reason},
               now);
  }
  if (closed.try_plain) {
    context_.tls.memory.handshake_failed(endpoint.to_string(), closed.reason,
                                         context_.clock.wall(now));
  } else if (closed.tls_trouble != smtp::TlsTrouble::None && policy.needs_tls()) {
    auto failure = *closed.setup_failure;
    if (closed.tls_trouble != smtp::TlsTrouble::NotOffered)
      failure.text += fmt::format(" ({} requires TLS)", policy.demand());
    if (policy.require_tls && closed.lacks_tls)
      failure = Outcome::local(550, {5, 7, 10}, std::move(failure.text));
    tls_.note_unproven(policy, endpoint, std::move(failure), now);
  } else {
    health_.failed(endpoint, *closed.setup_failure, now);
  }
}

void Site::on_closed(SmtpConnection& connection, smtp::Closed const& closed, TimePoint now) {
  assert(connection.state() != ConnectionState::Busy &&
         "the transaction is finished before its connection is closed");
  auto const endpoint = connection.endpoint();
  if (closed.setup_failure) note_setup_failure(connection, closed, now);
  if (closed.protocol_error) {
    ++counters_.poisoned;
    ++context_.totals.poisoned;
  }
  carry_out(react_to_close(connection, closed, now), &connection, now);
  count_close(closed.reason);
  if (context_.log.is_on(LogLevel::Info))
    context_.log.info(fmt::format(
        "connection site={} endpoint={} id={} state=closing reason=\"{}\" messages={} age={:.1f}",
        name_, endpoint.to_string(), connection.id(), printable(closed.reason), connection.uses(),
        seconds(now - connection.opened_at())));
  --context_.connections_open;
  connection.give_back_permits();
  context_.bury(pool_.remove(connection));
  be_pumped_at(now);
}

}  // namespace mailpool::delivery
