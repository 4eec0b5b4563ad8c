#include "core/site/rate_limit.h"

#include <algorithm>

namespace mailpool::site {

Duration RateLimit::interval() const {
  // Rounded up: the sum of many intervals must never let through more than the rate says.
  auto const count = static_cast<Duration::rep>(rate_.count);
  return Duration((rate_.per.count() + count - 1) / count);
}

Duration RateLimit::intervals(std::uint64_t n) const {
  static constexpr Duration longest = std::chrono::hours(24 * 366 * 50);  // far from an overflow
  auto const one = interval();
  return n >= static_cast<std::uint64_t>(longest / one) ? longest
                                                        : one * static_cast<Duration::rep>(n);
}

Duration RateLimit::tolerance(std::uint64_t units) const {
  auto const burst = std::max<std::uint64_t>(rate_.burst, 1);
  return units >= burst ? Duration::zero() : intervals(burst - units);
}

TimePoint RateLimit::earliest(TimePoint now, std::uint64_t units) const {
  if (!rate_.is_limited()) return now;
  return std::max(now, paid_until_ - tolerance(units));
}

std::optional<std::uint64_t> RateLimit::room(TimePoint now) const {
  if (!rate_.is_limited()) return std::nullopt;
  auto const burst = std::max<std::uint64_t>(rate_.burst, 1);
  auto const owed = std::max(paid_until_ - now, Duration::zero());
  auto const used = static_cast<std::uint64_t>((owed + interval() - Duration(1)) / interval());
  return used >= burst ? 0 : burst - used;
}

void RateLimit::take(TimePoint now, std::uint64_t units) {
  if (!rate_.is_limited()) return;
  paid_until_ = after(std::max(paid_until_, now), intervals(units));
}

void RateLimit::pause(TimePoint now) {
  if (!rate_.is_limited()) return;
  paid_until_ = std::max(paid_until_, now + tolerance() + interval());
}

}  // namespace mailpool::site
