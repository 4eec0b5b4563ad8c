// What is to become of a waiting transaction: limits first, then an idle connection, newest first,
// then a new one. Nothing changes here: site_start.cc carries out what is decided.

#include <algorithm>

#include "core/delivery/reuse.h"
#include "core/delivery/site.h"

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

Decision stay(Limit limit, Verdict verdict = Verdict::Keep) {
  return {Stay{{never, limit}, verdict}};
}

}  // namespace

Decision Site::decide(Transaction const& transaction, TimePoint now) const {
  auto const held = limits_of(transaction, now);
  if (!held.wait.is_over()) return {Stay{held.wait, verdict_of(held.reach)}, transaction.source};
  auto const from = choose_source(transaction, now);
  if (!from.wait.is_over()) return {Stay{from.wait, Verdict::SkipGroup}, from.source};
  Seeker const seeker{transaction, from.source};
  auto* const connection = idle_for(seeker, now);
  auto decision = connection != nullptr
                      ? Decision{Use{connection, probe_beside(*connection, seeker, now)}}
                      : provide_connection(seeker, now);
  decision.source = from.source;
  return decision;
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

// Its own source first; where that one is at a limit, the others of the pool take its part.
Site::Departure Site::choose_source(Transaction const& transaction, TimePoint now) const {
  if (transaction.sources == nullptr) return {transaction.source, {}};
  auto* const own =
      transaction.source != nullptr ? transaction.source : transaction.sources->whose_turn();
  site::Wait earliest{never, Limit::None};
  site::Source* usable = nullptr;  // may send, but has no idle connection and cannot open one
  auto attempt = [&](site::Source* source) {
    auto const wait = source_limits(*source, transaction, now);
    if (!wait.is_over()) {
      if (earliest.is_over() || wait.not_before < earliest.not_before) earliest = wait;
      return false;
    }
    if (usable == nullptr) usable = source;
    // A full site uses the warm connections that it has, whosever turn it is.
    bool const may_open_one = pool_.open() < reactions_.max_connections();
    return idle_for({transaction, source}, now) != nullptr ||
           (may_open_one && source->scope.may_open(now).is_over());
  };
  if (own != nullptr && attempt(own)) return {own, {}};
  for (auto const& member : transaction.sources->members())
    if (member.source != own && attempt(member.source)) return {member.source, {}};
  if (usable != nullptr) return {usable, {}};
  return {own, earliest};
}

site::Wait Site::source_limits(site::Source const& source, Transaction const& transaction,
                               TimePoint now) const {
  return source.may_begin(name_, transaction.size(), context_.today(now), now);
}

SmtpConnection* Site::idle_for(Seeker const& seeker, TimePoint now) const {
  for (auto const& c : pool_.in(ConnectionState::Idle)) {
    auto& connection = static_cast<SmtpConnection&>(*c);
    if (!can_serve(connection, seeker, now) || needs_check(connection, now)) continue;
    return &connection;
  }
  return nullptr;
}

bool Site::can_serve(SmtpConnection const& connection, Seeker const& seeker, TimePoint now) const {
  auto const& transaction = seeker.transaction;
  if (transaction.needs_fresh && connection.uses() != 0) return false;
  if (transaction.is_unfit(connection.target().host)) return false;
  auto const& targets = transaction.route->targets;
  auto const* const named = still_named(connection.target(), *transaction.route);
  if (named == nullptr || connection.source() != seeker.source) return false;
  auto const& terms = transaction.tls->of(named->host);
  if (connection.key() != key_for(*named, terms, seeker.source, transaction.login)) return false;
  if (connection.objection(terms.policy, context_.clock.wall(now))) return false;
  // A connection to a less preferred host serves only while no better host is to be tried first
  // (RFC 5321 5.1).
  return std::none_of(targets.begin(), targets.end(), [&](route::Target const& t) {
    return t.preference < named->preference && is_promising(t, seeker, now);
  });
}

bool Site::is_promising(route::Target const& target, Seeker const& seeker, TimePoint now) const {
  auto const endpoint = endpoint_of(target);
  return may_be_tried(target, seeker, now) && !health_.is_on_probation(endpoint) &&
         !is_overtaken(endpoint);
}

// The connection serves because a better host failed: whether that one answers again is found out
// beside it, by one connection.
route::Target const* Site::probe_beside(SmtpConnection const& connection, Seeker const& seeker,
                                        TimePoint now) const {
  auto const& route = *seeker.transaction.route;
  auto const* const used = still_named(connection.target(), route);
  for (auto const& t : route.targets) {
    if (t.preference >= used->preference || !may_be_tried(t, seeker, now)) continue;
    bool const has_room =
        pool_.open() < reactions_.max_connections() && may_open(t, seeker.source, now).is_over();
    return has_room && !is_being_tried(endpoint_of(t)) ? &t : nullptr;
  }
  return nullptr;
}

bool Site::may_be_tried(route::Target const& target, Seeker const& seeker, TimePoint now) const {
  auto const endpoint = endpoint_of(target);
  auto const* source = seeker.source;
  auto const since = seeker.transaction.seeking_since;
  return !seeker.transaction.is_unfit(target.host) && !health_.is_backing_off(endpoint, now) &&
         !health_.has_failed_since(endpoint, since) &&
         (source == nullptr || source->reaches(target.address.family())) &&
         tls_.may_try(seeker.transaction.tls->of(target.host).policy, endpoint, now, since);
}

bool Site::needs_check(SmtpConnection const& connection, TimePoint now) const {
  return connection.uses() != 0 && now >= after(connection.idle_since(), settings_.check_after);
}

Decision Site::provide_connection(Seeker const& seeker, TimePoint now) const {
  auto const& login = seeker.transaction.login;
  auto const readiness =
      login.is_none() ? Logins::Readiness::Ready : context_.logins.readiness(login.name, now);
  auto decision = readiness == Logins::Readiness::Ready     ? seek(seeker, now)
                  : readiness == Logins::Readiness::Reading ? stay(Limit::Connecting)
                                                            : Decision{Impossible{}};
  decision.needs_login = !login.is_none();
  decision.lacks_connection = readiness == Logins::Readiness::Ready;
  return decision;
}

Decision Site::seek(Seeker const& seeker, TimePoint now) const {
  auto const coming = on_their_way(seeker, now);
  auto const* target = next_target(seeker, coming, now);
  if (target == nullptr) {
    bool const is_served_later =
        !seeker.transaction.needs_fresh && has_live_connection(seeker, now);
    if (coming == 0 && !is_served_later) return {Impossible{}};
    return coming != 0 ? wait_or_overtake(seeker, now) : stay(Limit::BackingOff);
  }
  auto const most = reactions_.max_connections();
  // As if none were open: whether there is room comes later.
  pool::Demand const demand{lacking_ + 1, coming, 0, most, backlog_.is_lasting(now)};
  if (pool::connections_to_begin(demand) == 0) return wait_or_overtake(seeker, now);
  // A stale idle connection is cheaper to prove alive than a new one is to open.
  if (auto* const stale = stale_for(seeker, now)) return {Check{stale}};
  if (pool_.open() >= most) return coming != 0 ? full_or_overtake(seeker, now) : when_full();
  if (auto const wait = may_open(*target, seeker.source, now); !wait.is_over())
    return {Stay{wait, Verdict::Keep, target}};
  return {Open{target}};
}

SmtpConnection* Site::stale_for(Seeker const& seeker, TimePoint now) const {
  for (auto const& c : pool_.in(ConnectionState::Idle)) {
    auto& connection = static_cast<SmtpConnection&>(*c);
    if (can_serve(connection, seeker, now) && needs_check(connection, now)) return &connection;
  }
  return nullptr;
}

Decision Site::when_full() const {
  auto const& idle = pool_.in(ConnectionState::Idle);
  // Nothing idle is left for the others either.
  if (idle.empty()) return stay(Limit::MaxConnections, Verdict::Stop);
  // The oldest idle connection serves none of those who were asked before; it would age out next
  // anyway.
  return {MakeRoom{&static_cast<SmtpConnection&>(*idle.back())}};
}

route::Target const* Site::next_target(Seeker const& seeker, std::size_t coming,
                                       TimePoint now) const {
  auto const& transaction = seeker.transaction;
  auto const& targets = transaction.route->targets;
  // A host that failed is probed by one, one that is late has enough to do; but who waits for
  // neither tries what there is.
  auto is_fit = [&](route::Target const& t) {
    auto const endpoint = endpoint_of(t);
    bool const has_enough =
        is_overtaken(endpoint) || (health_.is_on_probation(endpoint) && is_being_tried(endpoint));
    return may_be_tried(t, seeker, now) && (coming == 0 || !has_enough);
  };
  if (transaction.preferred)
    for (auto const& t : targets)
      if (endpoint_of(t) == *transaction.preferred && is_fit(t)) return &t;
  auto const found = std::find_if(targets.begin(), targets.end(), is_fit);
  if (found == targets.end()) return nullptr;
  // Another of the same preference has room, perhaps; a less preferred one is for hosts that fail.
  std::vector<route::Target const*> roomy;
  bool const is_any_family =
      settings_.ip != IpPreference::Prefer4 && settings_.ip != IpPreference::Prefer6;
  for (auto const& t : targets)
    if (t.preference == found->preference && is_fit(t) && !host_is_full(t) &&
        (is_any_family || t.address.is_v4() == found->address.is_v4() || host_is_full(*found)))
      roomy.push_back(&t);
  return roomy.empty() ? &*found : quicker_of(roomy, now);
}

std::size_t Site::on_their_way(Seeker const& seeker, TimePoint now) const {
  std::size_t n = 0;
  for (auto state : {ConnectionState::Connecting, ConnectionState::Checking})
    for (auto const& c : pool_.in(state))
      if (can_serve(static_cast<SmtpConnection const&>(*c), seeker, now)) ++n;
  return n;
}

bool Site::has_live_connection(Seeker const& seeker, TimePoint now) const {
  auto const& busy = pool_.in(ConnectionState::Busy);
  return std::any_of(busy.begin(), busy.end(), [&](auto const& c) {
    return can_serve(static_cast<SmtpConnection const&>(*c), seeker, now);
  });
}

bool Site::host_is_full(route::Target const& target) const {
  auto const most = settings_.max_connections_per_host;
  return most != 0 && context_.scopes.open_to(target.address, target.port) >= most;
}

site::Wait Site::may_open(route::Target const& target, site::Source const* source,
                          TimePoint now) const {
  site::Wait wait;
  if (auto const t = connect_rate_.earliest(now); t > now) wait = {t, Limit::ConnectRate};
  wait = later_of(wait, context_.scopes.total().may_open(now));
  if (source != nullptr) wait = later_of(wait, source->scope.may_open(now));
  if (host_is_full(target)) wait = later_of(wait, {never, Limit::MaxConnectionsPerHost});
  if (context_.no_socket_before > now)
    wait = later_of(wait, {context_.no_socket_before, Limit::Descriptors});
  return wait;
}

}  // namespace mailpool::delivery
