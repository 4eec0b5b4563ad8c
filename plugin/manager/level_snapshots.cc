#include "manager/level_snapshots.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>

#include "manager/snapshots.h"

namespace mailpool::manager {
namespace {

using delivery::Dispatcher;
using delivery::SmtpConnection;

struct Transactions {
  std::uint64_t waiting = 0;
  std::uint64_t in_flight = 0;
};

// `of` says what a transaction counts for, or nothing ({}).
template <class Of>
auto count_by(Dispatcher const& dispatcher, Of of) {
  using Key = std::invoke_result_t<Of, delivery::Transaction const&>;
  std::unordered_map<Key, Transactions> counts;
  for (auto const* site : dispatcher.busy_sites()) {
    site->waiting().for_each([&](delivery::Transaction const& t) {
      if (auto const key = of(t); key != Key{}) ++counts[key].waiting;
    });
    for (auto const& c : site->connections().in(pool::ConnectionState::Busy)) {
      auto const* t = static_cast<SmtpConnection const&>(*c).transaction();
      if (t == nullptr) continue;
      if (auto const key = of(*t); key != Key{}) ++counts[key].in_flight;
    }
  }
  return counts;
}

auto count_by_tenant(Dispatcher const& dispatcher) {
  return count_by(dispatcher, [](delivery::Transaction const& t) -> site::Scope const* {
    return t.levels.tenant;
  });
}

auto count_by_campaign(Dispatcher const& dispatcher) {
  return count_by(dispatcher,
                  [](delivery::Transaction const& t) -> std::string_view { return t.campaign; });
}

std::unordered_map<std::string_view, std::uint64_t> count_by_login(Dispatcher const& dispatcher) {
  std::unordered_map<std::string_view, std::uint64_t> counts;
  for (auto const* site : dispatcher.busy_sites())
    site->connections().for_each([&](pool::Connection const& c) {
      ++counts[static_cast<SmtpConnection const&>(c).login_use().name];
    });
  return counts;
}

// What became of somebody's mail, and what of it is here now.
template <class Status, class Counts, class Key>
void add_counts(Status& s, delivery::OutcomeCounts const& outcomes, Counts const& counts,
                Key const& key) {
  if (auto const it = counts.find(key); it != counts.end()) {
    s.waiting = it->second.waiting;
    s.in_flight = it->second.in_flight;
  }
  s.delivered = outcomes.delivered;
  s.deferred = outcomes.deferred;
  s.refused = outcomes.refused;
}

template <class Status>
void add_wait(Status& s, site::Wait const& wait, delivery::Clock const& clock) {
  if (wait.is_over()) return;
  s.blocked_by = name_of(wait.limit);
  s.not_before = moment_to_come(wait.not_before, clock);
}

}  // namespace

std::vector<control::TenantStatus> tenants_of(Dispatcher const& dispatcher,
                                              delivery::Clock const& clock) {
  auto const now = clock.now();
  auto const counts = count_by_tenant(dispatcher);
  std::vector<control::TenantStatus> rows;
  for (auto const& [name, tenant] : dispatcher.scopes().tenants()) {
    auto const& scope = tenant->scope;
    bool const is_suspended = scope.is_suspended(now);
    if (!tenant->is_configured && !is_suspended) continue;
    control::TenantStatus s;
    s.tenant = name;
    s.priority = tenant->priority;
    add_counts(s, *tenant, counts, &scope);
    s.max_connections = scope.connections.most();
    s.rate = scope.rate.rate().to_string();
    if (is_suspended) {
      s.state = name_of(site::SiteState::Suspended);
      add_wait(s, {scope.suspension->until, site::Limit::Suspended}, clock);
      s.reason = scope.suspension->reason;
    } else if (auto const wait = scope.may_begin(1, now); !wait.is_over()) {
      s.state = name_of(site::SiteState::Limited);
      add_wait(s, wait, clock);
      s.reason = scope.words_for(wait.limit);
    }
    rows.push_back(std::move(s));
  }
  return rows;
}

std::vector<control::CampaignStatus> campaigns_of(Dispatcher const& dispatcher,
                                                  delivery::Clock const& clock, std::size_t most) {
  auto const now = clock.now();
  auto const counts = count_by_campaign(dispatcher);
  auto const& context = dispatcher.context();
  std::vector<control::CampaignStatus> rows;
  auto const add = [&](delivery::Campaign const& campaign) {
    control::CampaignStatus s;
    s.campaign = campaign.name;
    add_counts(s, campaign, counts, campaign.name);
    s.parked = context.parking.entries.of_campaign(campaign.name);
    if (campaign.is_suspended(now)) {
      s.state = name_of(site::SiteState::Suspended);
      s.not_before = moment_to_come(campaign.suspension->until, clock);
      s.reason = campaign.suspension->reason;
    }
    rows.push_back(std::move(s));
  };
  for (bool const suspended : {true, false})
    for (auto const& campaign : context.campaigns.all())
      if (campaign.is_suspended(now) == suspended && rows.size() < most) add(campaign);
  return rows;
}

std::vector<control::SourceStatus> sources_of(Dispatcher const& dispatcher,
                                              delivery::Clock const& clock) {
  auto const now = clock.now();
  std::vector<control::SourceStatus> rows;
  for (auto const& [name, source] : dispatcher.scopes().sources()) {
    auto const& scope = source->scope;
    control::SourceStatus s;
    s.source = name;
    for (auto const& address : source->addresses())
      s.address += (s.address.empty() ? "" : " ") + address.to_string();
    s.ehlo_name = source->ehlo_name();
    s.connections = scope.connections.in_use();
    s.max_connections = scope.connections.most();
    s.rate = scope.rate.rate().to_string();
    auto const day = site::today_of(clock.wall(now), now).day;
    s.warm_up = source->warm_up.most(day);
    auto const& progress = source->warm_up;
    progress.visit(day, [&](std::string const& site) {
      if (!progress.why_held(site, day).empty()) ++s.warm_ups_held;
    });
    add_wait(s, later_of(scope.may_begin(1, now), scope.may_open(now)), clock);
    rows.push_back(std::move(s));
  }
  return rows;
}

std::pair<std::vector<control::WarmUpStatus>, std::uint64_t> warm_ups_of(
    Dispatcher const& dispatcher, delivery::Clock const& clock, std::size_t most,
    std::string const& site) {
  auto const now = clock.now();
  auto const day = site::today_of(clock.wall(now), now).day;
  std::vector<control::WarmUpStatus> rows;
  for (auto const& [name, source] : dispatcher.scopes().sources()) {
    auto const& progress = source->warm_up;
    progress.visit(day, [&, &name = name](std::string const& at) {
      auto const stand = site.empty() || site == at ? progress.stand(at, day) : std::nullopt;
      if (!stand) return;
      auto const& today = stand->at_site.today;
      rows.push_back({name, at, stand->day, stand->step,
                      static_cast<std::uint32_t>(progress.plan().plan.size()), stand->most,
                      today.sent, today.taken, today.put_off, stand->at_site.held,
                      progress.why_held(at, day)});
    });
  }
  auto const known = rows.size();
  auto const place = [](control::WarmUpStatus const& row) {
    auto const used = row.most == 0 ? 0 : 1000 * std::uint64_t{row.sent} / row.most;
    return std::tuple(row.reason.empty(), ~used, std::string_view(row.source),
                      std::string_view(row.site));
  };
  std::sort(rows.begin(), rows.end(),
            [&](auto const& a, auto const& b) { return place(a) < place(b); });
  if (rows.size() > most) rows.resize(most);
  return {std::move(rows), known};
}

std::vector<control::LoginStatus> logins_of(Dispatcher const& dispatcher,
                                            delivery::Clock const& clock) {
  auto const now = clock.now();
  auto const counts = count_by_login(dispatcher);
  std::vector<control::LoginStatus> rows;
  for (auto const& [name, entry] : dispatcher.context().logins.all()) {
    control::LoginStatus s;
    s.login = name;
    s.user = entry.settings.user;
    if (auto const it = counts.find(name); it != counts.end()) s.connections = it->second;
    if (entry.is_refused(now)) {
      s.state = "refused";
      s.not_before = moment_to_come(entry.refused_until, clock);
      s.last_error = entry.refusal->text;
    } else if (entry.version == 0) {
      s.state = entry.is_wanted ? "reading" : "missing";
      s.last_error = entry.missing;
    }
    rows.push_back(std::move(s));
  }
  return rows;
}

}  // namespace mailpool::manager
