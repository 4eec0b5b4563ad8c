#include "core/site/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/site/rate_record.h"

namespace mailpool::site {

namespace {

// With the names of their options.
template <class AnyScope>
auto rates_of(AnyScope& scope) {
  return std::array{std::pair(Limit::Rate, &scope.rate),
                    std::pair(Limit::RecipientRate, &scope.recipient_rate),
                    std::pair(Limit::ConnectRate, &scope.connect_rate)};
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Total:
      return "total";
    case Level::Source:
      return "source";
    case Level::Domain:
      return "domain";
    case Level::SenderDomain:
      return "sender domain";
    case Level::Tenant:
      return "tenant";
    case Level::Site:
      return "site";
    case Level::Path:
      return "path";
    case Level::AllPaths:
      return "all sources to";
  }
  return "";
}

Wait later_of(Wait const& a, Wait const& b) {
  if (a.is_over()) return b;
  if (b.is_over()) return a;
  return b.not_before > a.not_before ? b : a;
}

void Scope::reconfigure(LevelSettings const& settings, TimePoint now) {
  connections.reconfigure(settings.max_connections);
  rate.reconfigure(settings.rate, now);
  recipient_rate.reconfigure(settings.recipient_rate, now);
  connect_rate.reconfigure(settings.connect_rate, now);
  max_recipients = settings.max_recipients;
  connections.pass_on();
}

bool Scope::keeps_use() const {
  return rate.is_kept() || recipient_rate.is_kept() || connect_rate.is_kept();
}

void Scope::keep_use(state::Store& store, WallTime wall_now, TimePoint now) const {
  for (auto const& [limit, rate_of] : rates_of(*this))
    site::keep_use(store,
                   {std::string(site::name_of(level_)), name_, std::string(site::name_of(limit))},
                   *rate_of, wall_now, now);
}

void Scope::restore_use(std::string_view option, std::string_view value, WallTime wall_now,
                        TimePoint now) {
  for (auto const& [limit, rate_of] : rates_of(*this))
    if (site::name_of(limit) == option) rate_of->restore(value, wall_now, now);
}

bool Scope::forget_use(state::Store& store, TimePoint now) {
  bool was_used = false;
  for (auto const& [limit, rate_of] : rates_of(*this)) {
    was_used = was_used || !rate_of->is_rested(now);
    site::forget_use(store,
                     {std::string(site::name_of(level_)), name_, std::string(site::name_of(limit))},
                     *rate_of);
  }
  return was_used;
}

Wait Scope::may_begin(std::uint32_t recipients, TimePoint now) const {
  if (!counts_open_connections(level_) && !connections.has_room())
    return {never, Limit::MaxConnections, this};
  Wait wait;
  if (auto const t = rate.earliest(now); t > now) wait = {t, Limit::Rate, this};
  if (auto const t = recipient_rate.earliest(now, recipients); t > now)
    wait = later_of(wait, {t, Limit::RecipientRate, this});
  return wait;
}

Permit Scope::begin(std::uint32_t recipients, TimePoint now) {
  rate.take(now);
  recipient_rate.take(now, recipients);
  return counts_open_connections(level_) ? Permit() : connections.take();
}

Wait Scope::may_open(TimePoint now) const {
  assert(counts_open_connections(level_) && "only these levels hold open connections");
  if (!connections.has_room()) return {never, Limit::MaxConnections, this};
  if (auto const t = connect_rate.earliest(now); t > now) return {t, Limit::ConnectRate, this};
  return {};
}

Permit Scope::open(TimePoint now) {
  connect_rate.take(now);
  return connections.take();
}

std::string Scope::title() const {
  if (name_.empty()) return std::string(name_of(level_));
  return fmt::format("{} {}", name_of(level_), name_);
}

std::string Scope::words_for(Limit limit) const {
  auto const value = [&]() -> std::string {
    switch (limit) {
      case Limit::Rate:
        return rate.rate().to_string();
      case Limit::RecipientRate:
        return recipient_rate.rate().to_string();
      case Limit::ConnectRate:
        return connect_rate.rate().to_string();
      case Limit::MaxConnections:
        return fmt::format("{}", connections.most().value_or(0));
      default:
        return {};
    }
  }();
  return fmt::format("{} reached{}", site::name_of(limit),
                     value.empty() ? value : fmt::format(" ({})", value));
}

bool Permits::is_empty() const {
  return std::none_of(held_.begin(), held_.end(), [](Permit const& p) { return bool(p); });
}

Hold may_begin(Levels const& levels, std::uint32_t recipients, TimePoint now) {
  Hold hold;
  auto ask = [&](Scope const* scope, Reach reach) {
    if (scope == nullptr) return;
    auto const wait = scope->may_begin(recipients, now);
    if (wait.is_over()) return;
    hold.wait = later_of(hold.wait, wait);
    hold.reach = std::max(hold.reach, reach);
  };
  ask(levels.total, Reach::All);
  ask(levels.source, Reach::Group);
  ask(levels.sender_domain, Reach::Group);
  ask(levels.tenant, Reach::Group);
  ask(levels.domain, Reach::Domain);
  return hold;
}

Permits begin(Levels const& levels, std::uint32_t recipients, TimePoint now) {
  Permits permits;
  for (auto* scope : {levels.total, levels.source})
    if (scope != nullptr) static_cast<void>(scope->begin(recipients, now));
  std::size_t n = 0;
  for (auto* scope : {levels.domain, levels.sender_domain, levels.tenant})
    if (scope != nullptr) permits.held_[n++] = scope->begin(recipients, now);
  return permits;
}

}  // namespace mailpool::site
