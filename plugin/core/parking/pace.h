#pragma once
// What waking needs to be ahead of: how long a woken message takes to come, and how many a second
// are begun.

#include "core/base/time.h"

namespace mailpool::parking {

/// From a wake to the message's arrival; follows a longer time at once, a shorter one slowly.
class WakeLatency {
 public:
  void note(Duration took);
  [[nodiscard]] Duration value() const { return value_; }

 private:
  static constexpr Duration least = std::chrono::milliseconds(20);
  static constexpr Duration most = std::chrono::seconds(10);
  Duration value_ = std::chrono::milliseconds(300);
};

/// How many a second, of about the last two seconds.
class Speed {
 public:
  void note(TimePoint now);
  [[nodiscard]] double per_second(TimePoint now) const;

 private:
  [[nodiscard]] double faded(TimePoint now) const;
  double weight_ = 0;
  TimePoint at_{};
};

}  // namespace mailpool::parking
