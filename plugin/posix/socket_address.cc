#include "posix/socket_address.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>

namespace mailpool::posix {

socklen_t to_sockaddr(IpAddress const& address, std::uint16_t port, sockaddr_storage& out) {
  auto const& octets = address.octets();
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, octets.data(), 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_scope_id = address.scope();
  std::memcpy(&v6.sin6_addr, octets.data(), 16);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

namespace {

template <class T>
T copy_of(sockaddr const* address) {
  T copy;
  std::memcpy(&copy, address, sizeof copy);
  return copy;
}

}  // namespace

std::optional<IpAddress> to_ip(sockaddr const* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    std::array<std::uint8_t, 4> octets{};
    auto const in = copy_of<sockaddr_in>(address);
    std::memcpy(octets.data(), &in.sin_addr, octets.size());
    return IpAddress::v4(octets);
  }
  if (address->sa_family == AF_INET6) {
    std::array<std::uint8_t, 16> octets{};
    auto const in = copy_of<sockaddr_in6>(address);
    std::memcpy(octets.data(), &in.sin6_addr, octets.size());
    return IpAddress::v6(octets, in.sin6_scope_id);
  }
  return std::nullopt;
}

namespace {

// A kernel that lacks one of them still delivers mail.
void set_option(int fd, int level, int name, unsigned value) {
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

void tune(int fd) {
  constexpr unsigned user_timeout_ms = 60'000;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms);
}

void bind_without_port(int fd) {
  set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}

}  // namespace mailpool::posix
