#pragma once
// The order in which one message tries the hosts and addresses that were selected.

#include <memory>
#include <vector>

#include "core/route/host.h"
#include "core/route/router.h"

namespace mailpool::route {

/// Every address of `hosts`, in the order given.
[[nodiscard]] std::vector<Target> targets_of(std::vector<Host> const& hosts);

/// The route in an order of its own for one caller: hosts of equal preference change places, so
/// that load spreads (RFC 5321 5.1), and so do the addresses of a host within their family, since
/// the order of a cached answer says nothing. The very same route where there is nothing to choose.
[[nodiscard]] std::shared_ptr<Route const> shuffled(std::shared_ptr<Route const> const& route,
                                                    Random& random);

}  // namespace mailpool::route
