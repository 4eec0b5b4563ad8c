#pragma once
// Who is suspended now, by whom and why, put into the words that an operator is shown.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/control/snapshot.h"
#include "core/delivery/dispatcher.h"

namespace mailpool::manager {

/// At most so many: sites, then domains, then tenants, each by name; and how many there are.
[[nodiscard]] std::pair<std::vector<control::SuspensionStatus>, std::uint64_t> suspensions_of(
    delivery::Dispatcher const& dispatcher, delivery::Clock const& clock, std::size_t most);
/// Those of one name.
[[nodiscard]] std::vector<control::SuspensionStatus> suspensions_named(
    std::string const& name, delivery::Dispatcher const& dispatcher, delivery::Clock const& clock);

}  // namespace mailpool::manager
