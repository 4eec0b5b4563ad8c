#include "core/site/rate_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/state/record.h"

namespace mailpool::site {
namespace {

// Messages that leave a window apart may arrive a little less than a window apart: a packet that is
// sent again comes 0.2 s late or more, and a busy server reads later.
constexpr Duration longest_way = std::chrono::milliseconds(500);
constexpr std::size_t most_kept = 200;  // of the moments that are written down
constexpr std::uint64_t most_units = 1'000'000'000'000;

}  // namespace

Duration RateLimit::window() const {
  return rate_.per + std::min<Duration>(rate_.per / 100, longest_way);
}

Duration RateLimit::interval() const {
  // Rounded up: the sum of many intervals must never let through more than the rate says.
  auto const count = static_cast<Duration::rep>(std::max<std::uint64_t>(rate_.count, 1));
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
  if (!is_exact()) return std::max(now, paid_until_ - tolerance(units));
  auto const from = paused_at_ == TimePoint{} ? now : std::max(now, after(paused_at_, interval()));
  // Without a look at each of them: what is over is counted too.
  if (all_taken_ + units <= rate_.count) return from;
  return std::max(from, earliest_in_window(now, units));
}

// When so many of those that were taken are over that the others fit; all of them, where more is
// wanted than ever fits.
TimePoint RateLimit::earliest_in_window(TimePoint now, std::uint64_t units) const {
  auto left = all_taken_;
  auto const most = rate_.count - std::min(units, rate_.count);
  auto from = now;
  for (auto i = first_; i < taken_.size() && left > most; ++i) {
    from = std::max(from, after(taken_[i].at, window()));
    left -= taken_[i].units;
  }
  return from;
}

std::uint64_t RateLimit::used(TimePoint now) const {
  std::uint64_t sum = 0;
  for (auto i = first_; i < taken_.size(); ++i)
    if (after(taken_[i].at, window()) > now) sum += taken_[i].units;
  return sum;
}

TimePoint RateLimit::turn_of(TimePoint now, std::uint64_t n) const {
  if (!rate_.is_limited() || n == 0) return now;
  if (is_exact()) {
    auto const most = std::max<std::uint64_t>(rate_.count, 1);
    auto const windows = static_cast<Duration::rep>(std::min<std::uint64_t>((n - 1) / most, 1000));
    return after(earliest(now, (n - 1) % most + 1), window() * windows);
  }
  return std::max(now, after(std::max(paid_until_, now), intervals(n - 1)) - tolerance(1));
}

std::optional<std::uint64_t> RateLimit::room(TimePoint now) const {
  if (!rate_.is_limited()) return std::nullopt;
  if (is_exact()) {
    if (earliest(now) > now) return 0;
    return rate_.count - std::min(used(now), rate_.count);
  }
  auto const burst = std::max<std::uint64_t>(rate_.burst, 1);
  auto const owed = std::max(paid_until_ - now, Duration::zero());
  auto const used_up = static_cast<std::uint64_t>((owed + interval() - Duration(1)) / interval());
  return used_up >= burst ? 0 : burst - used_up;
}

void RateLimit::take(TimePoint now, std::uint64_t units) {
  if (!rate_.is_limited()) return;
  if (is_exact()) return take_in_window(now, units);
  paid_until_ = after(std::max(paid_until_, now), intervals(units));
  if (before_ == Duration::zero()) return;
  forget_old(now);
  add(now, units);
}

// More than a window holds are paid for in the windows that follow.
void RateLimit::take_in_window(TimePoint at, std::uint64_t units) {
  forget_old(at);
  static constexpr std::uint64_t most_windows = moments;
  for (std::uint64_t n = 0; units > rate_.count && n < most_windows; ++n) {
    add(at, rate_.count);
    units -= rate_.count;
    at = after(at, window());
  }
  add(at, std::min(units, rate_.count));
}

void RateLimit::add(TimePoint at, std::uint64_t units) {
  all_taken_ += units;
  auto const grain = is_exact() && rate_.count <= moments
                         ? Duration::zero()
                         : kept_for() / static_cast<Duration::rep>(moments);
  if (first_ < taken_.size() && at <= after(taken_.back().since, grain)) {
    taken_.back().at = std::max(taken_.back().at, at);
    taken_.back().units += units;
  } else {
    taken_.push_back({at, units, at});
  }
}

void RateLimit::forget_old(TimePoint now) {
  for (; first_ < taken_.size() && after(taken_[first_].at, kept_for()) <= now; ++first_)
    all_taken_ -= taken_[first_].units;
  if (first_ == taken_.size()) {
    taken_.clear();
    first_ = 0;
  } else if (first_ > taken_.size() / 2) {
    taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void RateLimit::reconfigure(Rate rate, TimePoint now) {
  if (rate == rate_) return;
  bool const was_exact = is_exact();
  bool const was_limited = rate_.is_limited();
  auto const window_before = window();
  rate_ = rate;
  // Without a limit nothing is counted, and what was used is kept for the next one.
  if (!rate_.is_limited()) {
    rate_.burst = was_exact ? 0 : 1;
    return;
  }
  if (was_limited || !taken_.empty() || paid_until_ > now) {
    if (is_exact() && !was_exact) become_exact(now);
    if (!is_exact() && was_exact) become_bucket(window_before, now);
  }
  if (!is_exact()) {
    auto const owed = std::max(paid_until_ - now, Duration::zero());
    // In units, rounded up.
    auto const units = static_cast<std::uint64_t>((owed + scale_ - Duration(1)) / scale_);
    if (owed > Duration::zero() && scale_ != interval()) paid_until_ = after(now, intervals(units));
    scale_ = interval();
  }
}

// What a bucket is owed was taken just now, for all that is known; where it was exact before, what
// was taken meanwhile is known.
void RateLimit::become_exact(TimePoint now) {
  if (std::exchange(before_, Duration::zero()) != Duration::zero()) {
    paid_until_ = {};
    return forget_old(now);
  }
  auto const owed = std::max(paid_until_ - now, Duration::zero());
  auto const units = static_cast<std::uint64_t>((owed + scale_ - Duration(1)) / scale_);
  paid_until_ = {};
  if (units != 0) take_in_window(now, units);
}

// As if the bucket had been there when they were taken. They are remembered: an allowance that was
// lowered is given back, and then counts in the window again.
void RateLimit::become_bucket(Duration window_before, TimePoint now) {
  before_ = window_before;
  scale_ = interval();
  paid_until_ = {};
  for (auto i = first_; i < taken_.size(); ++i)
    paid_until_ = after(std::max(paid_until_, taken_[i].at), intervals(taken_[i].units));
  auto const paused = std::exchange(paused_at_, TimePoint{});
  if (paused != TimePoint{} && paused > now - interval()) pause(now);
}

void RateLimit::pause(TimePoint now) {
  if (!rate_.is_limited()) return;
  if (is_exact()) {
    paused_at_ = now;
  } else {
    paid_until_ = std::max(paid_until_, now + tolerance() + interval());
  }
}

void RateLimit::forget() {
  paid_until_ = paused_at_ = {};
  taken_ = {};
  first_ = 0;
  all_taken_ = 0;
}

bool RateLimit::is_rested(TimePoint now) const {
  if (!is_exact()) return paid_until_ <= now;
  return used(now) == 0 && (paused_at_ == TimePoint{} || after(paused_at_, interval()) <= now);
}

// window TAB moment TAB units TAB moment TAB units ...; bucket TAB moment TAB units owed then
std::string RateLimit::to_value(WallTime wall_now, TimePoint now) const {
  if (!rate_.is_limited() || is_rested(now)) return {};
  if (!is_exact())
    return fmt::format("bucket\t{}\t{}", state::wall_text(wall_now),
                       (paid_until_ - now + scale_ - Duration(1)) / scale_);
  std::string text = "window";
  auto const each = (taken_.size() - first_ + most_kept - 1) / most_kept;
  for (auto i = first_; i < taken_.size(); i += each) {
    auto const end = std::min(i + each, taken_.size());
    std::uint64_t units = 0;
    for (auto j = i; j < end; ++j) units += taken_[j].units;
    text += fmt::format("\t{}\t{}",
                        state::wall_text(state::wall_of(taken_[end - 1].at, wall_now, now)), units);
  }
  return text;
}

bool RateLimit::restore(std::string_view value, WallTime wall_now, TimePoint now) {
  auto const fields = split(value, '\t');
  bool const is_known = fields[0] == "window" || (fields[0] == "bucket" && fields.size() == 3);
  if (!rate_.is_limited() || !is_known || fields.size() < 3 || fields.size() % 2 == 0 ||
      fields.size() > 2 * most_kept + 1)
    return false;
  for (std::size_t i = 1; i < fields.size(); i += 2) {
    auto const at = state::wall_time(fields[i]);
    auto const units = to_number(fields[i + 1]);
    if (!at || !units || *units > most_units) return false;
    // Nothing was taken in the future, whatever a clock says that was set meanwhile.
    auto const moment = *at >= wall_now ? now : now - std::min<Duration>(wall_now - *at, window());
    if (is_exact()) {
      add(std::max(moment, taken_.empty() ? moment : taken_.back().at), *units);
    } else {
      paid_until_ = after(std::max(paid_until_, moment), intervals(*units));
    }
  }
  forget_old(now);
  return true;
}

}  // namespace mailpool::site
