#pragma once
// How long something took, counted by ranges: Prometheus' histogram.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/time.h"

namespace mailpool {

class Histogram {
 public:
  /// Upper ends of the ranges in seconds, the same for all: pages of different sites can be
  /// compared. What took longer than the last is in a range without an end.
  static constexpr std::array bounds{0.001, 0.005, 0.01, 0.025, 0.05, 0.1,  0.25, 0.5,
                                     1.0,   2.5,   5.0,  10.0,  30.0, 60.0, 300.0};

  /// Less than nothing (a clock that was read twice) counts as nothing.
  void add(Duration took) {
    took = std::max(took, Duration::zero());
    auto const* const bound = std::lower_bound(bounds.begin(), bounds.end(), seconds(took));
    ++counts_[static_cast<std::size_t>(bound - bounds.begin())];
    sum_ += took;
  }
  /// How many took at most `bounds[range]`; of the range behind the last: all.
  [[nodiscard]] std::uint64_t at_most(std::size_t range) const {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= range && i < counts_.size(); ++i) count += counts_[i];
    return count;
  }
  [[nodiscard]] std::uint64_t count() const { return at_most(bounds.size()); }
  [[nodiscard]] Duration sum() const { return sum_; }

 private:
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  Duration sum_{};
};

}  // namespace mailpool
