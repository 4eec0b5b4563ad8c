#pragma once
// What `poolctl check` says of the certificates that servers are shown.

#include <vector>

#include "core/base/time.h"
#include "core/control/snapshot.h"
#include "manager/tls_client.h"

namespace mailpool::manager {

/// Days before its end from which on a certificate is a warning.
inline constexpr std::chrono::hours certificate_ends_soon{14 * 24};

/// One for each, in their order.
[[nodiscard]] std::vector<control::Finding> certificate_findings(
    std::vector<TlsClient::Shown> const& shown, WallTime now);

}  // namespace mailpool::manager
