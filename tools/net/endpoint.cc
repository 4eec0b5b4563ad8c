#include "net/endpoint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "core/base/text.h"

namespace mailpool::net {

namespace {

Error errno_error(std::string_view what, std::string const& where) {
  return Error{fmt::format("{} {}: {}", what, where, std::strerror(errno))};
}

bool parse_unix(std::string_view path, sockaddr_storage& storage, socklen_t& length) {
  auto* const un = reinterpret_cast<sockaddr_un*>(&storage);
  if (path.size() >= sizeof un->sun_path) return false;
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  length = sizeof *un;
  return true;
}

bool parse_tcp(std::string_view text, sockaddr_storage& storage, socklen_t& length) {
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  auto const port = to_number(text.substr(colon + 1));
  if (!port || *port > 65535) return false;
  auto host = std::string(text.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    auto* const in6 = reinterpret_cast<sockaddr_in6*>(&storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(static_cast<std::uint16_t>(*port));
    length = sizeof *in6;
    return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &in6->sin6_addr) == 1;
  }
  auto* const in = reinterpret_cast<sockaddr_in*>(&storage);
  in->sin_family = AF_INET;
  in->sin_port = htons(static_cast<std::uint16_t>(*port));
  length = sizeof *in;
  return inet_pton(AF_INET, host.c_str(), &in->sin_addr) == 1;
}

/// A socket file left behind by a process that is gone refuses connections; a live one does not.
void remove_stale_socket(Endpoint const& endpoint) {
  auto const path = endpoint.to_string();
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  Fd const probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (probe && connect(probe.get(), endpoint.address(), endpoint.length()) != 0 &&
      errno == ECONNREFUSED)
    unlink(path.c_str());
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
  Endpoint endpoint;
  bool const is_path = text.find('/') != std::string_view::npos;
  bool const ok = is_path ? parse_unix(text, endpoint.storage_, endpoint.length_)
                          : parse_tcp(text, endpoint.storage_, endpoint.length_);
  if (ok) return endpoint;
  return failed(
      fmt::format("\"{}\" is not an address; \"127.0.0.1:2525\", \"[::1]:2525\" or a path of at "
                  "most 107 octets "
                  "would be",
                  text));
}

std::string Endpoint::to_string() const {
  if (is_unix()) return reinterpret_cast<sockaddr_un const*>(&storage_)->sun_path;
  char host[INET6_ADDRSTRLEN] = "";
  if (storage_.ss_family == AF_INET6) {
    auto const* const in6 = reinterpret_cast<sockaddr_in6 const*>(&storage_);
    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
    return fmt::format("[{}]:{}", host, ntohs(in6->sin6_port));
  }
  auto const* const in = reinterpret_cast<sockaddr_in const*>(&storage_);
  inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
  return fmt::format("{}:{}", host, ntohs(in->sin_port));
}

void Endpoint::learn_port(int listening_fd) {
  if (is_unix()) return;
  socklen_t length = sizeof storage_;
  getsockname(listening_fd, reinterpret_cast<sockaddr*>(&storage_), &length);
}

Result<Fd> listen_on(Endpoint const& endpoint, int receive_buffer) {
  if (endpoint.is_unix()) remove_stale_socket(endpoint);
  Fd fd(socket(endpoint.address()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return tl::make_unexpected(errno_error("socket for", endpoint.to_string()));
  int const on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit both; set later it would not shrink a window already offered.
  send_at_once(fd.get());
  if (receive_buffer > 0)
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (bind(fd.get(), endpoint.address(), endpoint.length()) != 0)
    return tl::make_unexpected(errno_error("cannot bind", endpoint.to_string()));
  if (listen(fd.get(), SOMAXCONN) != 0)
    return tl::make_unexpected(errno_error("cannot listen on", endpoint.to_string()));
  return fd;
}

Result<Fd> connect_to(Endpoint const& endpoint) {
  Fd fd(socket(endpoint.address()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return tl::make_unexpected(errno_error("socket for", endpoint.to_string()));
  send_at_once(fd.get());
  if (connect(fd.get(), endpoint.address(), endpoint.length()) != 0 && errno != EINPROGRESS)
    return tl::make_unexpected(errno_error("cannot connect to", endpoint.to_string()));
  return fd;
}

void send_at_once(int fd) {
  int const on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace mailpool::net
