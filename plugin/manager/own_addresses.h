#pragma once
// The addresses of this machine's interfaces.

#include <vector>

#include "core/base/ip.h"

namespace mailpool::manager {

/// Of all interfaces that are up, each once; without 127.0.0.0/8 and ::1, which the option
/// `prohibited` is about. Empty if the kernel does not tell.
[[nodiscard]] std::vector<IpAddress> own_addresses();

}  // namespace mailpool::manager
