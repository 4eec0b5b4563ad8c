// What is to become of a waiting transaction: limits first, then an idle connection, newest first,
// then a new one. Nothing changes here: site_start.cc carries out what is decided.

#include <algorithm>
#include <tuple>

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
  if (!from.wait.is_over()) {
    auto const verdict = others_wait(transaction);
    // Other domains may have hosts that do not wait for the same home.
    bool const is_for_domain = verdict == Verdict::SkipGroup && !homes().empty();
    return {Stay{from.wait, is_for_domain ? Verdict::SkipDomain : verdict}, from.source};
  }
  auto const seeker = this->seeker(transaction, from.source);
  auto* const connection = idle_for(seeker, now);
  auto decision = connection != nullptr
                      ? Decision{Use{connection, probe_beside(*connection, seeker, now)}}
                      : provide_connection(seeker, now);
  decision.source = from.source;
  return decision;
}

// The only path that it can take; null: it has a choice.
Path* Site::only_path_of(Transaction const& transaction) const {
  auto const* const sources = transaction.sources;
  if (sources == nullptr || sources->members().empty()) return &paths_.of(transaction.source);
  bool const is_one = settings_.per == CountedPer::Site || sources->members().size() == 1;
  return is_one ? &paths_.of(sources->members().front().source) : nullptr;
}

site::Hold Site::limits_of(Transaction const& transaction, TimePoint now) const {
  auto const n = transaction.size();
  auto const hold = site::may_begin(transaction.levels, n, now);
  auto own = all_paths_.may_begin(n, now);
  auto reach = own.is_over() ? site::Reach::Group : site::Reach::All;
  if (auto const* const path = only_path_of(transaction)) {
    own = later_of(own, path->scope.may_begin(n, now));
    if (paths_.is_one()) reach = site::Reach::All;
  }
  if (own.is_over()) return hold;
  return {later_of(own, hold.wait), std::max(reach, hold.reach)};
}

// Its own source first; where that one may not send now, the others of the pool take its part.
Site::Departure Site::choose_source(Transaction const& transaction, TimePoint now) const {
  auto* const sources = transaction.sources;
  if (sources == nullptr) return {transaction.source, {}};
  auto* const own = transaction.source != nullptr ? transaction.source : sources->whose_turn();
  if (own == nullptr) return {nullptr, {}};
  auto* best = own;
  auto [prospect, wait] = prospect_of(transaction, own, now);
  for (auto const& member : sources->members()) {
    if (prospect == Prospect::Now || !sources->spills()) break;
    if (member.source == own) continue;
    auto const other = prospect_of(transaction, member.source, now);
    bool const is_sooner = other.first < prospect ||
                           (other.first == prospect && other.second.not_before < wait.not_before);
    if (!is_sooner) continue;
    best = member.source;
    std::tie(prospect, wait) = other;
  }
  return {wait.is_over() ? best : own, wait};
}

std::pair<Site::Prospect, site::Wait> Site::prospect_of(Transaction const& transaction,
                                                        site::Source* source, TimePoint now) const {
  auto const who = seeker(transaction, source);
  if (auto const wait = suspended_from(source, now); !wait.is_over())
    return {Prospect::Suspended, wait};
  if (auto const wait = source_limits(*source, transaction, now); !wait.is_over())
    return {Prospect::Later, wait};
  // A full path uses the warm connections that it has, whosever turn it is.
  if (idle_for(who, now) != nullptr) return {Prospect::Now, {}};
  if (all_hosts_fail(who.path, *transaction.route, now)) return {Prospect::HostsFail, {}};
  if (auto const wait = homes_may_begin(transaction, source, now); !wait.is_over())
    return {Prospect::Later, wait};
  bool const may_open_one = source->scope.may_open(now).is_over() &&
                            who.path.scope.may_open(now).is_over() &&
                            all_paths_.may_open(now).is_over();
  return {may_open_one ? Prospect::Now : Prospect::Soon, {}};
}

site::Wait Site::source_limits(site::Source& source, Transaction const& transaction,
                               TimePoint now) const {
  auto const wait = source.may_begin(name_, transaction.size(), context_.today(now), now);
  return later_of(wait, paths_.of(&source).scope.may_begin(transaction.size(), now));
}

site::Wait Site::blocked_on(Path const& path, TimePoint now) const {
  if (auto const wait = suspended_from(path.source(), now); !wait.is_over()) return wait;
  if (auto const wait = path.scope.may_begin(1, now); !wait.is_over()) return wait;
  if (!last_route_ || !all_hosts_fail(path, *last_route_, now)) return {};
  auto next = never;
  for (auto const& target : last_route_->targets) {
    auto from = home_rests_until(target, path.source(), now);
    if (auto const* record = path.health.find(endpoint_of(target)))
      from = std::max(from, record->not_before);
    if (from > now) next = std::min(next, from);
  }
  return {next, Limit::BackingOff};
}

bool Site::all_hosts_fail(Path const& path, route::Route const& route, TimePoint now) const {
  return !route.targets.empty() &&
         std::all_of(route.targets.begin(), route.targets.end(), [&](auto const& target) {
           auto* const source = path.source();
           return path.health.is_backing_off(endpoint_of(target), now) ||
                  home_rests_until(target, source, now) > now ||
                  (source != nullptr && !source->reaches(target.address.family()));
         });
}

SmtpConnection* Site::idle_for(Seeker const& seeker, TimePoint now) const {
  for (auto const& c : pool_.in(ConnectionState::Idle)) {
    auto& connection = static_cast<SmtpConnection&>(*c);
    if (!can_serve(connection, seeker, now) || needs_check(connection, now)) continue;
    auto const n = seeker.transaction.size();
    if (!home_may_begin(connection.target(), seeker.source, n, now).is_over()) continue;
    return &connection;
  }
  return nullptr;
}

bool Site::can_serve(SmtpConnection const& connection, Seeker const& seeker, TimePoint now) const {
  auto const& transaction = seeker.transaction;
  if (transaction.needs_fresh && connection.uses() != 0) return false;
  if (transaction.is_unfit(connection.target().host)) return false;
  if (held_at_home(transaction, connection.target(), seeker.source, now) ||
      home_rests_until(connection.target(), seeker.source, now) > now)
    return false;
  auto const& targets = transaction.route->targets;
  auto const* const named = still_named(connection.target(), *transaction.route);
  if (named == nullptr || connection.source() != seeker.source) return false;
  // What its host belongs to has changed by a reload: it would count at the old one.
  if (connection.target().site != named->site) return false;
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
  return may_be_tried(target, seeker, now) && !seeker.path.health.is_on_probation(endpoint) &&
         !is_overtaken(seeker.path, endpoint);
}

// The connection serves because a better host failed: whether that one answers again is found out
// beside it, by one connection.
route::Target const* Site::probe_beside(SmtpConnection const& connection, Seeker const& seeker,
                                        TimePoint now) const {
  auto const& route = *seeker.transaction.route;
  auto const* const used = still_named(connection.target(), route);
  for (auto const& t : route.targets) {
    if (t.preference >= used->preference || !may_be_tried(t, seeker, now)) continue;
    bool const has_room = !is_full(seeker.path) && may_open(t, seeker.source, now).is_over();
    return has_room && !is_being_tried(seeker.path, endpoint_of(t)) ? &t : nullptr;
  }
  return nullptr;
}

bool Site::may_be_tried(route::Target const& target, Seeker const& seeker, TimePoint now) const {
  auto const endpoint = endpoint_of(target);
  auto const* source = seeker.source;
  auto const since = seeker.transaction.seeking_since;
  auto const& health = seeker.path.health;
  return !seeker.transaction.is_unfit(target.host) && !health.is_backing_off(endpoint, now) &&
         !health.has_failed_since(endpoint, since) &&
         !held_at_home(seeker.transaction, target, seeker.source, now) &&
         home_rests_until(target, seeker.source, now) <= now &&
         (source == nullptr || source->reaches(target.address.family())) &&
         tls_.may_try(seeker.transaction.tls->of(target.host).policy, endpoint, now, since);
}

bool Site::needs_check(SmtpConnection const& connection, TimePoint now) const {
  return connection.uses() != 0 && now >= after(connection.idle_since(), settings_.check_after);
}

Decision Site::provide_connection(Seeker const& seeker, TimePoint now) const {
  // A limit, and no lack of connections: nothing is opened, or closed, for what may not be used.
  if (auto const wait = homes_may_begin(seeker.transaction, seeker.source, now); !wait.is_over())
    return {
        Stay{wait, seeker.transaction.unfit_hosts.empty() ? Verdict::SkipDomain : Verdict::Keep}};
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
  auto const& path = seeker.path;
  // As if none were open: whether there is room comes later.
  pool::Demand const demand{path.lacking + 1, coming, 0, path.scope.connections.most().value_or(0),
                            path.backlog.is_lasting(now)};
  if (pool::connections_to_begin(demand) == 0) return wait_or_overtake(seeker, now);
  // A stale idle connection is cheaper to prove alive than a new one is to open.
  if (auto* const stale = stale_for(seeker, now)) return {Check{stale}};
  if (is_full(path)) return coming != 0 ? full_or_overtake(seeker, now) : when_full(seeker);
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

Decision Site::when_full(Seeker const& seeker) const {
  auto const& path = seeker.path;
  // The oldest idle connection serves none of those who were asked before; it would age out next
  // anyway.
  if (auto* const leaving = idle_in_the_way_of(path)) return {MakeRoom{leaving}};
  // Nothing idle is left for the others either.
  bool const is_for_all = paths_.is_one() || path.has_room();
  bool const is_any_idle = !pool_.in(ConnectionState::Idle).empty();
  auto const verdict = is_for_all    ? Verdict::Stop
                       : is_any_idle ? Verdict::Keep
                                     : others_wait(seeker.transaction);
  return {Stay{{never, Limit::MaxConnections, &full_scope(path)}, verdict}};
}

// Where sources do not stand in for each other, the next message may be another's.
Verdict Site::others_wait(Transaction const& transaction) const {
  bool const is_shared = transaction.sources == nullptr || transaction.sources->spills();
  return is_shared ? Verdict::SkipGroup : Verdict::Keep;
}

site::Scope const& Site::full_scope(Path const& path) const {
  return path.has_room() ? *all_paths_.scope() : path.scope;
}

SmtpConnection* Site::idle_in_the_way_of(Path const& path) const {
  auto const& idle = pool_.in(ConnectionState::Idle);
  for (auto it = idle.rbegin(); it != idle.rend(); ++it) {
    auto& connection = static_cast<SmtpConnection&>(**it);
    if (path.has_room() || &path_of(connection) == &path) return &connection;
  }
  return nullptr;
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
        is_overtaken(seeker.path, endpoint) ||
        (seeker.path.health.is_on_probation(endpoint) && is_being_tried(seeker.path, endpoint));
    return may_be_tried(t, seeker, now) && (coming == 0 || !has_enough) &&
           home_may_begin(t, seeker.source, transaction.size(), now).is_over();
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
        home_may_open(t, seeker.source, now).is_over() &&
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

site::Wait Site::may_open(route::Target const& target, site::Source* source, TimePoint now) const {
  site::Wait wait;
  for (auto const* scope :
       std::initializer_list<site::Scope const*>{&paths_.of(source).scope, all_paths_.scope()})
    if (auto const t = scope == nullptr ? now : scope->connect_rate.earliest(now); t > now)
      wait = later_of(wait, {t, Limit::ConnectRate, scope});
  wait = later_of(wait, context_.scopes.total().may_open(now));
  if (source != nullptr) wait = later_of(wait, source->scope.may_open(now));
  if (host_is_full(target)) wait = later_of(wait, {never, Limit::MaxConnectionsPerHost});
  wait = later_of(wait, home_may_open(target, source, now));
  if (context_.no_socket_before > now)
    wait = later_of(wait, {context_.no_socket_before, Limit::Descriptors});
  return wait;
}

}  // namespace mailpool::delivery
