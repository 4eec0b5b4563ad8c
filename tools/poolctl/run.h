#pragma once
// poolctl from its arguments to its exit code.

#include <iosfwd>

namespace mailpool::poolctl {

/// Writes to `out` and `err`; the screen is that of standard output.
int run(int argc, char const* const* argv, std::ostream& out, std::ostream& err);

}  // namespace mailpool::poolctl
