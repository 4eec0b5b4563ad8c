#include "core/site/warm_up.h"

#include <algorithm>

namespace mailpool::site {

Today today_of(WallTime wall, TimePoint now) {
  using namespace std::chrono;
  auto const day = floor<days>(wall);
  return {day, after(now, duration_cast<Duration>(day + days(1) - wall))};
}

std::optional<std::uint32_t> WarmUpCounts::most(std::chrono::sys_days day) const {
  if (!plan_.is_planned()) return std::nullopt;
  if (day < plan_.start) return 0;
  auto const at = static_cast<std::size_t>((day - plan_.start).count());
  if (at >= plan_.plan.size()) return std::nullopt;
  return plan_.plan[at];
}

std::uint32_t WarmUpCounts::sent(std::string const& site, std::chrono::sys_days day) const {
  if (day != day_) return 0;
  auto const it = sent_.find(site);
  return it == sent_.end() ? 0 : it->second;
}

TimePoint WarmUpCounts::next_room(Today const& today) const {
  // Days of the plan that allow nothing are waited through as well.
  for (auto day = std::max(today.day + std::chrono::days(1), plan_.start);;
       day += std::chrono::days(1))
    if (auto const limit = most(day); !limit || *limit != 0)
      return after(today.ends, day - today.day - std::chrono::days(1));
}

std::optional<std::uint32_t> WarmUpCounts::count(std::string const& site,
                                                 std::chrono::sys_days day) {
  if (!most(day)) return std::nullopt;
  begin(day);
  return ++sent_[site];
}

void WarmUpCounts::restore(std::string const& site, std::chrono::sys_days day, std::uint32_t sent) {
  if (day < day_) return;
  begin(day);
  sent_[site] = std::max(sent_[site], sent);
}

void WarmUpCounts::begin(std::chrono::sys_days day) {
  if (day == day_) return;
  day_ = day;
  sent_.clear();
}

}  // namespace mailpool::site
