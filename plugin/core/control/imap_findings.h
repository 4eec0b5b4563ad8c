#pragma once
// What is wrong with the IMAP pools, in sentences: for `poolctl check` and `poolctl status`.

#include <vector>

#include "core/control/snapshot.h"

namespace mailpool::control {

/// A server's certificate that ends sooner is worth a word.
inline constexpr Duration server_certificate_ends_soon = std::chrono::hours(24 * 14);

/// One Good finding for each profile where nothing is wrong.
[[nodiscard]] std::vector<Finding> imap_findings(ImapStatus const& status, WallTime now);

}  // namespace mailpool::control
