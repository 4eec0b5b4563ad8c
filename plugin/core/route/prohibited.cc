#include <algorithm>
#include <array>

#include "core/route/router.h"

namespace mailpool::route {
namespace {

// No host has these; to connect to the unspecified ones is to connect to this machine. Whatever the
// option says.
bool is_nobodys(IpAddress const& address) {
  static std::array const networks{
      IpNetwork::parse("0.0.0.0/32").value(), IpNetwork::parse("255.255.255.255/32").value(),
      IpNetwork::parse("224.0.0.0/4").value(), IpNetwork::parse("::/128").value(),
      IpNetwork::parse("ff00::/8").value()};
  return std::any_of(networks.begin(), networks.end(),
                     [&](IpNetwork const& n) { return n.contains(address); });
}

}  // namespace

bool is_prohibited(IpAddress const& address, std::vector<IpNetwork> const& prohibited,
                   std::vector<IpAddress> const& own) {
  auto const is_same = [bare = address.unmapped()](IpAddress const& mine) {
    return mine.octets() == bare.octets() && mine.family() == bare.family();  // whatever the scope
  };
  return is_nobodys(address) ||
         std::any_of(prohibited.begin(), prohibited.end(),
                     [&](IpNetwork const& n) { return n.contains(address); }) ||
         std::any_of(own.begin(), own.end(), is_same);
}

}  // namespace mailpool::route
