// How a site's waiting transactions get a connection: limits first, then an idle one, newest first.

#include <algorithm>

#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;
using Verdict = FairQueue::Verdict;

bool Site::start_some(TimePoint now) {
  blocked_ = {};
  lacking_ = 0;
  if (waiting_.is_empty()) return false;
  waiting_.visit([&](Transaction& t) { return try_start(t, now); });
  bool const something_happened = !started_.empty() || !unreachable_.empty();
  settle_started(now);
  fail_unreachable(now);
  return something_happened;
}

Verdict Site::try_start(Transaction& transaction, TimePoint now) {
  auto const wait = limits_of(transaction.limits, now);
  if (!wait.is_over()) {
    transaction.wait = wait;
    // The earliest time at which something may go decides when to look again.
    if (blocked_.is_over() || wait.not_before < blocked_.not_before) blocked_ = wait;
    bool const is_of_the_domain =
        wait.limit == Limit::DomainRate || wait.limit == Limit::DomainMaxConnections;
    return is_of_the_domain ? Verdict::SkipDomain : Verdict::Stop;
  }
  if (auto* connection = idle_for(transaction, now)) {
    start(transaction, *connection, now);
    return Verdict::Taken;
  }
  return provide_connection(transaction, now);
}

site::Wait Site::limits_of(DomainLimits const* limits, TimePoint now) const {
  if (auto const t = rate_.earliest(now); t > now) return {t, Limit::Rate};
  if (limits == nullptr) return {};
  if (!limits->connections.has_room()) return {never, Limit::DomainMaxConnections};
  if (auto const t = limits->rate.earliest(now); t > now) return {t, Limit::DomainRate};
  return {};
}

void Site::start(Transaction& transaction, SmtpConnection& connection, TimePoint now) {
  rate_.take(now);
  if (transaction.limits != nullptr) {
    transaction.limits->rate.take(now);
    transaction.domain_permit = transaction.limits->connections.take();
  }
  transaction.state = TransactionState::Sending;
  transaction.wait = {};
  transaction.timing.started = now;
  if (connection.uses() == 0) {
    transaction.timing.connecting = connection.connecting_took();
  } else {
    ++counters_.reused;
    ++context_.totals.reused;
  }
  transaction.lease = pool_.lease(connection);
  connection.start(transaction, now, context_.clock.wall(now));
  started_.push_back(&connection);
}

void Site::settle_started(TimePoint now) {
  auto const started = std::exchange(started_, {});
  for (auto* connection : started) connection->settle(now);
}

SmtpConnection* Site::idle_for(Transaction const& transaction, TimePoint now) {
  for (auto const& c : pool_.in(ConnectionState::Idle)) {
    auto& connection = static_cast<SmtpConnection&>(*c);
    if (!can_serve(connection, transaction, now) || needs_check(connection, now)) continue;
    return &connection;
  }
  return nullptr;
}

bool Site::can_serve(SmtpConnection const& connection, Transaction const& transaction,
                     TimePoint now) const {
  if (transaction.needs_fresh && connection.uses() != 0) return false;
  if (transaction.is_unfit(connection.target().host)) return false;
  auto const& targets = transaction.route->targets;
  // The binding of this domain to this MX host holds only while the domain's own, current route
  // names it.
  auto const named = std::find_if(targets.begin(), targets.end(), [&](route::Target const& t) {
    return t.address == connection.target().address && t.port == connection.target().port &&
           t.host == connection.target().host;
  });
  if (named == targets.end()) return false;
  auto const& terms = transaction.tls->of(named->host);
  if (connection.key() != key_for(*named, terms)) return false;
  if (connection.objection(terms.policy, context_.clock.wall(now))) return false;
  // A connection to a less preferred host serves only while no better host can be tried (RFC
  // 5321 5.1).
  return std::none_of(targets.begin(), targets.end(), [&](route::Target const& t) {
    return t.preference < named->preference && may_be_tried(t, transaction, now);
  });
}

bool Site::may_be_tried(route::Target const& target, Transaction const& transaction,
                        TimePoint now) const {
  site::EndpointName const endpoint{target.host, target.address, target.port};
  return !transaction.is_unfit(target.host) && !health_.is_backing_off(endpoint, now) &&
         tls_.may_try(transaction.tls->of(target.host).policy, endpoint, now);
}

bool Site::needs_check(SmtpConnection const& connection, TimePoint now) const {
  return connection.uses() != 0 && now >= after(connection.idle_since(), settings_.check_after);
}

}  // namespace mailpool::delivery
