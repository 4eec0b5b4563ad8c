#pragma once
// A rate that is kept exactly, and its use: never more than N in any window of the unit; with a
// burst a token bucket in its GCRA form. It owns no timer.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/config/rate.h"

namespace mailpool::site {

class RateLimit {
 public:
  /// How many different moments of a window are told apart; what is taken between two of them
  /// counts as taken at the later one.
  static constexpr std::uint64_t moments = 1000;

  RateLimit() = default;  ///< no limit
  explicit RateLimit(Rate rate) : rate_(rate), scale_(interval()) {}

  /// The moment from which so many more may pass together: `now` if they may at once. More than the
  /// rate (the burst) lets pass together pass when nothing is owed.
  [[nodiscard]] TimePoint earliest(TimePoint now, std::uint64_t units = 1) const;
  /// The moment from which the n-th of those to come may pass, one after the other.
  [[nodiscard]] TimePoint turn_of(TimePoint now, std::uint64_t n) const;
  /// How many may pass at once now; nothing where there is no limit.
  [[nodiscard]] std::optional<std::uint64_t> room(TimePoint now) const;
  /// Takes them, whether or not earliest() allowed it.
  void take(TimePoint now, std::uint64_t units = 1);
  /// What was used under the old rate counts under the new one, as so many units: a raised one lets
  /// more pass at once.
  void reconfigure(Rate rate, TimePoint now);
  /// Nothing passes for one interval from now: what was saved up is forgotten.
  void pause(TimePoint now);
  /// As if nothing had ever been taken.
  void forget();
  /// Nothing is owed: it is as if nothing had ever been taken.
  [[nodiscard]] bool is_rested(TimePoint now) const;
  [[nodiscard]] Rate const& rate() const { return rate_; }

  // Over a restart.
  /// Whether its unit is so long that a restart must not begin it anew.
  [[nodiscard]] bool is_kept() const {
    return rate_.is_limited() && rate_.per >= std::chrono::minutes(1);
  }
  /// What was used, by the wall clock; "" for nothing.
  [[nodiscard]] std::string to_value(WallTime wall_now, TimePoint now) const;
  /// Takes over what to_value() wrote; false where that makes no sense.
  bool restore(std::string_view value, WallTime wall_now, TimePoint now);

 private:
  /// So many were taken then.
  struct Taken {
    TimePoint at;
    std::uint64_t units;
    TimePoint since;  ///< the first of them
  };

  [[nodiscard]] bool is_exact() const { return rate_.burst == 0; }
  [[nodiscard]] Duration window() const;
  /// How long what was taken is remembered.
  [[nodiscard]] Duration kept_for() const { return is_exact() ? window() : before_; }
  [[nodiscard]] Duration interval() const;
  [[nodiscard]] Duration tolerance(std::uint64_t units = 1) const;
  [[nodiscard]] Duration intervals(std::uint64_t n) const;
  [[nodiscard]] TimePoint earliest_in_window(TimePoint now, std::uint64_t units) const;
  [[nodiscard]] std::uint64_t used(TimePoint now) const;
  void take_in_window(TimePoint at, std::uint64_t units);
  void add(TimePoint at, std::uint64_t units);
  void forget_old(TimePoint now);
  void become_exact(TimePoint now);
  void become_bucket(Duration window_before, TimePoint now);

  Rate rate_;
  TimePoint paid_until_{};    ///< of a bucket: GCRA's theoretical arrival time
  Duration scale_{1};         ///< the interval that is reckoned with in it
  Duration before_{};         ///< of a bucket that was exact before: its window then; else zero
  TimePoint paused_at_{};     ///< of a window; none in the beginning of time
  std::vector<Taken> taken_;  ///< within kept_for(), in order; those before first_ are over
  std::size_t first_ = 0;
  std::uint64_t all_taken_ = 0;  ///< the sum of what stands in taken_ from first_ on
};

}  // namespace mailpool::site
