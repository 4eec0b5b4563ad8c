#pragma once
// Where a tool listens or connects: a TCP address or a unix socket.

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "net/handles.h"

namespace mailpool::net {

/// "127.0.0.1:2525", "[::1]:2525" or a path of a unix socket (anything that holds a '/').
class Endpoint {
 public:
  [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

  [[nodiscard]] sockaddr const* address() const {
    return reinterpret_cast<sockaddr const*>(&storage_);
  }
  [[nodiscard]] socklen_t length() const { return length_; }
  [[nodiscard]] bool is_unix() const { return storage_.ss_family == AF_UNIX; }
  [[nodiscard]] std::string to_string() const;
  /// What the kernel chose for port 0.
  void learn_port(int listening_fd);

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

/// A non-blocking listening socket. A stale unix socket that nobody listens on is replaced.
/// `receive_buffer`: SO_RCVBUF for accepted connections, 0 for the kernel's own choice.
[[nodiscard]] Result<Fd> listen_on(Endpoint const& endpoint, int receive_buffer = 0);

/// A non-blocking socket on its way to `endpoint`; writable once connected (or failed: SO_ERROR).
[[nodiscard]] Result<Fd> connect_to(Endpoint const& endpoint);

/// TCP_NODELAY where it means something.
void send_at_once(int fd);

}  // namespace mailpool::net
