#pragma once
// Addresses that no packet leaves the host for.

#include "core/base/ip.h"

namespace mailpool {

/// Of 127.0.0.0/8 (RFC 1122, 3.2.1.3), or ::1 (RFC 4291, 2.5.3).
[[nodiscard]] inline bool is_loopback(IpAddress const& address) {
  auto const& octets = address.octets();
  if (address.is_v4()) return octets[0] == 127;
  for (std::size_t i = 0; i + 1 < octets.size(); ++i)
    if (octets[i] != 0) return false;
  return octets.back() == 1;
}

}  // namespace mailpool
