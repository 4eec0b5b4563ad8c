#pragma once
// Time as an argument: pure code never reads a clock, it is told what time it is.

#include <chrono>
#include <string>

namespace mailpool {

using Duration = std::chrono::nanoseconds;

/// The monotonic clock, as a type only: manager/ reads it once per turn of the event loop, tests
/// make it up.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};

using TimePoint = MonotonicClock::time_point;

/// "Not at all": the deadline of something that waits for nothing.
inline constexpr TimePoint never = TimePoint::max();

/// For log lines, JSON and what must survive a restart; never for an interval.
using WallTime = std::chrono::system_clock::time_point;

/// `now + d`, that stops at `never` instead of overflowing.
[[nodiscard]] constexpr TimePoint after(TimePoint now, Duration d) {
  return d >= never - now ? never : now + d;
}

/// For people: "350ms", "12s", "4m10s", "3h", "2d".
[[nodiscard]] std::string to_text(Duration d);

/// For JSON and logs: seconds with decimals.
[[nodiscard]] constexpr double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace mailpool
