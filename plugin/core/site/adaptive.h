#pragma once
// What a site is given of its limits while its servers ask for less: lowered at once by a
// throttling reply, raised again step by step by clean deliveries.
//
// It knows no replies and owns no timer. The level is the part of the ceiling that is allowed now,
// from lowest_level to 1, for the rate and the connections alike:
//
//   a throttling reply             half of the level; at most once per flight
//   the next flight is throttled   the lowest level at once: half was not enough
//   quiet_for after that           nothing is raised
//   then every step_every          a quarter more, if something was delivered since the last step

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/recent_count.h"
#include "core/base/time.h"
#include "core/config/rate.h"

namespace mailpool::site {

/// The operator's limits, which are never exceeded.
struct Ceiling {
  Rate rate;  ///< without one, the throughput of the last minute takes its place while lowered
  std::uint32_t connections = 1;
  bool is_adaptive = true;  ///< false: the ceiling is what is allowed
  bool operator==(Ceiling const&) const = default;
};

class Adaptive {
 public:
  static constexpr double lowest_level = 1.0 / 16;
  static constexpr double step = 1.25;
  static constexpr Duration quiet_for = std::chrono::seconds(60);
  static constexpr Duration step_every = std::chrono::seconds(8);
  /// A measured throughput below this is taken for this: a site that was hardly used is not slowed
  /// down to nothing.
  static constexpr std::uint64_t least_measured_per_minute = 16;

  explicit Adaptive(Ceiling ceiling) : ceiling_(ceiling) {}
  /// The level is kept; without is_adaptive it is forgotten.
  void reconfigure(Ceiling ceiling);

  /// A transaction begins.
  void started(TimePoint now);
  /// A throttling reply; `began` is when the transaction or connection began that got it. What
  /// began before the last cut is of its flight and changes nothing. True: it is lowered (further).
  bool throttled(TimePoint began, std::string_view reply, TimePoint now);
  /// A clean delivery. True: the allowance is raised.
  bool delivered(TimePoint began, TimePoint now);
  /// The operator says that it is worth another try.
  void forget();

  // What is allowed now.
  [[nodiscard]] Rate rate() const;
  [[nodiscard]] std::uint32_t connections() const;
  [[nodiscard]] double level() const { return memory_.level; }
  [[nodiscard]] bool is_lowered() const { return memory_.level < 1; }
  [[nodiscard]] Ceiling const& ceiling() const { return ceiling_; }
  /// Why it is lowered: the reply, as the server said it; "" while it is not.
  [[nodiscard]] std::string const& why() const { return memory_.why; }
  [[nodiscard]] TimePoint lowered_at() const { return memory_.lowered_at; }
  /// No step upwards before this; for `explain`.
  [[nodiscard]] TimePoint next_step() const { return memory_.next_step; }
  /// How many times it was lowered.
  [[nodiscard]] std::uint64_t cuts() const { return cuts_; }

  /// What must survive a restart.
  struct Memory {
    double level = 1;
    double measured_per_second = 0;  ///< at the first cut, where no rate is configured
    bool is_raised_since = false;    ///< since the last cut
    TimePoint lowered_at{};
    TimePoint next_step{};
    std::string why;
  };
  [[nodiscard]] Memory const& memory() const { return memory_; }
  /// Numbers that cannot be are put right; a next step too far away too.
  void restore(Memory memory, TimePoint now);

 private:
  [[nodiscard]] double per_second() const;
  [[nodiscard]] double measured(TimePoint now) const;

  Ceiling ceiling_;
  Memory memory_;
  bool has_delivered_ = false;  ///< since the last step or cut
  std::uint64_t cuts_ = 0;
  RecentCount begun_;
  std::optional<TimePoint> active_since_;  ///< the first start after a minute without any
};

}  // namespace mailpool::site
