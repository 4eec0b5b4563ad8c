#include "core/site/rate_limit.h"

#include <algorithm>

namespace mailpool::site {

Duration RateLimit::interval() const {
  // Rounded up: the sum of many intervals must never let through more than the rate says.
  auto const count = static_cast<Duration::rep>(rate_.count);
  return Duration((rate_.per.count() + count - 1) / count);
}

Duration RateLimit::tolerance() const {
  auto const burst = rate_.burst == 0 ? 1 : rate_.burst;
  return interval() * static_cast<Duration::rep>(burst - 1);
}

TimePoint RateLimit::earliest(TimePoint now) const {
  if (!rate_.is_limited()) return now;
  return std::max(now, paid_until_ - tolerance());
}

void RateLimit::take(TimePoint now) {
  if (!rate_.is_limited()) return;
  paid_until_ = std::max(paid_until_, now) + interval();
}

void RateLimit::pause(TimePoint now) {
  if (!rate_.is_limited()) return;
  paid_until_ = std::max(paid_until_, now + tolerance() + interval());
}

}  // namespace mailpool::site
