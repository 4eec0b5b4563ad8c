#include "core/control/urgency.h"

namespace mailpool::control {

std::uint8_t urgency_of_state(std::string_view state) {
  if (state == "open") return 0;
  if (state == "limited") return 1;
  if (state == "suspended") return 3;
  if (state == "failing") return 4;
  return 2;
}

Urgency urgency_of(SiteStatus const& site) {
  return {urgency_of_state(site.state), site.waiting, site.in_flight, site.connections.open(),
          site.delivered + site.deferred + site.refused};
}

}  // namespace mailpool::control
