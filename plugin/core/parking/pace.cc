#include "core/parking/pace.h"

#include <algorithm>
#include <cmath>

namespace mailpool::parking {
namespace {

constexpr double fades_in = 2.0;  // seconds

}  // namespace

void WakeLatency::note(Duration took) {
  took = std::clamp(took, least, most);
  value_ = took > value_ ? (value_ + took) / 2 : (value_ * 15 + took) / 16;
}

double Speed::faded(TimePoint now) const {
  return weight_ * std::exp(-seconds(now - at_) / fades_in);
}

void Speed::note(TimePoint now) {
  weight_ = faded(now) + 1;
  at_ = now;
}

double Speed::per_second(TimePoint now) const {
  return faded(now) / fades_in;
}

}  // namespace mailpool::parking
