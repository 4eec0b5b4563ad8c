#pragma once
// Reads a small regular file whole, and no more of it than such a file can have.

#include <cstddef>
#include <string>

#include "core/base/result.h"
#include "posix/secret_guard.h"

namespace mailpool::posix {

/// At most `most` octets. Only a regular file is read, so that no FIFO makes it wait; it may block
/// on the disk, so it is nothing for an event loop. Fails with words: "No such file or directory".
[[nodiscard]] Result<std::string> read_small_file(std::string const& path, std::size_t most);

/// The same of a file that holds a secret; fails where secret_guard.h has an objection.
[[nodiscard]] Result<std::string> read_secret_small_file(std::string const& path, std::size_t most,
                                                         Readers readers);

}  // namespace mailpool::posix
