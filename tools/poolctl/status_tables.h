#pragma once
// The tables of `poolctl status`: a row per site, tenant, campaign, source and login.

#include <vector>

#include "core/control/snapshot.h"
#include "poolctl/table.h"

namespace mailpool::poolctl {

/// Sites in the order they have, below the domains that have no site.
[[nodiscard]] Table site_table(control::ManagerStatus const& status);
[[nodiscard]] Table tenant_table(std::vector<control::TenantStatus> const& tenants);
[[nodiscard]] Table campaign_table(std::vector<control::CampaignStatus> const& campaigns);
[[nodiscard]] Table warm_up_table(std::vector<control::WarmUpStatus> const& warm_ups);
[[nodiscard]] Table source_table(std::vector<control::SourceStatus> const& sources);
[[nodiscard]] Table login_table(std::vector<control::LoginStatus> const& logins);

}  // namespace mailpool::poolctl
