#include "manager/own_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "core/base/loopback.h"
#include "posix/socket_address.h"

namespace mailpool::manager {
namespace {

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
    auto const address = (i->ifa_flags & IFF_UP) != 0 ? posix::to_ip(i->ifa_addr) : std::nullopt;
    if (address && !is_loopback(*address)) own.push_back(*address);
  }
  std::sort(own.begin(), own.end());
  own.erase(std::unique(own.begin(), own.end()), own.end());
  return own;
}

}  // namespace mailpool::manager
