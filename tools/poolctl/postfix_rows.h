#pragma once
// What poolctl knows of Postfix, for the table of commands and for `poolctl check`.

#include <vector>

#include "poolctl/command.h"

namespace mailpool::poolctl {

[[nodiscard]] std::vector<CommandRow> postfix_commands();
[[nodiscard]] std::vector<control::Finding> check_postfix(Context const& context);

}  // namespace mailpool::poolctl
