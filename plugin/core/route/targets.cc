#include "core/route/targets.h"

#include <cstddef>
#include <utility>

#include "core/route/selection.h"

namespace mailpool::route {
namespace {

// Fisher and Yates, on items [first, last).
template <class T>
void shuffle(std::vector<T>& items, std::size_t first, std::size_t last, Random& random) {
  using std::swap;
  for (std::size_t left = last - first; left > 1; --left)
    swap(items[first + left - 1], items[first + random.number(static_cast<std::uint32_t>(left))]);
}

std::vector<Host const*> in_order(std::vector<Host> const& hosts, Random& random) {
  std::vector<Host const*> order;
  order.reserve(hosts.size());
  for (auto const& host : hosts) order.push_back(&host);
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && order[last]->preference == order[first]->preference) ++last;
    shuffle(order, first, last, random);
  }
  return order;
}

}  // namespace

std::vector<Target> targets_of(std::vector<Host> const& hosts, IpPreference ip, Random& random) {
  std::vector<Target> targets;
  targets.reserve(most_targets);
  for (auto const* host : in_order(hosts, random)) {
    auto addresses = host->addresses;
    shuffle(addresses, 0, addresses.size(), random);
    for (auto const& address : by_family(addresses, ip))
      targets.push_back({host->name, address, host->port, host->preference, host->may_be_local});
  }
  return targets;
}

}  // namespace mailpool::route
