#pragma once
// What poolctl knows of Sendmail, for the table of commands and for `poolctl check`.

#include <vector>

#include "poolctl/command.h"

namespace mailpool::poolctl {

[[nodiscard]] std::vector<CommandRow> sendmail_commands();
/// Nothing where there is no Sendmail.
[[nodiscard]] std::vector<control::Finding> check_sendmail(Context const& context);

}  // namespace mailpool::poolctl
