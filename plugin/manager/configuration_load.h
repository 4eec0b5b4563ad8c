#pragma once
// The configuration with the files it includes, read and checked as one.

#include <string>

#include "core/config/load.h"

namespace mailpool::manager {

/// Files that cannot be read are mistakes. May block on the disk.
[[nodiscard]] Loaded load_configuration(std::string const& path);

}  // namespace mailpool::manager
