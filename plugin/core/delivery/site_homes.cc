// Hosts of a site that belong to another one: a domain with mixed or backup MX uses the hosts of a
// provider, and the provider counts that with all the rest.
//
// Such a site (the guest) keeps its queue and its connections. A connection to such a host counts
// at the named site that the host belongs to (its home) as well; what the host says acts there
// alone.

#include <algorithm>
#include <utility>

#include "core/delivery/reuse.h"
#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;

// Most sites have none.
Site::Kin const& Site::kin() const {
  static Kin const none;
  return kin_ ? *kin_ : none;
}

void Site::belong_to(Site& home) {
  if (std::find(homes().begin(), homes().end(), &home) != homes().end()) return;
  for (auto* const each : {this, &home})
    if (!each->kin_) each->kin_ = std::make_unique<Kin>();
  kin_->homes.push_back(&home);
  home.kin_->guests.push_back(this);
}

void Site::leave_homes() {
  leave_lines();
  for (auto state : {ConnectionState::Connecting, ConnectionState::Idle, ConnectionState::Busy,
                     ConnectionState::Checking, ConnectionState::Closing})
    for (auto const& c : pool_.in(state)) static_cast<SmtpConnection&>(*c).leave_home();
  if (!kin_) return;
  for (auto* const home : std::exchange(kin_->homes, {})) std::erase(home->kin_->guests, this);
}

std::size_t Site::guest_connections() const {
  std::size_t n = 0;
  for (auto const* const guest : kin().guests)
    guest->pool_.for_each([&](pool::Connection const& c) {
      if (guest->home_of(static_cast<SmtpConnection const&>(c)).site == this) ++n;
    });
  return n;
}

Site::Home Site::home_of(route::Target const& target, site::Source* source) const {
  if (target.site.empty()) return {};
  auto const found = std::find_if(homes().begin(), homes().end(),
                                  [&](Site const* home) { return home->name_ == target.site; });
  if (found == homes().end()) return {};
  return {*found, &(*found)->paths_.of(source)};
}

Site& Site::judged_site(SmtpConnection const& connection) {
  auto const home = home_of(connection);
  return home ? *home.site : *this;
}

Path& Site::judged_path(SmtpConnection const& connection) const {
  auto const home = home_of(connection);
  return home ? *home.path : path_of(connection);
}

site::Wait Site::home_may_begin(route::Target const& target, site::Source* source,
                                std::uint32_t recipients, TimePoint now) const {
  auto const home = home_of(target, source);
  if (!home) return {};
  auto wait = later_of(home.path->scope.may_begin(recipients, now),
                       home.site->all_paths_.may_begin(recipients, now));
  auto const today = context_.today(now);
  if (source != nullptr && !source->warm_up.has_room(home.site->name_, today.day))
    wait = later_of(
        wait, {source->warm_up.next_room(home.site->name_, today), Limit::WarmUp, &source->scope});
  return wait;
}

site::Wait Site::home_may_open(route::Target const& target, site::Source* source,
                               TimePoint now) const {
  auto const home = home_of(target, source);
  if (!home) return {};
  return later_of(home.path->scope.may_open(now), home.site->all_paths_.may_open(now));
}

// A less preferred host is for hosts that fail, not for what is limited: of those that may be
// tried, the most preferred decide.
site::Wait Site::homes_may_begin(Transaction const& transaction, site::Source* source,
                                 TimePoint now) const {
  if (homes().empty()) return {};
  auto const who = seeker(transaction, source);
  auto const& targets = transaction.route->targets;
  auto const first = std::find_if(targets.begin(), targets.end(), [&](auto const& target) {
    return may_be_tried(target, who, now);
  });
  site::Wait soonest;
  for (auto it = first; it != targets.end(); ++it) {
    if (it->preference != first->preference || !may_be_tried(*it, who, now)) continue;
    auto const wait = home_may_begin(*it, source, transaction.size(), now);
    if (wait.is_over()) return {};
    if (soonest.is_over() || wait.not_before < soonest.not_before) soonest = wait;
  }
  return soonest;
}

TimePoint Site::home_rests_until(route::Target const& target, site::Source* source,
                                 TimePoint now) const {
  auto const home = home_of(target, source);
  if (!home) return {};
  TimePoint until{};
  if (home.site->suspension_) until = home.site->suspension_->until;
  if (auto const held = home.site->suspended_from(source, now); !held.is_over())
    until = std::max(until, held.not_before);
  if (home.path->health.is_backing_off(endpoint_of(target), now))
    until = std::max(until, home.path->health.find(endpoint_of(target))->not_before);
  return until;
}

Site::Held Site::held_at_home(Transaction const& transaction, route::Target const& target,
                              site::Source* source, TimePoint now) const {
  auto const home = home_of(target, source);
  if (!home) return {};
  auto const& site = *home.site;
  if (site.suspension_ && site.suspension_->until > now) return {&*site.suspension_, site.name_};
  if (auto hold = site.part_held("sender_domain", transaction.sender_domain, now)) return hold;
  if (auto hold = site.part_held("tenant", transaction.tenant, now)) return hold;
  if (auto hold = site.part_held("campaign", transaction.campaign, now)) return hold;
  if (source != nullptr)
    if (auto const* const why = site.held_from(*source, now))
      return {why, PathName{site.name_, source->name()}.title()};
  return {};
}

bool Site::is_part_held_anywhere(std::string_view kind, std::string_view name,
                                 TimePoint now) const {
  if (holds_.of(kind, name, now) != nullptr) return true;
  return std::any_of(homes().begin(), homes().end(), [&](Site const* home) {
    return static_cast<bool>(home->part_held(kind, name, now));
  });
}

// What the one behind `n` others waits for at these homes, later than `until`.
site::Wait Site::room_at_homes(Path const& path, std::size_t n, TimePoint until,
                               TimePoint now) const {
  if (homes().empty() || !last_route_) return {};
  auto const& targets = last_route_->targets;
  auto const first = std::find_if(targets.begin(), targets.end(), [&](auto const& target) {
    return home_rests_until(target, path.source(), now) <= now &&
           !path.health.is_backing_off(endpoint_of(target), now);
  });
  site::Wait soonest;
  for (auto it = first; it != targets.end(); ++it) {
    if (it->preference != first->preference) continue;
    auto const home = home_of(*it, path.source());
    if (!home) return {};
    site::Wait wait;
    for (auto const* scope : {&home.path->scope, home.site->all_paths_.scope()}) {
      if (scope == nullptr) continue;
      if (auto const t = scope->rate.turn_of(now, n + 1); t > until)
        wait = later_of(wait, {t, Limit::Rate, scope});
      if (auto const t = scope->recipient_rate.turn_of(now, n + 1); t > until)
        wait = later_of(wait, {t, Limit::RecipientRate, scope});
    }
    if (wait.is_over()) return {};
    if (soonest.is_over() || wait.not_before < soonest.not_before) soonest = wait;
  }
  return soonest;
}

bool Site::counts(site::Wait const& wait, TimePoint now) const {
  if (wait.scope == nullptr) return false;
  if (wait.limit == Limit::WarmUp) {
    auto const* const source = context_.scopes.find_source(wait.scope->name());
    return source != nullptr && !source->warm_up.has_room(name_, context_.today(now).day);
  }
  return wait.scope == all_paths_.scope() || paths_.find(wait.scope) != nullptr;
}

void Site::take_home_permits(ConnectionPermits& permits, Home const& home, TimePoint now) {
  if (!home) return;
  permits.home_path = home.path->scope.open(now);
  permits.home_all_paths = home.site->all_paths_.open(now);
}

void Site::begin_at_home(SmtpConnection const& connection, std::uint32_t recipients,
                         TimePoint now) {
  auto const home = home_of(connection);
  if (!home) return;
  static_cast<void>(home.path->scope.begin(recipients, now));
  home.site->all_paths_.begin(recipients, now);
  // What was used of a minute, an hour or a day is kept with its counts.
  if (!std::exchange(home.site->is_counted_, true)) context_.counted.push_back(home.site);
}

void Site::ask_for_room_at_home(Home const& home, TimePoint now) {
  if (!home) return;
  for (auto* const scope : {&home.path->scope, home.site->all_paths_.scope()}) {
    if (scope == nullptr || scope->connections.has_room()) continue;
    scope->connections.stand_in_line(*this, pool_.is_empty());
    context_.scopes.make_room(scope->connections, now);
  }
}

// Its own connections come back to itself; those of guests would go on to other guests.
void Site::ask_guests_for_room(Path& path, TimePoint now) {
  if (kin().guests.empty()) return;
  for (auto* const scope : {&path.scope, all_paths_.scope()}) {
    if (scope == nullptr || scope->connections.has_room()) continue;
    scope->connections.stand_in_line(*this, pool_.is_empty());
    context_.scopes.make_room(scope->connections, now);
  }
}

// Under limits over all paths that came after they were opened.
void Site::count_guests() {
  auto* const scope = all_paths_.scope();
  if (scope == nullptr) return;
  for (auto* const guest : kin().guests)
    for (auto state : {ConnectionState::Connecting, ConnectionState::Idle, ConnectionState::Busy,
                       ConnectionState::Checking, ConnectionState::Closing})
      for (auto const& c : guest->pool_.in(state))
        if (auto& connection = static_cast<SmtpConnection&>(*c);
            guest->home_of(connection).site == this)
          connection.be_counted_at_home(scope->connections);
}

// What is allowed here has changed.
void Site::tell_guests(TimePoint now) {
  for (auto* const guest : kin().guests) {
    bool const rests = guest->pool_.is_empty() && guest->waiting_.is_empty() &&
                       context_.parking.entries.is_empty(guest->name_);
    if (!rests) guest->try_parked(now);
  }
}

bool Site::is_too_many(SmtpConnection const& connection) const {
  if (path_of(connection).scope.connections.is_exceeded() || all_paths_.is_exceeded()) return true;
  auto const home = home_of(connection);
  return home &&
         (home.path->scope.connections.is_exceeded() || home.site->all_paths_.is_exceeded());
}

void Site::carry_out_at_home(Consequences consequences, SmtpConnection const& connection,
                             TimePoint now) {
  auto& path = judged_path(connection);
  judged_site(connection).carry_out(std::move(consequences), path, &connection, now);
}

}  // namespace mailpool::delivery
