#include "core/parking/backlogged_sites.h"

#include <utility>

namespace mailpool::parking {

bool BackloggedSites::look(Register const& entries, TimePoint now) {
  entries.visit_sizes([&](std::string const& lane, std::size_t waiting) {
    if (lane.starts_with('@') || waiting == 0) return;
    auto const known = seen_.find(lane);
    if (known != seen_.end())
      known->second = now;
    else if (waiting >= begins_with)
      seen_.emplace(lane, now);
  });
  std::erase_if(seen_, [now](auto const& one) { return after(one.second, lasts) <= now; });
  std::set<std::string, std::less<>> sites;
  for (auto const& [site, when] : seen_) sites.insert(sites.end(), site);
  return std::exchange(sites_, std::move(sites)) != sites_;
}

}  // namespace mailpool::parking
