#include "core/base/recent_count.h"

#include <algorithm>
#include <limits>

namespace mailpool {

std::int64_t RecentCount::slot_of(TimePoint now) {
  return now.time_since_epoch() / std::chrono::seconds(10);
}

void RecentCount::add(std::uint32_t n, TimePoint now) {
  auto const slot = std::max(slot_of(now), slot_);
  auto const passed = std::min(slot - slot_, buckets);
  for (std::int64_t i = 0; i < passed; ++i)
    counts_[static_cast<std::size_t>((slot - i) % buckets)] = 0;
  slot_ = slot;
  auto& count = counts_[static_cast<std::size_t>(slot % buckets)];
  count += std::min(n, std::numeric_limits<std::uint32_t>::max() - count);
}

std::uint64_t RecentCount::count(TimePoint now) const {
  auto const oldest = slot_of(now) - buckets + 1;
  std::uint64_t sum = 0;
  for (std::int64_t slot = std::max(oldest, slot_ - buckets + 1); slot <= slot_; ++slot)
    if (slot >= 0) sum += counts_[static_cast<std::size_t>(slot % buckets)];
  return sum;
}

}  // namespace mailpool
