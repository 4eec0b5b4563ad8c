#pragma once
// mailpoold --check: every mistake of a configuration file, for people and for scripts.

#include <iosfwd>
#include <string>

namespace mailpool::manager {

/// Writes a line "FILE:LINE: what is wrong; right would be ..." for every mistake, or one that says
/// there is none. Returns what to exit with: 0, or 78 (EX_CONFIG) if there is a mistake or the file
/// cannot be read.
[[nodiscard]] int check_configuration(std::string const& path, std::ostream& out);

}  // namespace mailpool::manager
