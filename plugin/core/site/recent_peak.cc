#include "core/site/recent_peak.h"

#include <algorithm>

namespace mailpool::site {

void RecentPeak::reconfigure(Duration window) {
  auto const part = std::max<Duration>(window / parts, std::chrono::milliseconds(1));
  if (part == part_) return;
  part_ = part;
  most_.fill(0);
  slot_ = 0;
}

void RecentPeak::note(std::uint32_t n, TimePoint now) {
  auto const slot = std::max(slot_of(now), slot_);
  auto const passed = std::min(slot - slot_, parts);
  for (std::int64_t i = 0; i < passed; ++i) most_[static_cast<std::size_t>((slot - i) % parts)] = 0;
  slot_ = slot;
  auto& most = most_[static_cast<std::size_t>(slot % parts)];
  most = std::max(most, n);
}

std::uint32_t RecentPeak::most(TimePoint now) const {
  auto const oldest = slot_of(now) - parts + 1;
  std::uint32_t most = 0;
  for (auto slot = std::max(oldest, slot_ - parts + 1); slot <= slot_; ++slot)
    if (slot >= 0) most = std::max(most, most_[static_cast<std::size_t>(slot % parts)]);
  return most;
}

TimePoint RecentPeak::next_change(TimePoint now) const {
  return TimePoint(part_ * (slot_of(now) + 1));
}

}  // namespace mailpool::site
