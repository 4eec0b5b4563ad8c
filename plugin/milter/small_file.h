#pragma once
// Reads a small regular file whole.

#include <cstddef>
#include <string>

#include "core/base/result.h"

namespace mailpool::milter {

/// At most `most` octets of it; fails with "PATH: cannot be read: why".
[[nodiscard]] Result<std::string> read_small_file(std::string const& path, std::size_t most);

}  // namespace mailpool::milter
