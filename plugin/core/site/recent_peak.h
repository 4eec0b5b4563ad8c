#pragma once
// The greatest number seen lately: how many connections the recent traffic had a use for.

#include <array>
#include <cstdint>

#include "core/base/time.h"

namespace mailpool::site {

/// Of the last `window`, in parts of a sixth of it. Times never run backwards.
class RecentPeak {
 public:
  explicit RecentPeak(Duration window) { reconfigure(window); }
  void reconfigure(Duration window);
  void note(std::uint32_t n, TimePoint now);
  [[nodiscard]] std::uint32_t most(TimePoint now) const;
  /// When it may become less.
  [[nodiscard]] TimePoint next_change(TimePoint now) const;

 private:
  static constexpr std::int64_t parts = 6;
  [[nodiscard]] std::int64_t slot_of(TimePoint now) const { return now.time_since_epoch() / part_; }
  Duration part_{1};
  std::array<std::uint32_t, parts> most_{};
  std::int64_t slot_ = 0;
};

}  // namespace mailpool::site
