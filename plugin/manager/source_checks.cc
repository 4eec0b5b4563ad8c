#include "manager/source_checks.h"

#include <fmt/format.h>

#include <algorithm>

namespace mailpool::manager {
namespace {

bool is_loopback(IpAddress const& address) {
  static auto const v4 = IpNetwork::parse("127.0.0.0/8");
  static auto const v6 = IpNetwork::parse("::1/128");
  return v4->contains(address) || v6->contains(address);
}

}  // namespace

void check_sources(Configuration& c) {
  auto const& own = c.own_addresses;
  for (auto const& [name, source] : c.settings.sources)
    for (auto const& address : source.address)
      if (!is_loopback(address) && std::find(own.begin(), own.end(), address) == own.end())
        c.warnings.push_back(
            fmt::format("[source.{}] address: {} is not an address of this machine", name,
                        address.to_string()));
}

}  // namespace mailpool::manager
