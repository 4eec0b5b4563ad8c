#include "core/route/known.h"

#include <algorithm>

namespace mailpool::route {

Duration lifetime(tl::expected<Way, Outcome> const& way, Duration ttl) {
  if (way) return std::clamp(ttl, shortest_ttl, longest_ttl);
  if (way.error().kind == OutcomeKind::Deferred) return failure_ttl;
  return std::clamp(ttl, shortest_ttl, longest_negative_ttl);
}

}  // namespace mailpool::route
