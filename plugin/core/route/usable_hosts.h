#pragma once
// Which of the hosts may be used, once their addresses are known; if none, why not.

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/base/ip.h"
#include "core/config/settings.h"
#include "core/message/outcome.h"
#include "core/route/host.h"

namespace mailpool::route {

/// Where the hosts came from: it decides what is said where none is usable.
struct Origin {
  std::string domain;
  std::string route_key;      ///< of [route]; "" for MX
  bool is_implicit = false;   ///< the domain itself stands in for its MX
  std::size_t all_hosts = 0;  ///< before the cap on lookups
};

/// The rules of one site that hosts are held against.
struct HostRules {
  IpPreference ip = IpPreference::Any;
  std::vector<IpNetwork> const& prohibited;
  std::vector<IpAddress> const& own;  ///< of this machine
};

/// `hosts` by preference. In this order: hosts at and above the preference of this machine itself
/// are discarded (RFC 5321 5.1), addresses that are prohibited are left out, hosts without
/// addresses too. Hosts of [route] may be local.
[[nodiscard]] tl::expected<std::vector<Host>, Outcome> usable_hosts(Origin const& origin,
                                                                    std::vector<Host> hosts,
                                                                    HostRules const& rules);

}  // namespace mailpool::route
