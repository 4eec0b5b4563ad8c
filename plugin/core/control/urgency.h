#pragma once
// Which sites an operator wants to see first: what stands still, then what waits, then what is
// busiest. One order for the manager, which picks the rows, and for poolctl, which shows them.

#include <compare>
#include <cstdint>
#include <string_view>

#include "core/control/snapshot.h"

namespace mailpool::control {

/// Greater is more urgent. Cheap: the manager makes one for each of 100,000 sites.
struct Urgency {
  std::uint8_t state = 0;
  std::uint64_t waiting = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t open = 0;
  std::uint64_t handled = 0;  ///< recipients answered so far
  auto operator<=>(Urgency const&) const = default;
};

/// 4 failing, 3 suspended, 2 backing_off, 1 limited, 0 open; a word of a newer manager counts as
/// trouble (2).
[[nodiscard]] std::uint8_t urgency_of_state(std::string_view state);
[[nodiscard]] Urgency urgency_of(SiteStatus const& site);

}  // namespace mailpool::control
