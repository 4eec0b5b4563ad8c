#pragma once
// Unix sockets as one asks something of them.

#include <cerrno>
#include <string>
#include <tl/expected.hpp>

namespace mailpool::posix {

/// A non-blocking socket that is connected to the one at `path`; the caller closes it. Else an
/// errno: ENAMETOOLONG where no address has room for the path, EAGAIN where the other side's
/// backlog is full. A Unix socket connects at once or not at all.
[[nodiscard]] tl::expected<int, int> connect_unix(std::string const& path);

/// Whether an errno of recv() or send() says only that nothing can be read or written yet.
[[nodiscard]] inline bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace mailpool::posix
