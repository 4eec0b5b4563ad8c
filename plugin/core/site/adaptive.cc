#include "core/site/adaptive.h"

#include <algorithm>
#include <cmath>

#include "core/base/text.h"

namespace mailpool::site {
namespace {

// The unit in which a rate is a number that people can read, and exact enough.
Rate rate_of(double per_second) {
  struct Unit {
    Duration per;
    double seconds;
  };
  using namespace std::chrono_literals;
  static constexpr Unit units[] = {{1s, 1}, {1min, 60}, {1h, 3600}, {24h, 86400}};
  static constexpr double readable = 10;
  auto const* unit = std::find_if(std::begin(units), std::end(units) - 1, [&](Unit const& u) {
    return per_second * u.seconds >= readable;
  });
  Rate rate;
  rate.per = unit->per;
  // The small addition keeps 0.3 / 0.1 from becoming 2.
  rate.count = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::floor(per_second * unit->seconds + 1e-6)));
  // Hardly a burst: a server that throttles counts in short spans too.
  rate.burst = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(per_second / 10));
  return rate;
}

}  // namespace

void Adaptive::reconfigure(Ceiling ceiling) {
  ceiling_ = ceiling;
  if (!ceiling_.is_adaptive) forget();
}

void Adaptive::forget() {
  memory_ = {};
}

void Adaptive::restore(Memory memory, TimePoint now) {
  if (!ceiling_.is_adaptive || !(memory.level < 1)) return;
  memory_ = std::move(memory);
  memory_.level = std::max(memory_.level, lowest_level);
  auto const least = static_cast<double>(least_measured_per_minute) / 60;
  static constexpr double most = 1e6;
  if (!(memory_.measured_per_second >= least && memory_.measured_per_second <= most))
    memory_.measured_per_second = least;
  memory_.lowered_at = std::min(memory_.lowered_at, now);
  memory_.next_step = std::min(memory_.next_step, after(now, quiet_for));
}

void Adaptive::started(TimePoint now) {
  if (!active_since_ || begun_.count(now) == 0) active_since_ = now;
  begun_.add(1, now);
}

// Of the last minute, or of the time since the site is in use again.
double Adaptive::measured(TimePoint now) const {
  if (!active_since_) return 0;
  // RecentCount looks back upon five whole buckets of ten seconds and the one that has begun.
  auto const in_bucket = now.time_since_epoch() % std::chrono::seconds(10);
  auto const window = std::chrono::seconds(50) + in_bucket;
  auto const span = std::clamp<Duration>(now - *active_since_, std::chrono::seconds(1), window);
  return static_cast<double>(begun_.count(now)) / seconds(span);
}

bool Adaptive::throttled(TimePoint began, std::string_view reply, TimePoint now) {
  if (!ceiling_.is_adaptive) return false;
  if (is_lowered() && began <= memory_.lowered_at)
    return false;  // of the flight that was cut for already
  if (!is_lowered()) {
    memory_.measured_per_second =
        std::max(measured(now), static_cast<double>(least_measured_per_minute) / 60);
    memory_.level = 0.5;
  } else {
    memory_.level = memory_.is_raised_since ? memory_.level / 2 : lowest_level;
  }
  memory_.level = std::max(memory_.level, lowest_level);
  memory_.is_raised_since = has_delivered_ = false;
  memory_.lowered_at = now;
  memory_.next_step = after(now, quiet_for);
  memory_.why = printable(reply);
  ++cuts_;
  return true;
}

bool Adaptive::delivered(TimePoint began, TimePoint now) {
  if (!is_lowered() || began <= memory_.lowered_at) return false;
  has_delivered_ = true;
  if (now < memory_.next_step) return false;
  memory_.level *= step;
  if (memory_.level >= 1) {
    forget();
    return true;
  }
  memory_.is_raised_since = true;
  has_delivered_ = false;
  memory_.next_step = after(now, step_every);
  return true;
}

double Adaptive::per_second() const {
  if (!ceiling_.rate.is_limited()) return memory_.measured_per_second;
  return static_cast<double>(ceiling_.rate.count) / seconds(ceiling_.rate.per);
}

Rate Adaptive::rate() const {
  if (!is_lowered()) return ceiling_.rate;
  // A burst and what follows it must not be more than a ceiling without one allows.
  static constexpr double room_for_burst = 0.9;
  bool const is_exact = ceiling_.rate.is_limited() && ceiling_.rate.burst == 0;
  auto allowed =
      rate_of(per_second() * (is_exact ? std::min(memory_.level, room_for_burst) : memory_.level));
  if (ceiling_.rate.is_limited() && !is_exact)
    allowed.burst = std::min(allowed.burst, std::max<std::uint64_t>(1, ceiling_.rate.burst));
  return allowed;
}

std::uint32_t Adaptive::connections() const {
  auto const allowed = static_cast<std::uint32_t>(memory_.level * ceiling_.connections);
  return std::max<std::uint32_t>(1, std::min(allowed, ceiling_.connections));
}

}  // namespace mailpool::site
