#include "core/delivery/counters.h"

namespace mailpool::delivery {

void Counters::count(Outcome const& outcome, TimePoint now) {
  if (outcome.ambiguous) ++ambiguous;
  switch (outcome.kind) {
    case OutcomeKind::Delivered:
      ++delivered;
      return recent_delivered.add(1, now);
    case OutcomeKind::Deferred:
      ++deferred;
      return recent_deferred.add(1, now);
    case OutcomeKind::Refused:
      ++refused;
      return recent_refused.add(1, now);
  }
}

}  // namespace mailpool::delivery
