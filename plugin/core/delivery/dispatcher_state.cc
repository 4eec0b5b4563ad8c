// What of delivery survives a restart: suspensions, and the counts of the hour and the day.

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/delivery/dispatcher.h"
#include "core/site/rate_record.h"
#include "core/site/suspension_record.h"
#include "core/site/warm_up_record.h"

namespace mailpool::delivery {

using state::Kind;

std::size_t Dispatcher::restore(TimePoint now) {
  auto const wall_now = context_.clock.wall(now);
  // Before any site is made: each takes what is about it.
  restore_use(now);
  for (auto const kind : {Kind::Adaptive, Kind::LearnedCap})
    context_.remembered.load(context_.store, kind);
  for (auto& record : context_.store.take_loaded(Kind::Counter)) {
    auto const counts = site::PeriodCounts::from_value(record.value);
    if (!counts) continue;
    restored_periods_.emplace(record.key, *counts);
    // Others come with their first message: there may be very many of them.
    if (settings_.sites.contains(record.key)) site_by_name(record.key);
  }
  for (auto const& record : context_.store.take_loaded(Kind::WarmUp))
    if (auto kept = site::warm_up_of(record))
      if (auto* const source = context_.scopes.find_source(kept->source))
        source->warm_up.restore(kept->site, std::move(kept->at_site), kept->start);
  std::size_t in_force = 0;
  for (auto const& record : context_.store.take_loaded(Kind::Suspension)) {
    auto const suspension = site::suspension_of(record, wall_now, now);
    auto const [what, name, scope] = site::suspended_by_key(record.key);
    if (!suspension || name.empty()) {
      context_.log.warning(
          fmt::format("state: a suspension of \"{}\" cannot be read and is dropped",
                      printable(record.key, 100)));
      context_.store.erase(Kind::Suspension, record.key);
      continue;
    }
    if (what == "domain") {
      suspend_domain(name, *suspension, now);
    } else if (what == "tenant") {
      suspend_tenant(name, *suspension, now);
    } else if (what == "source") {
      if (!suspend_source(name, *suspension, now)) continue;
    } else if (what == "campaign") {
      if (!suspend_campaign(name, *suspension, now)) continue;
    } else if (what == "all") {
      suspend_all(*suspension, now);
    } else {
      auto& site = site_by_name(name);
      if (scope.empty())
        site.suspend(*suspension, now);
      else
        site.hold(scope, *suspension, now);
      note_busy(site);
    }
    ++in_force;
  }
  return in_force;
}

// A site that has not been used since the start, under the name it had.
Site& Dispatcher::site_by_name(std::string const& name) {
  route::Route route;
  route.site = name;
  route.is_named_site = settings_.sites.contains(name);
  return site_for(route);
}

void Dispatcher::restore_periods(Site& site) {
  auto const kept = restored_periods_.find(site.name());
  if (kept == restored_periods_.end()) return;
  site.restore_periods(kept->second);
  restored_periods_.erase(kept);
}

void Dispatcher::keep_counts(std::size_t most) {
  auto& counted = context_.counted;
  for (; most > 0 && !counted.empty(); --most) {
    auto* site = counted.back();
    counted.pop_back();
    site->keep_counts();
  }
  auto const now = context_.clock.now();
  for (; most > 0 && !context_.used.empty(); --most) {
    (*context_.used.begin())->keep_use(context_.store, context_.clock.wall(now), now);
    context_.used.erase(context_.used.begin());
  }
}

void Site::keep_counts() {
  is_counted_ = false;
  context_.store.put(Kind::Counter, name_, periods_.to_value(), periods_.expires());
  auto const now = context_.clock.now();
  auto const wall_now = context_.clock.wall(now);
  all_paths_.keep_use(now);
  paths_.visit([&](Path const& path) { path.scope.keep_use(context_.store, wall_now, now); });
}

// Sites and paths take theirs when they are made.
void Dispatcher::restore_use(TimePoint now) {
  auto const wall_now = context_.clock.wall(now);
  for (auto& record : context_.store.take_loaded(Kind::RateUse)) {
    auto key = site::rate_key_of(record);
    if (!key) continue;
    if (auto* const scope = find_scope(*key))
      scope->restore_use(key->option, record.value, wall_now, now);
    else
      context_.remembered.add_use(std::move(*key), std::move(record.value));
  }
}

site::Scope* Dispatcher::find_scope(site::RateKey const& key) {
  auto& scopes = context_.scopes;
  auto const is = [&](site::Level level) { return key.level == site::name_of(level); };
  if (is(site::Level::Total)) return &scopes.total();
  if (is(site::Level::Domain)) {
    auto const it = limits_.find(key.name);
    return it == limits_.end() ? nullptr : &it->second;
  }
  auto const scope_of = [](auto* owner) { return owner == nullptr ? nullptr : &owner->scope; };
  if (is(site::Level::Source)) return scope_of(scopes.find_source(key.name));
  if (is(site::Level::Tenant)) return scope_of(scopes.find_tenant(key.name));
  return is(site::Level::SenderDomain) ? scope_of(scopes.find_sender_domain(key.name)) : nullptr;
}

void Dispatcher::keep_suspension(std::string_view what, std::string const& name,
                                 site::Suspension& suspension, TimePoint now) {
  site::keep(suspension, site::suspension_key(what, name), context_.store, context_.clock.wall(now),
             now);
}

void Dispatcher::keep_suspensions(TimePoint now) {
  if (all_suspended(now) != nullptr) keep_suspension("all", "all", *context_.all_suspended, now);
  for (auto& [name, site] : sites_) site->keep_suspensions(now);
  for (auto& [domain, limits] : limits_)
    if (limits.is_suspended(now)) keep_suspension("domain", domain, *limits.suspension, now);
  for (auto const& [name, tenant] : context_.scopes.tenants())
    if (tenant->scope.is_suspended(now))
      keep_suspension("tenant", name, *tenant->scope.suspension, now);
  context_.campaigns.keep(context_.store, context_.clock.wall(now), now);
  for (auto const& [name, source] : context_.scopes.sources())
    if (source->scope.is_suspended(now))
      keep_suspension("source", name, *source->scope.suspension, now);
}

}  // namespace mailpool::delivery
