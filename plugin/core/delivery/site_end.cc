// How transactions end at a site: outcomes, retries, reasons.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/delivery/site.h"

namespace mailpool::delivery {

using parking::Why;
using pool::ConnectionState;
using site::Limit;

namespace {

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

// Of what kept a transaction for too long (RFC 3463).
EnhancedCode code_of(Limit limit) {
  if (limit == Limit::Connecting) return {4, 4, 1};
  if (limit == Limit::Descriptors) return {4, 3, 0};
  return {4, 7, 1};
}

Relay relay_of(SmtpConnection const& connection) {
  Relay relay;
  relay.name = connection.endpoint().to_string();
  if (connection.source() != nullptr) relay.source = connection.source()->name();
  relay.uses = connection.uses();
  relay.connection = &connection;
  return relay;
}

// A host that is no way for good (REQUIRETLS) is no reason to wait.
bool is_reason_to_wait(site::EndpointHealth::Record const* record) {
  return record != nullptr && record->last_failure &&
         record->last_failure->kind == OutcomeKind::Deferred;
}

}  // namespace

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
    path_of(connection).health.chunking_failed(connection.endpoint(), now);
  measure(&StageTimes::transaction, now - transaction.timing.started);
  auto consequences = react_to_end(connection, transaction, result, now);
  transaction.rule = consequences.rule;
  bool const is_delivered = is_any_delivered(result);
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
  // What is tried once more is answered then.
  if (is_delivered || transaction.state == TransactionState::Over)
    answer_warm_up(connection, result.remarks, is_delivered, now);
  carry_out_at_home(std::move(consequences), connection, now);
  if (connection.state() == ConnectionState::Idle) {
    if (auto const reason = reason_to_close(connection, now); !reason.empty())
      close(connection, reason, now);
  }
  be_pumped_at(now);
}

// What is not taken in any more, or was stopped meanwhile, is not tried again either.
bool Site::may_be_retried(Transaction const& transaction, TimePoint now) const {
  if (context_.is_draining || suspension_ || held(transaction, now)) return false;
  for (auto const* scope : {transaction.levels.domain, transaction.levels.tenant})
    if (scope != nullptr && scope->is_suspended(now)) return false;
  return true;
}

bool Site::retry(Transaction& transaction, SmtpConnection const& connection,
                 smtp::TransactionResult& result, TimePoint now) {
  if (!transaction.delivery->is_wanted() || now >= transaction.give_up_at) return false;
  if (!may_be_retried(transaction, now)) return false;
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
  transaction.address(transaction.delivery->message().envelope);
  transaction.state = TransactionState::Waiting;
  transaction.wait_until = std::min(after(now, context_.max_wait), transaction.give_up_at);
  transaction.connect_until = transaction.give_up_at;
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

// Null: it might have left by several.
Path* Site::path_of(Transaction const& transaction, SmtpConnection const* connection) const {
  if (connection != nullptr) return &path_of(*connection);
  return transaction.source != nullptr ? &paths_.of(transaction.source) : only_path_of(transaction);
}

void Site::conclude(Transaction& transaction, SmtpConnection const* connection,
                    std::size_t recipient, Outcome const& outcome, TimePoint now) {
  counters_.count(outcome, now);
  periods_.add(outcome.kind, context_.clock.wall(now));
  if (!std::exchange(is_counted_, true)) context_.counted.push_back(this);
  if (outcome.kind != OutcomeKind::Delivered) last_error_ = outcome.text;
  note_trouble(outcome, now);
  Relay relay;
  if (connection != nullptr) relay = relay_of(*connection);
  if (auto* const path = path_of(transaction, connection)) {
    path->count(outcome.kind);
    relay.path = path->name();
  }
  if (outcome.kind == OutcomeKind::Delivered)
    measure(&StageTimes::delivery, now - transaction.timing.accepted);
  relay.is_parked = transaction.is_parked;
  if (outcome.kind != OutcomeKind::Delivered) {
    if (auto said = replies::said_of(outcome)) {
      said->site = name_;
      auto const is_of = context_.replies->classify(*said).is;
      reply_classes_.add(is_of, now);
      relay.reply_class = replies::name_of(is_of);
    }
  }
  if (auto* const tenant =
          context_.scopes.find_tenant(transaction.delivery->message().envelope.tenant))
    tenant->count(outcome.kind);
  context_.campaigns.count(transaction.campaign, outcome.kind, now);
  transaction.delivery->complete(recipient, outcome, &transaction, relay, now);
}

void Site::note_trouble(Outcome const& outcome, TimePoint now) {
  auto const news = trouble_.note(outcome, now, context_.clock.wall(now));
  if (!news) return;
  if (news->is_well)
    context_.log.info(fmt::format("site={} is well: {}", name_, news->words));
  else
    context_.log.warning(
        fmt::format("site={} is failing: {}; {}", name_, news->words, trouble_.cure(name_)));
}

void Site::finish(Transaction& transaction) {
  transaction.state = TransactionState::Over;
}

void Site::defer(Transaction& transaction, Outcome const& outcome, Why why, TimePoint now) {
  transaction.is_parked = outcome.kind == OutcomeKind::Deferred && park(transaction, why, now);
  transaction.timing.started = now;
  for (auto recipient : transaction.recipients)
    conclude(transaction, nullptr, recipient, outcome, now);
  finish(transaction);
}

template <class Concerned>
void Site::defer_those(Concerned&& concerned, Outcome const& outcome, Why why, TimePoint now) {
  std::vector<Transaction*> all;
  waiting_.for_each([&](Transaction& t) {
    if (concerned(t)) all.push_back(&t);
  });
  for (auto* transaction : all) {
    waiting_.remove(*transaction);
    defer(*transaction, outcome, why, now);
  }
}

void Site::defer_waiting(Outcome const& outcome, Why why, TimePoint now) {
  defer_those([](Transaction const&) { return true; }, outcome, why, now);
}

void Site::defer_domain(std::string const& domain, Outcome const& outcome, TimePoint now) {
  defer_those([&](Transaction const& t) { return t.domain == domain; }, outcome, Why::Suspended,
              now);
}

void Site::defer_tenant(site::Scope const& tenant, Outcome const& outcome, TimePoint now) {
  defer_those([&](Transaction const& t) { return t.levels.tenant == &tenant; }, outcome,
              Why::Suspended, now);
}

site::Wait Site::wait_of(Transaction const& transaction, TimePoint now) const {
  if (!transaction.wait.is_over()) return transaction.wait;
  auto const decision = decide(transaction, now);
  auto const* const stay = std::get_if<Stay>(&decision.what);
  return stay == nullptr ? blocked_ : stay->wait;
}

void Site::give_up_overdue(TimePoint now) {
  std::vector<Transaction*> overdue;
  waiting_.for_each([&](Transaction& t) {
    if (overdue_at(t) <= now) overdue.push_back(&t);
  });
  for (auto* transaction : overdue) {
    waiting_.remove(*transaction);
    if (seen_wait(*transaction).limit == Limit::Connecting &&
        pool_.count(ConnectionState::Connecting) == 0) {
      defer(*transaction, unreachable(*transaction, now), why_unreachable(*transaction, now), now);
      continue;
    }
    auto const wait = wait_of(*transaction, now);
    defer(*transaction, Outcome::local(451, code_of(wait.limit), words_for(wait, now)), Why::Limit,
          now);
  }
}

void Site::fail_unreachable(TimePoint now) {
  auto const all = std::exchange(unreachable_, {});
  for (auto* transaction : all) {
    if (transaction->otherwise.empty()) {
      defer(*transaction, unreachable(*transaction, now), why_unreachable(*transaction, now), now);
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

// What its hosts or its login do may end for all; what one message lacks it lacks tomorrow.
Why Site::why_unreachable(Transaction const& transaction, TimePoint now) const {
  auto const& login = transaction.login.name;
  if (!login.empty() && context_.logins.is_unusable(login, now)) return Why::BackingOff;
  auto const& targets = transaction.route->targets;
  auto const& health = paths_.of(transaction.source).health;
  bool const is_host_failing = std::any_of(targets.begin(), targets.end(), [&](auto const& t) {
    return health.is_backing_off({t.host, t.address, t.port}, now);
  });
  if (is_host_failing) return Why::BackingOff;
  bool const is_held_at_home = std::any_of(targets.begin(), targets.end(), [&](auto const& t) {
    return home_rests_until(t, transaction.source, now) > now ||
           held_at_home(transaction, t, transaction.source, now);
  });
  return is_held_at_home ? Why::Suspended : Why::Other;
}

Outcome Site::unreachable(Transaction const& transaction, TimePoint now) const {
  auto const& login = transaction.login.name;
  if (!login.empty() && context_.logins.is_unusable(login, now))
    return context_.logins.why_unusable(login, now);
  if (auto bounce = bounce_for_tls(transaction, now)) return std::move(*bounce);
  // What the last host in the order said is what RFC 5321 would have reported after trying them
  // all.
  auto const& health = paths_.of(transaction.source).health;
  Outcome const* last = nullptr;
  auto next = never;
  for (auto const& target : transaction.route->targets) {
    site::EndpointName const endpoint{target.host, target.address, target.port};
    auto const& policy = transaction.tls->of(target.host).policy;
    auto const* record = tls_.failure_of(policy, endpoint);
    if (!is_reason_to_wait(record)) record = health.find(endpoint);
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
  for (auto const& target : transaction.route->targets) {
    if (last != nullptr) break;
    if (auto const hold = held_at_home(transaction, target, transaction.source, now))
      return suspended(hold.of, *hold.why, context_.clock);
    auto const home = home_of(target, transaction.source);
    auto const* const record =
        home ? home.path->health.find({target.host, target.address, target.port}) : nullptr;
    if (!is_reason_to_wait(record)) continue;
    last = &*record->last_failure;
    next = record->not_before;
  }
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

}  // namespace mailpool::delivery
