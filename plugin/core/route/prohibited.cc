#include <algorithm>

#include "core/route/router.h"

namespace mailpool::route {

bool is_prohibited(IpAddress const& address, std::vector<IpNetwork> const& prohibited,
                   std::vector<IpAddress> const& own) {
  auto const is_same = [bare = address.unmapped()](IpAddress const& mine) {
    return mine.octets() == bare.octets() && mine.family() == bare.family();  // whatever the scope
  };
  return std::any_of(prohibited.begin(), prohibited.end(),
                     [&](IpNetwork const& n) { return n.contains(address); }) ||
         std::any_of(own.begin(), own.end(), is_same);
}

}  // namespace mailpool::route
