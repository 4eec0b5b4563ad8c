#pragma once
// Which few hosts and addresses of many are used at all, so that what is tried is bounded and
// pooled connections fit every message.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/config/settings.h"
#include "core/route/host.h"
#include "core/route/resolver.h"

namespace mailpool::route {

/// MX hosts whose addresses are looked up, most preferred first. Five targets never need more
/// unless most of them are dead.
inline constexpr std::size_t most_hosts_asked = 10;
/// As Postfix's smtp_mx_address_limit: addresses tried for one message.
inline constexpr std::size_t most_targets = 5;
/// Of which one host with many addresses gets this many while others wait behind it, so that a dead
/// first MX never hides the backup.
inline constexpr std::size_t most_targets_of_one_host = 3;

/// A number of this router's own. Among equals the choice goes by a hash of salt and name: other
/// machines choose others, but this one chooses the same for all domains and after every lookup.
/// Were it left to chance each time, a connection would often be open to an address that the next
/// message does not name.
using Salt = std::uint64_t;

/// The `most` most preferred.
void keep_few_hosts(std::vector<MxRecord>& hosts, std::size_t most, Salt salt);

/// At most `most_targets` addresses in all, of the families that `ip` wants, alternating where it
/// wants both alike; hosts left without are removed. The rest is in the order of preference.
void keep_few_addresses(std::vector<Host>& hosts, IpPreference ip, Salt salt);

/// Addresses of one host as `ip` wants them: alternating with v6 first, one family first, or one
/// alone; within a family in the order given.
[[nodiscard]] std::vector<IpAddress> by_family(std::vector<IpAddress> const& addresses,
                                               IpPreference ip);

/// Which families the option `ip` asks for.
[[nodiscard]] constexpr bool wants_v4(IpPreference ip) {
  return ip != IpPreference::Only6;
}
[[nodiscard]] constexpr bool wants_v6(IpPreference ip) {
  return ip != IpPreference::Only4;
}

}  // namespace mailpool::route
