#pragma once
// The commands that ask the manager.

#include <vector>

#include "poolctl/command.h"

namespace mailpool::poolctl {

[[nodiscard]] std::vector<CommandRow> manager_commands();

}  // namespace mailpool::poolctl
