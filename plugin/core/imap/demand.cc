#include "core/imap/demand.h"

#include <algorithm>

#include "core/pool/growth.h"

namespace mailpool::imap {

std::size_t connections_to_begin(Demand const& demand) {
  auto waiting = demand.waiting;
  auto const returning = demand.busy + demand.checking;
  bool const is_known = demand.loan > Duration::zero() && demand.login > Duration::zero();
  if (is_known && returning > 0 && demand.longest_wait < demand.login) {
    // What the others will have served by the time that a new one is ready.
    auto const rounds = static_cast<std::size_t>(demand.login / demand.loan);
    auto const served = std::min(waiting, rounds * returning);
    waiting -= served;
  }
  return pool::connections_to_begin(
      {waiting, demand.connecting + demand.checking, demand.open, demand.most, false});
}

}  // namespace mailpool::imap
