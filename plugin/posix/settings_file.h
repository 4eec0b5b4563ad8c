#pragma once
// Reads mailpool.toml, the files that it includes and conf.d/*.toml beside it; the one way in for
// all programs.

#include <string>

#include "core/config/load.h"

namespace mailpool::posix {

/// May block on the disk. A file that cannot be read is a mistake among the others.
[[nodiscard]] Loaded load_settings_file(std::string const& path);

}  // namespace mailpool::posix
