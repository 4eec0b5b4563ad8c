#include "manager/admission_places.h"

namespace mailpool::manager {
namespace {

bool holds(Rare<site::Suspension> const& suspension, TimePoint now) {
  return suspension && now < suspension->until;
}

}  // namespace

AdmissionPlaces::AdmissionPlaces(delivery::Dispatcher const& dispatcher,
                                 delivery::Clock const& clock, Settings const& settings)
    : dispatcher_(dispatcher), clock_(clock) {
  reconfigure(settings);
}

void AdmissionPlaces::reconfigure(Settings const& settings) {
  excluded_ = {settings.postfix.exclude_domains.begin(), settings.postfix.exclude_domains.end()};
  site_of_.clear();
  for (auto const& [name, site] : settings.sites)
    for (auto const& domain : site.domains) site_of_.emplace(domain, name);
}

admission::Place AdmissionPlaces::place_of(std::string const& domain, TimePoint now) const {
  admission::Place place;
  place.is_routed = !excluded_.contains(domain);
  if (!place.is_routed) return place;
  auto const* site = dispatcher_.site_of_domain(domain);
  if (auto const named = site_of_.find(domain); named != site_of_.end())
    place.site = named->second;
  else if (site != nullptr)
    place.site = site->name();
  if (!place.site.empty()) {
    place.site_rate = dispatcher_.settings_for(place.site).accept_rate;
    site = dispatcher_.find_site(place.site);
  }
  if (auto const* limits = dispatcher_.limits_of(domain);
      limits != nullptr && holds(limits->suspension, now))
    place.suspended = delivery::suspended(domain, *limits->suspension, clock_).text;
  else if (site != nullptr && holds(site->suspension(), now))
    place.suspended = delivery::suspended(site->name(), *site->suspension(), clock_).text;
  return place;
}

}  // namespace mailpool::manager
