#pragma once
// What it means that a socket cannot be made or taken: this machine, or this process, has no more.

#include <string>

namespace mailpool::posix {

/// Whether an errno of socket(), accept() or connect() says that descriptors or memory are short
/// here. It says nothing of the other end. (EADDRNOTAVAIL does not: an address or its ports.)
[[nodiscard]] bool is_shortage(int error);

/// With what would mend it: "Too many open files (this process may open 1024: raise LimitNOFILE)".
[[nodiscard]] std::string shortage_words(int error);

}  // namespace mailpool::posix
