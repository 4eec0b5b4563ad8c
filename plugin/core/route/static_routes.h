#pragma once
// [route]: what the operator says instead of MX.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"
#include "core/route/host.h"

namespace mailpool::route {

using StaticRoutes = std::map<std::string, std::vector<RouteHost>>;

/// The entry for `domain`: the exact one, else that of the nearest ".parent", else "*"; or null. An
/// address literal has no parents.
[[nodiscard]] StaticRoutes::value_type const* static_route(StaticRoutes const& routes,
                                                           std::string_view domain);

/// Its hosts, in the order written (each less preferred than the one before), addresses already
/// known where an address was written.
[[nodiscard]] std::vector<Host> hosts_of(std::vector<RouteHost> const& entry);

/// The host of an address literal: "[192.0.2.1]", "[IPv6:2001:db8::1]". None for anything else.
[[nodiscard]] std::vector<Host> host_of_literal(std::string_view domain, std::uint16_t port);

}  // namespace mailpool::route
