#include "core/rules/window.h"

#include <algorithm>

namespace mailpool::rules {

bool Windows::met(std::size_t number, std::string const& scope, Threshold const& after,
                  TimePoint now) {
  if (after.count <= 1) return true;
  Key key{number, scope};
  if (windows_.size() >= most_windows && !windows_.contains(key))
    windows_.erase(std::min_element(
        windows_.begin(), windows_.end(),
        [](auto const& a, auto const& b) { return a.second.back() < b.second.back(); }));
  auto& times = windows_[std::move(key)];
  times.push_back(now);
  while (times.size() > after.count) times.pop_front();
  bool const is_reached = times.size() == after.count && now - times.front() < after.within;
  if (is_reached) windows_.erase({number, scope});
  return is_reached;
}

std::size_t Windows::count(std::size_t number, std::string const& scope, Threshold const& after,
                           TimePoint now) const {
  auto const it = windows_.find({number, scope});
  if (it == windows_.end()) return 0;
  return static_cast<std::size_t>(std::count_if(
      it->second.begin(), it->second.end(), [&](TimePoint t) { return now - t < after.within; }));
}

}  // namespace mailpool::rules
