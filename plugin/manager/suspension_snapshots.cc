#include "manager/suspension_snapshots.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>

#include "manager/snapshots.h"

namespace mailpool::manager {
namespace {

enum class Kind : std::uint8_t { All, Source, Site, Domain, Tenant, Campaign };

// Where a suspension lies: very many may be looked at for the few that are shown.
struct Held {
  Kind kind;
  std::string_view name;
  std::string_view scope;  ///< of a site's mail, what is held back of it; "" for all
  site::Suspension const* why;
};

class Collected {
 public:
  explicit Collected(delivery::Clock const& clock) : clock_(clock), now_(clock.now()) {}

  void add(Kind kind, std::string_view name, Rare<site::Suspension> const& why,
           std::string_view scope = {}) {
    if (why && why->until > now_) all_.push_back({kind, name, scope, &*why});
  }
  void add(Kind kind, std::string_view name, site::Suspension const& why) {
    all_.push_back({kind, name, {}, &why});
  }
  void add(delivery::Site const& site) {
    add(Kind::Site, site.name(), site.suspension());
    for (auto const& [scope, hold] : site.holds().all())
      if (hold.until > now_) all_.push_back({Kind::Site, site.name(), scope, &hold});
  }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::vector<control::SuspensionStatus> first(std::size_t most) {
    auto const end = all_.begin() + static_cast<std::ptrdiff_t>(std::min(most, all_.size()));
    std::partial_sort(all_.begin(), end, all_.end(), [](Held const& a, Held const& b) {
      return std::tie(a.kind, a.name, a.scope) < std::tie(b.kind, b.name, b.scope);
    });
    std::vector<control::SuspensionStatus> rows;
    for (auto it = all_.begin(); it != end; ++it) rows.push_back(row_of(*it));
    return rows;
  }

 private:
  [[nodiscard]] control::SuspensionStatus row_of(Held const& held) const {
    auto const& why = *held.why;
    return {std::string(held.name),
            held.kind == Kind::Domain,
            moment_of(why.until, clock_),
            why.reason,
            why.by,
            why.since,
            held.kind == Kind::Tenant,
            std::string(held.scope),
            held.kind == Kind::All,
            held.kind == Kind::Source,
            held.kind == Kind::Campaign};
  }

  delivery::Clock const& clock_;
  TimePoint now_;
  std::vector<Held> all_;
};

}  // namespace

std::pair<std::vector<control::SuspensionStatus>, std::uint64_t> suspensions_of(
    delivery::Dispatcher const& dispatcher, delivery::Clock const& clock, std::size_t most) {
  Collected gathered(clock);
  if (auto const* all = dispatcher.all_suspended(clock.now())) gathered.add(Kind::All, {}, *all);
  for (auto const* site : dispatcher.busy_sites()) gathered.add(*site);
  for (auto const& [name, source] : dispatcher.scopes().sources())
    gathered.add(Kind::Source, name, source->scope.suspension);
  for (auto const& domain : dispatcher.suspended_domains())
    gathered.add(Kind::Domain, domain, dispatcher.limits_of(domain)->suspension);
  for (auto const& [name, tenant] : dispatcher.scopes().tenants())
    gathered.add(Kind::Tenant, name, tenant->scope.suspension);
  for (auto const& campaign : dispatcher.context().campaigns.all())
    gathered.add(Kind::Campaign, campaign.name, campaign.suspension);
  return {gathered.first(most), gathered.size()};
}

std::vector<control::SuspensionStatus> suspensions_named(std::string const& name,
                                                         delivery::Dispatcher const& dispatcher,
                                                         delivery::Clock const& clock) {
  Collected gathered(clock);
  if (auto const* all = dispatcher.all_suspended(clock.now())) gathered.add(Kind::All, {}, *all);
  if (auto const* site = dispatcher.find_site(name)) gathered.add(*site);
  if (dispatcher.suspended_domains().contains(name))
    gathered.add(Kind::Domain, name, dispatcher.limits_of(name)->suspension);
  auto const& tenants = dispatcher.scopes().tenants();
  if (auto const tenant = tenants.find(name); tenant != tenants.end())
    gathered.add(Kind::Tenant, name, tenant->second->scope.suspension);
  if (auto const* campaign = dispatcher.context().campaigns.find(name))
    gathered.add(Kind::Campaign, name, campaign->suspension);
  return gathered.first(gathered.size());
}

}  // namespace mailpool::manager
