#pragma once
// Rules that can never match, found before they are needed: no pattern, an escape that cannot be
// meant, a pattern for replies that are not looked at, a rule that an earlier one hides.

#include <vector>

#include "core/config/load.h"
#include "core/config/rule_settings.h"

namespace mailpool::rules {

/// Each with file, line and mend, in the order of the rules.
[[nodiscard]] std::vector<Mistake> mistakes_in(std::vector<RuleSettings> const& rules);

}  // namespace mailpool::rules
