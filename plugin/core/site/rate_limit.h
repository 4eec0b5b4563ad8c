#pragma once
// A rate that is kept exactly: a token bucket in its GCRA form, one time point of state. It owns no
// timer.

#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "core/config/rate.h"

namespace mailpool::site {

class RateLimit {
 public:
  RateLimit() = default;  ///< no limit
  explicit RateLimit(Rate rate) : rate_(rate) {}

  /// The moment from which so many more may pass together: `now` if they may at once. More than the
  /// burst pass when nothing is owed.
  [[nodiscard]] TimePoint earliest(TimePoint now, std::uint64_t units = 1) const;
  /// How many may pass at once now; nothing where there is no limit.
  [[nodiscard]] std::optional<std::uint64_t> room(TimePoint now) const;
  /// Takes them, whether or not earliest() allowed it.
  void take(TimePoint now, std::uint64_t units = 1);
  /// A new rate keeps what was used under the old one.
  void reconfigure(Rate rate) { rate_ = rate; }
  /// Nothing passes for one interval from now: what was saved up is forgotten.
  void pause(TimePoint now);
  /// Nothing is owed: it is as if nothing had ever been taken.
  [[nodiscard]] bool is_rested(TimePoint now) const { return paid_until_ <= now; }
  [[nodiscard]] Rate const& rate() const { return rate_; }

 private:
  [[nodiscard]] Duration interval() const;
  [[nodiscard]] Duration tolerance(std::uint64_t units = 1) const;
  [[nodiscard]] Duration intervals(std::uint64_t n) const;
  Rate rate_;
  TimePoint paid_until_{};  ///< GCRA's theoretical arrival time
};

}  // namespace mailpool::site
