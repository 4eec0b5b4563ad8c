#pragma once
// Reads the text of the configuration file, and no more of it than a configuration can have.

#include <string>

#include "core/base/result.h"

namespace mailpool::manager {

/// At most one octet more than a configuration may have: load_settings() says so then. Only a
/// regular file is read; it may block on the disk, so this is for the start, for --check and for a
/// reload's own thread. Fails with words: "No such file or directory".
[[nodiscard]] Result<std::string> read_configuration_file(std::string const& path);

}  // namespace mailpool::manager
