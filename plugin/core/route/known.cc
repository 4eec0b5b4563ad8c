#include "core/route/known.h"

#include <algorithm>

namespace mailpool::route {

Duration lifetime_found(Duration ttl) {
  return std::clamp(ttl, shortest_ttl, longest_ttl);
}

Duration lifetime_of(Outcome const& no_route, Duration ttl) {
  if (no_route.kind == OutcomeKind::Deferred) return failure_ttl;
  return std::clamp(ttl, shortest_ttl, longest_negative_ttl);
}

}  // namespace mailpool::route
