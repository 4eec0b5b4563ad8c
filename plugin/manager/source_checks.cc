#include "manager/source_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/loopback.h"

namespace mailpool::manager {
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
