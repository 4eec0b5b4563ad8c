#include "core/route/targets.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace mailpool::route {
namespace {

/// The targets [first, last) of one host.
struct Run {
  std::uint16_t preference;
  std::size_t first;
  std::size_t last;
};

// Fisher and Yates, on items [first, last).
template <class T>
void shuffle(std::vector<T>& items, std::size_t first, std::size_t last, Random& random) {
  using std::swap;
  for (std::size_t left = last - first; left > 1; --left)
    swap(items[first + left - 1], items[first + random.number(static_cast<std::uint32_t>(left))]);
}

std::vector<Run> runs_of(std::vector<Target> const& targets) {
  std::vector<Run> runs;
  runs.reserve(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto const& t = targets[i];
    bool const is_same_host = i != 0 && targets[i - 1].host == t.host &&
                              targets[i - 1].port == t.port &&
                              targets[i - 1].preference == t.preference;
    if (is_same_host) {
      runs.back().last = i + 1;
    } else {
      runs.push_back({t.preference, i, i + 1});
    }
  }
  return runs;
}

void shuffle_equals(std::vector<Run>& runs, Random& random) {
  for (std::size_t first = 0, last = 0; first < runs.size(); first = last) {
    while (last < runs.size() && runs[last].preference == runs[first].preference) ++last;
    shuffle(runs, first, last, random);
  }
}

// Each family keeps its places, so that what the option `ip` asked for stays.
void shuffle_family(std::vector<Target>& targets, std::size_t first, IpAddress::Family family,
                    Random& random) {
  std::vector<std::size_t> places;
  for (std::size_t i = first; i < targets.size(); ++i)
    if (targets[i].address.family() == family) places.push_back(i);
  for (std::size_t left = places.size(); left > 1; --left) {
    auto const other = places[random.number(static_cast<std::uint32_t>(left))];
    std::swap(targets[places[left - 1]].address, targets[other].address);
  }
}

}  // namespace

std::vector<Target> targets_of(std::vector<Host> const& hosts) {
  std::vector<Target> targets;
  for (auto const& host : hosts)
    for (auto const& address : host.addresses)
      targets.push_back({host.name, address, host.port, host.preference, host.may_be_local});
  return targets;
}

std::shared_ptr<Route const> shuffled(std::shared_ptr<Route const> const& route, Random& random) {
  if (route->targets.size() == 1) return route;
  auto runs = runs_of(route->targets);
  shuffle_equals(runs, random);
  auto copy = std::make_shared<Route>(*route);
  copy->targets.clear();
  for (auto const& run : runs) {
    auto const place = copy->targets.size();
    for (std::size_t i = run.first; i < run.last; ++i) copy->targets.push_back(route->targets[i]);
    if (run.last - run.first == 1) continue;
    shuffle_family(copy->targets, place, IpAddress::Family::V6, random);
    shuffle_family(copy->targets, place, IpAddress::Family::V4, random);
  }
  return copy;
}

}  // namespace mailpool::route
