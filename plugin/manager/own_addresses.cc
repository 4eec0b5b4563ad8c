#include "manager/own_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

namespace mailpool::manager {
namespace {

template <class T>
T copy_of(sockaddr const* address) {
  T copy;
  std::memcpy(&copy, address, sizeof copy);  // a sockaddr need not be aligned for T
  return copy;
}

std::optional<IpAddress> ip_of(sockaddr const* address) {
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

bool is_loopback(IpAddress const& address) {
  static auto const v4 = IpNetwork::parse("127.0.0.0/8").value();
  static auto const v6 = IpNetwork::parse("::1/128").value();
  return v4.contains(address) || v6.contains(address);
}

struct FreeInterfaces {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

}  // namespace

std::vector<IpAddress> own_addresses() {
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return {};
  std::unique_ptr<ifaddrs, FreeInterfaces> const list(raw);
  std::vector<IpAddress> own;
  for (auto const* i = list.get(); i != nullptr; i = i->ifa_next) {
    auto const address = (i->ifa_flags & IFF_UP) != 0 ? ip_of(i->ifa_addr) : std::nullopt;
    if (address && !is_loopback(*address)) own.push_back(*address);
  }
  std::sort(own.begin(), own.end());
  own.erase(std::unique(own.begin(), own.end()), own.end());
  return own;
}

}  // namespace mailpool::manager
