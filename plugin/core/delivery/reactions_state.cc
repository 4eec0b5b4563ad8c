// What of a path's reactions survives a restart, beside limits that a rule has set: the adaptive
// level, a learned cap.

#include <fmt/format.h>

#include <charconv>

#include "core/base/text.h"
#include "core/delivery/reactions.h"
#include "core/delivery/telling.h"
#include "core/state/record.h"

namespace mailpool::delivery {

using state::Kind;

namespace {

// Without a delivery nothing is raised; after this a level says nothing any more.
constexpr auto level_is_kept_for = std::chrono::hours(6);

std::optional<double> fraction(std::string const& text) {
  double value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void Reactions::keep_adaptive(TimePoint now) const {
  if (!adaptive_.is_lowered()) return context_.store.erase(Kind::Adaptive, path_.key());
  auto const wall_now = context_.clock.wall(now);
  auto const& m = adaptive_.memory();
  context_.store.put(
      Kind::Adaptive, path_.key(),
      state::join({"level", fmt::format("{}", m.level), fmt::format("{}", m.measured_per_second),
                   m.is_raised_since ? "1" : "0",
                   state::wall_text(context_.clock.wall(m.lowered_at)),
                   state::wall_text(context_.clock.wall(m.next_step)), m.why}),
      wall_now + level_is_kept_for);
}

void Reactions::keep_cap(TimePoint now) const {
  auto const most = cap_.most(now);
  if (!most) return;
  tell_cap(context_, path_, *most, now);
  context_.store.put(Kind::LearnedCap, path_.key(), fmt::format("{}", *most),
                     context_.clock.wall(cap_.expires()));
}

void Reactions::recall() {
  auto const now = context_.clock.now();
  auto const wall_now = context_.clock.wall(now);
  auto const moment = [&](std::string const& text) -> TimePoint {
    auto const at = state::wall_time(text);
    if (!at) return now;
    return *at < wall_now ? now - (wall_now - *at) : state::moment_of(*at, wall_now, now);
  };
  for (auto const& record : context_.remembered.take(Kind::Adaptive, path_.key())) {
    auto const fields = state::fields_of(record.value);
    if (fields.size() == 7 && fields[0] == "level") {
      site::Adaptive::Memory memory;
      memory.level = fraction(fields[1]).value_or(1);
      memory.measured_per_second = fraction(fields[2]).value_or(0);
      memory.is_raised_since = fields[3] == "1";
      memory.lowered_at = moment(fields[4]);
      memory.next_step = moment(fields[5]);
      memory.why = printable(fields[6]);
      adaptive_.restore(std::move(memory), now);
    }
  }
  for (auto const& record : context_.remembered.take(Kind::LearnedCap, path_.key()))
    if (auto const most = kept_limit(record.value))
      cap_.restore(*most, state::moment_of(record.expires, wall_now, now), now);
}

}  // namespace mailpool::delivery
