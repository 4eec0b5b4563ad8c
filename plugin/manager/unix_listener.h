#pragma once
// A listening Unix stream socket: made without a moment of wrong rights, never taken from a live
// owner, removed by its owner alone.

#include <sys/types.h>

#include <string>

#include "core/base/result.h"

namespace mailpool::manager {

/// Owns a listening socket (non-blocking, close-on-exec) and, where it made the socket file, that
/// file and its lock. Move-only.
class UnixListener {
 public:
  UnixListener() = default;  ///< listens nowhere; fd() is -1
  ~UnixListener();
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;

  /// A listening Unix stream socket that systemd passed: its file belongs to systemd and stays.
  static Result<UnixListener> adopt(int fd);

  [[nodiscard]] int fd() const { return fd_; }
  /// "" where a passed socket has none.
  [[nodiscard]] std::string const& path() const { return path_; }
  /// Why the socket could not be given to its group; the mode alone holds then. "" else.
  [[nodiscard]] std::string const& warning() const { return warning_; }

 private:
  friend Result<UnixListener> listen_unix(std::string const&, mode_t, std::string const&, int);
  void close();

  int fd_ = -1;
  int lock_ = -1;  // on PATH.lock, held as long as the socket file is ours
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string path_;
  std::string warning_;
};

/// Binds `path` with `mode` and `group` (a name; "" leaves the process's own) and listens. A socket
/// file that nobody listens on is replaced; one that is alive, or a file that is no socket, is an
/// error. A lock on PATH.lock keeps two managers from doing this to each other. The group's name is
/// looked up, which may block: at start only.
[[nodiscard]] Result<UnixListener> listen_unix(std::string const& path, mode_t mode,
                                               std::string const& group, int backlog);

/// Who is at the other end of a connected Unix socket, as the kernel noted it at connect().
struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};
[[nodiscard]] Result<Peer> peer_of(int fd);

}  // namespace mailpool::manager
