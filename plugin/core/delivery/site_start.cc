// How a site's waiting transactions get a connection: limits first, then an idle one, newest first.

#include <algorithm>

#include "core/delivery/reuse.h"
#include "core/delivery/site.h"
#include "core/site/warm_up_record.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;
using Verdict = FairQueue::Verdict;

namespace {

Verdict verdict_of(site::Reach reach) {
  switch (reach) {
    case site::Reach::Domain:
      return Verdict::SkipDomain;
    case site::Reach::Group:
      return Verdict::SkipGroup;
    case site::Reach::All:
    case site::Reach::Nothing:
      break;
  }
  return Verdict::Stop;
}

}  // namespace

bool Site::start_some(TimePoint now) {
  blocked_ = {};
  lacking_ = 0;
  if (!waiting_.is_empty()) waiting_.visit([&](Transaction& t) { return try_start(t, now); });
  backlog_.note_waiting(lacking_, now);
  bool const something_happened = !started_.empty() || !unreachable_.empty();
  settle_started(now);
  fail_unreachable(now);
  return something_happened;
}

Verdict Site::try_start(Transaction& transaction, TimePoint now) {
  auto const held = limits_of(transaction, now);
  if (!held.wait.is_over()) {
    stand_in_lines(transaction);
    note_wait(transaction, held.wait);
    return verdict_of(held.reach);
  }
  if (transaction.sources != nullptr && !choose_source(transaction, now)) return Verdict::SkipGroup;
  if (auto* connection = idle_for(transaction, now)) {
    start(transaction, *connection, now);
    return Verdict::Taken;
  }
  return provide_connection(transaction, now);
}

// Its own source first; where that one is at a limit, the others of the pool take its part.
bool Site::choose_source(Transaction& transaction, TimePoint now) {
  if (transaction.source == nullptr) transaction.source = transaction.sources->next();
  auto* const own = transaction.source;
  site::Wait earliest{never, Limit::None};
  site::Source* usable = nullptr;  // may send, but has no idle connection and cannot open one
  auto attempt = [&](site::Source* source) {
    auto const wait = source_limits(*source, transaction, now);
    if (!wait.is_over()) {
      if (earliest.is_over() || wait.not_before < earliest.not_before) earliest = wait;
      return false;
    }
    transaction.source = source;
    if (usable == nullptr) usable = source;
    // A full site uses the warm connections that it has, whosever turn it is.
    bool const may_open_one = pool_.open() < reactions_.max_connections();
    return idle_for(transaction, now) != nullptr ||
           (may_open_one && source->scope.may_open(now).is_over());
  };
  bool found = own != nullptr && attempt(own);
  for (auto const& member : transaction.sources->members())
    if (!found && member.source != own) found = attempt(member.source);
  if (!found) transaction.source = usable != nullptr ? usable : own;
  if (usable == nullptr) note_wait(transaction, earliest);
  return usable != nullptr;
}

void Site::note_wait(Transaction& transaction, site::Wait const& wait) {
  transaction.wait = wait;
  // The earliest time at which something may go decides when to look again.
  if (blocked_.is_over() || wait.not_before < blocked_.not_before) blocked_ = wait;
}

site::Hold Site::limits_of(Transaction const& transaction, TimePoint now) const {
  auto const n = transaction.size();
  site::Wait own;
  if (auto const t = rate_.earliest(now); t > now) own = {t, Limit::Rate};
  if (auto const t = recipient_rate_.earliest(now, n); t > now)
    own = later_of(own, {t, Limit::RecipientRate});
  auto hold = site::may_begin(transaction.levels, n, now);
  if (own.is_over()) return hold;
  return {later_of(own, hold.wait), site::Reach::All};
}

site::Wait Site::source_limits(site::Source const& source, Transaction const& transaction,
                               TimePoint now) const {
  return source.may_begin(name_, transaction.size(), context_.today(now), now);
}

// Where room under a limit that sites share is given back somewhere else, that is told in turn.
void Site::stand_in_lines(Transaction const& transaction) {
  auto const& levels = transaction.levels;
  for (auto* scope : {levels.domain, levels.sender_domain, levels.tenant})
    if (scope != nullptr && !scope->connections.has_room()) scope->connections.stand_in_line(*this);
}

void Site::start(Transaction& transaction, SmtpConnection& connection, TimePoint now) {
  rate_.take(now);
  reactions_.started(now);
  peak_.note(static_cast<std::uint32_t>(pool_.count(ConnectionState::Busy)) + 1, now);
  recipient_rate_.take(now, transaction.size());
  auto levels = transaction.levels;
  if (auto* const source = connection.source()) {
    levels.source = &source->scope;
    note_warm_up(*source, now);
  }
  transaction.permits = site::begin(levels, transaction.size(), now);
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
  if (connection.mark_reported(transaction.domain))
    report_tls(connection, transaction.domain, transaction.tls->of(connection.target().host).policy,
               std::nullopt, now);
  connection.start(transaction, now, context_.clock.wall(now));
  started_.push_back(&connection);
}

void Site::note_warm_up(site::Source& source, TimePoint now) {
  auto const today = context_.today(now);
  if (auto const sent = source.warm_up.count(name_, today.day))
    keep_warm_up(context_.store, source.name(), name_, today, *sent);
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
  auto const* const named = still_named(connection.target(), *transaction.route);
  if (named == nullptr || connection.source() != transaction.source) return false;
  auto const& terms = transaction.tls->of(named->host);
  if (connection.key() != key_for(*named, terms, transaction.source, transaction.login))
    return false;
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
  auto const* source = transaction.source;
  return !transaction.is_unfit(target.host) && !health_.is_backing_off(endpoint, now) &&
         (source == nullptr || source->reaches(target.address.family())) &&
         tls_.may_try(transaction.tls->of(target.host).policy, endpoint, now);
}

bool Site::needs_check(SmtpConnection const& connection, TimePoint now) const {
  return connection.uses() != 0 && now >= after(connection.idle_since(), settings_.check_after);
}

}  // namespace mailpool::delivery
