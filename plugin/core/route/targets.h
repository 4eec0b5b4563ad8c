#pragma once
// The order in which one message tries the hosts and addresses that were selected.

#include <vector>

#include "core/config/settings.h"
#include "core/route/host.h"
#include "core/route/router.h"

namespace mailpool::route {

/// Every address of `hosts` (sorted by preference): equal preferences shuffled, so that load
/// spreads (RFC 5321 5.1); the addresses of a host too, since the order of a cached answer says
/// nothing, then by `ip`.
[[nodiscard]] std::vector<Target> targets_of(std::vector<Host> const& hosts, IpPreference ip,
                                             Random& random);

}  // namespace mailpool::route
