#pragma once
// How many messages a new source has sent to each site today, against its plan.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/time.h"
#include "core/config/level_settings.h"

namespace mailpool::site {

/// A day by UTC, and when the next one begins. Days come from the wall clock, waits need the other.
struct Today {
  std::chrono::sys_days day{};
  TimePoint ends = never;
};
[[nodiscard]] Today today_of(WallTime wall, TimePoint now);

class WarmUpCounts {
 public:
  void reconfigure(WarmUp plan) { plan_ = std::move(plan); }
  [[nodiscard]] WarmUp const& plan() const { return plan_; }

  /// The plan's number for the day; nothing: no limit. 0 before the plan begins.
  [[nodiscard]] std::optional<std::uint32_t> most(std::chrono::sys_days day) const;
  [[nodiscard]] std::uint32_t sent(std::string const& site, std::chrono::sys_days day) const;
  [[nodiscard]] bool has_room(std::string const& site, std::chrono::sys_days day) const {
    auto const limit = most(day);
    return !limit || sent(site, day) < *limit;
  }
  /// When the next message may go to a site whose day is full.
  [[nodiscard]] TimePoint next_room(Today const& today) const;
  /// One message more; the new number, or nothing where the plan does not count the day.
  std::optional<std::uint32_t> count(std::string const& site, std::chrono::sys_days day);
  /// What was counted before a restart.
  void restore(std::string const& site, std::chrono::sys_days day, std::uint32_t sent);

 private:
  void begin(std::chrono::sys_days day);

  WarmUp plan_;
  std::chrono::sys_days day_{};
  std::unordered_map<std::string, std::uint32_t> sent_;  ///< by site, on day_
};

}  // namespace mailpool::site
