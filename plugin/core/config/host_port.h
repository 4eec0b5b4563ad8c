#pragma once
// Addresses with a port, as an operator writes them: "192.0.2.1:25", "[2001:db8::1]:25",
// "mx.example.com:25".

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/config/settings.h"

namespace mailpool {

/// A host of [route]: IPv4 address, IPv6 address in brackets, or host name (lower case, A-labels),
/// and its port, which is not left out.
[[nodiscard]] Result<RouteHost> parse_host_port(std::string_view text);
/// The same, but an address only, never a name; without a port it gets `default_port`, if that is
/// not 0.
[[nodiscard]] Result<RouteHost> parse_address_port(std::string_view text,
                                                   std::uint16_t default_port = 0);
/// As parse_host_port reads it: IPv6 addresses in brackets.
[[nodiscard]] std::string host_port_text(RouteHost const& host);

}  // namespace mailpool
