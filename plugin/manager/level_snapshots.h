#pragma once
// Rows of status for what limits are counted for beside sites: tenants and sources.

#include <vector>

#include "core/control/snapshot.h"
#include "core/delivery/dispatcher.h"

namespace mailpool::manager {

/// Those of the configuration, and those that are suspended.
[[nodiscard]] std::vector<control::TenantStatus> tenants_of(delivery::Dispatcher const& dispatcher,
                                                            delivery::Clock const& clock);
[[nodiscard]] std::vector<control::SourceStatus> sources_of(delivery::Dispatcher const& dispatcher,
                                                            delivery::Clock const& clock);

}  // namespace mailpool::manager
