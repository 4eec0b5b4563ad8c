#include "core/replies/class_counts.h"

#include <algorithm>
#include <numeric>

namespace mailpool::replies {
namespace {

constexpr Duration per_bucket = std::chrono::minutes(5);

}  // namespace

std::int64_t ClassCounts::slot_of(TimePoint now) {
  return now.time_since_epoch() / per_bucket;
}

void ClassCounts::forget_old(Heard& heard, std::int64_t slot) {
  if (slot - heard.slot >= buckets) heard.recent.fill(0);
  for (auto at = heard.slot + 1; at <= slot && at - heard.slot < buckets; ++at)
    heard.recent[static_cast<std::size_t>(at % buckets)] = 0;
  heard.slot = std::max(heard.slot, slot);
}

void ClassCounts::add(ReplyClass which, TimePoint now) {
  auto const slot = slot_of(now);
  auto it = std::find_if(heard_.begin(), heard_.end(),
                         [&](Heard const& heard) { return heard.which == which; });
  if (it == heard_.end()) it = heard_.insert(heard_.end(), Heard{which, 0, slot, {}});
  forget_old(*it, slot);
  ++it->total;
  ++it->recent[static_cast<std::size_t>(slot % buckets)];
}

std::vector<ClassCounts::Count> ClassCounts::counts(TimePoint now) const {
  std::vector<Count> counts;
  for (auto heard : heard_) {
    forget_old(heard, slot_of(now));
    counts.push_back({heard.which, heard.total,
                      std::accumulate(heard.recent.begin(), heard.recent.end(), std::uint64_t{0})});
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](Count const& a, Count const& b) { return a.last_hour > b.last_hour; });
  return counts;
}

}  // namespace mailpool::replies
