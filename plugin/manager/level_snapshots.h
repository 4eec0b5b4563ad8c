#pragma once
// Rows of status for what is counted beside sites: tenants, campaigns, sources and logins.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/control/snapshot.h"
#include "core/delivery/dispatcher.h"

namespace mailpool::manager {

/// Those of the configuration, and those that are suspended.
[[nodiscard]] std::vector<control::TenantStatus> tenants_of(delivery::Dispatcher const& dispatcher,
                                                            delivery::Clock const& clock);
/// Suspended ones first, then those whose mail was seen last.
[[nodiscard]] std::vector<control::CampaignStatus> campaigns_of(
    delivery::Dispatcher const& dispatcher, delivery::Clock const& clock, std::size_t most);
[[nodiscard]] std::vector<control::SourceStatus> sources_of(delivery::Dispatcher const& dispatcher,
                                                            delivery::Clock const& clock);

/// Where plans stand at the sites that had mail of them today or hold something: held ones first,
/// then the fullest; at most so many rows, and how many there are. `site`: of this one alone.
[[nodiscard]] std::pair<std::vector<control::WarmUpStatus>, std::uint64_t> warm_ups_of(
    delivery::Dispatcher const& dispatcher, delivery::Clock const& clock, std::size_t most,
    std::string const& site = {});

/// Those of the configuration; nothing of their secrets.
[[nodiscard]] std::vector<control::LoginStatus> logins_of(delivery::Dispatcher const& dispatcher,
                                                          delivery::Clock const& clock);

}  // namespace mailpool::manager
