#include "core/site/warm_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/config/source_values.h"

namespace mailpool::site {

using std::chrono::days;
using std::chrono::sys_days;

Today today_of(WallTime wall, TimePoint now) {
  using namespace std::chrono;
  auto const day = floor<days>(wall);
  return {day, after(now, duration_cast<Duration>(day + days(1) - wall))};
}

bool WarmUpDay::is_bad(std::uint32_t percent) const {
  if (percent >= 100) return false;
  if (answers() < WarmUpProgress::least_answers)
    return taken == 0 && put_off >= WarmUpProgress::least_put_off;
  return std::uint64_t{put_off} * 100 > std::uint64_t{answers()} * percent;
}

namespace {

// Another plan counts on with what was sent, and judges nothing of the one before.
WarmUpAtSite begun_anew(WarmUpAtSite const& at_site) {
  return {{at_site.today.day, at_site.today.sent}, 0, {}};
}

}  // namespace

void WarmUpProgress::reconfigure(WarmUp plan, std::uint32_t hold_above) {
  if (plan.start != plan_.start)
    for (auto& [site, kept] : sites_) kept = begun_anew(kept);
  plan_ = std::move(plan);
  hold_above_ = hold_above;
}

std::optional<std::uint32_t> WarmUpProgress::most_at(WarmUpAtSite const& at_site) const {
  if (!plan_.is_planned()) return std::nullopt;
  auto const day = at_site.today.day;
  if (day < plan_.start) return 0;
  auto const since = static_cast<std::size_t>((day - plan_.start).count());
  auto const step = since - std::min<std::size_t>(at_site.held, since);
  if (step >= plan_.plan.size()) return std::nullopt;
  return plan_.plan[step];
}

bool WarmUpProgress::has_room(std::string const& site, sys_days day) const {
  if (!plan_.is_planned()) return true;
  auto const now_at = at(site, day);
  auto const limit = most_at(now_at);
  return !limit || now_at.today.sent < *limit;
}

WarmUpAtSite WarmUpProgress::at(std::string const& site, sys_days day) const {
  auto const it = sites_.find(site);
  return it == sites_.end() ? WarmUpAtSite{{day}, 0, {}} : moved_to(day, it->second);
}

// A clock that was set back over midnight changes nothing: the later day goes on. One that was
// wrong by more was wrong.
WarmUpAtSite WarmUpProgress::moved_to(sys_days day, WarmUpAtSite at_site) const {
  auto const last = at_site.today;
  if (day <= last.day && last.day - day <= days(1)) return at_site;
  if (day < last.day) return {{day}, at_site.held, {}};
  at_site.today = {day};
  at_site.bad.reset();
  if (!last.is_bad(hold_above_)) return at_site;
  ++at_site.held;
  if (day - last.day == days(1)) at_site.bad = last;
  return at_site;
}

std::optional<WarmUpStand> WarmUpProgress::stand(std::string const& site, sys_days day) const {
  auto const now_at = at(site, day);
  auto const limit = most_at(now_at);
  if (!limit || now_at.today.day < plan_.start) return std::nullopt;
  auto const since = static_cast<std::uint32_t>((now_at.today.day - plan_.start).count());
  return WarmUpStand{since + 1, since - std::min(now_at.held, since) + 1, *limit, now_at};
}

TimePoint WarmUpProgress::next_room(std::string const& site, Today const& today) const {
  // Days of the plan that allow nothing are waited through as well.
  for (auto day = std::max(today.day + days(1), plan_.start);; day += days(1))
    if (has_room(site, day)) return after(today.ends, day - today.day - days(1));
}

std::string WarmUpProgress::why_held(std::string const& site, sys_days day) const {
  auto const found = stand(site, day);
  if (!found || !found->at_site.bad) return {};
  auto const& bad = *found->at_site.bad;
  return fmt::format(
      "step {} of {} is held: {} of {} answers put it off on {} "
      "(warm_up_hold_above {} %)",
      found->step, plan_.plan.size(), bad.put_off, bad.answers(), value::day_text(bad.day),
      hold_above_);
}

std::optional<WarmUpProgress::Entered> WarmUpProgress::enter(std::string const& site,
                                                             sys_days day) {
  auto const now_at = at(site, day);
  if (!most_at(now_at) || day < plan_.start) return std::nullopt;
  forget_before(day);
  auto& kept = sites_[site];
  auto const before = std::exchange(kept, now_at);
  bool const was_held = before.bad || before.today.is_bad(hold_above_);
  bool const is_another_day = before.today.day < now_at.today.day;
  if (!is_another_day || !was_held) return Entered{&kept, News::None};
  return Entered{&kept, kept.bad ? News::Held : News::GoesOn};
}

std::optional<WarmUpProgress::News> WarmUpProgress::sending(std::string const& site, sys_days day) {
  auto const entered = enter(site, day);
  if (!entered) return std::nullopt;
  ++entered->at_site->today.sent;
  return entered->news;
}

std::optional<WarmUpProgress::News> WarmUpProgress::answered(std::string const& site,
                                                             WarmUpAnswer answer, sys_days day) {
  if (answer == WarmUpAnswer::Nothing) return std::nullopt;
  auto const entered = enter(site, day);
  if (!entered) return std::nullopt;
  auto& today = entered->at_site->today;
  ++(answer == WarmUpAnswer::Taken ? today.taken : today.put_off);
  return entered->news;
}

WarmUpAtSite const* WarmUpProgress::find(std::string const& site) const {
  auto const it = sites_.find(site);
  return it == sites_.end() ? nullptr : &it->second;
}

sys_days WarmUpProgress::forgotten_on(WarmUpAtSite const& at_site) const {
  auto const next_day = at_site.today.day + days(1);
  auto const held = at_site.held + (at_site.today.is_bad(hold_above_) ? 1U : 0U);
  if (held == 0) return next_day;
  return std::max(next_day, plan_.start + days(plan_.plan.size() + held));
}

void WarmUpProgress::restore(std::string const& site, WarmUpAtSite at_site,
                             std::optional<sys_days> start) {
  if (start != plan_.start) at_site = begun_anew(at_site);
  // No more days can have been held than there were.
  auto const since = std::max<std::int64_t>((at_site.today.day - plan_.start).count(), 0);
  at_site.held = static_cast<std::uint32_t>(std::min<std::int64_t>(at_site.held, since));
  day_ = std::max(day_, at_site.today.day);
  sites_[site] = std::move(at_site);
}

// What holds nothing is on the calendar's step, and the plan ends for the others too.
void WarmUpProgress::forget_before(sys_days day) {
  if (std::exchange(day_, day) == day) return;
  std::erase_if(sites_, [&](auto const& s) { return forgotten_on(s.second) <= day; });
}

}  // namespace mailpool::site
