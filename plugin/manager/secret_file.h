#pragma once
// Reads a password or token from a file that nobody else can read, or from a program.

#include <atomic>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/base/time.h"

namespace mailpool::manager {

/// Larger than any token; a file that is not ends the reading.
inline constexpr std::size_t longest_secret = 65'536;

/// The first line. `name` is a path from the root: a regular file of mode 0600 or stricter that
/// belongs to root or to us; or, without a slash, a systemd credential. Blocks on the disk. The
/// error names the file and what is wrong, never what is in it.
[[nodiscard]] Result<Secret> read_secret_file(std::string const& name);

/// The first line that the program writes, if it ends with 0 in time. Blocks until then, or until
/// `is_unwanted`; the program and its children are killed then.
[[nodiscard]] Result<Secret> read_secret_from(std::vector<std::string> const& command,
                                              Duration timeout,
                                              std::atomic<bool> const& is_unwanted);

}  // namespace mailpool::manager
