#pragma once
// Rows of status for what is counted beside sites: tenants, sources and logins.

#include <vector>

#include "core/control/snapshot.h"
#include "core/delivery/dispatcher.h"

namespace mailpool::manager {

/// Those of the configuration, and those that are suspended.
[[nodiscard]] std::vector<control::TenantStatus> tenants_of(delivery::Dispatcher const& dispatcher,
                                                            delivery::Clock const& clock);
[[nodiscard]] std::vector<control::SourceStatus> sources_of(delivery::Dispatcher const& dispatcher,
                                                            delivery::Clock const& clock);

/// Those of the configuration; nothing of their secrets.
[[nodiscard]] std::vector<control::LoginStatus> logins_of(delivery::Dispatcher const& dispatcher,
                                                          delivery::Clock const& clock);

}  // namespace mailpool::manager
