// What of a site's reactions survives a restart: the adaptive level, limits that a rule has set, a
// learned cap, and whose mail is held back. The dispatcher hands back the last.

#include <fmt/format.h>

#include <charconv>

#include "core/base/text.h"
#include "core/delivery/reactions.h"
#include "core/site/suspension_record.h"
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

std::optional<std::uint32_t> limit_of(std::string const& text) {
  auto const n = to_number(text);
  if (!n || *n == 0 || *n > 1'000'000) return std::nullopt;
  return static_cast<std::uint32_t>(*n);
}

}  // namespace

void Reactions::keep_adaptive(TimePoint now) const {
  if (!adaptive_.is_lowered()) return context_.store.erase(Kind::Adaptive, site_);
  auto const wall_now = context_.clock.wall(now);
  auto const& m = adaptive_.memory();
  context_.store.put(
      Kind::Adaptive, site_,
      state::join({"level", fmt::format("{}", m.level), fmt::format("{}", m.measured_per_second),
                   m.is_raised_since ? "1" : "0",
                   state::wall_text(context_.clock.wall(m.lowered_at)),
                   state::wall_text(context_.clock.wall(m.next_step)), m.why}),
      wall_now + level_is_kept_for);
}

void Reactions::keep_override(Override const& override, TimePoint) const {
  auto const& limits = override.limits;
  auto number = [](std::optional<std::uint32_t> n) { return n ? fmt::format("{}", *n) : ""; };
  auto const until = context_.clock.wall(override.why.until);
  context_.store.put(Kind::Adaptive, site_ + " " + override.rule,
                     state::join({"set", limits.rate.to_string(), number(limits.max_connections),
                                  number(limits.max_messages), override.why.reason, override.rule,
                                  state::wall_text(until)}),
                     until);
}

void Reactions::keep_cap(TimePoint now) const {
  auto const most = cap_.most(now);
  if (!most) return;
  context_.store.put(Kind::LearnedCap, site_, fmt::format("{}", *most),
                     context_.clock.wall(cap_.expires()));
}

void Reactions::keep_hold(std::string const& scope, site::Suspension& why, TimePoint now) {
  site::keep(why, site::suspension_key("site", site_, scope), context_.store,
             context_.clock.wall(now), now);
}

void Reactions::keep_holds(TimePoint now) {
  for (auto& [scope, why] : holds_)
    if (why.until > now) keep_hold(scope, why, now);
}

void Reactions::recall() {
  auto const now = context_.clock.now();
  auto const wall_now = context_.clock.wall(now);
  auto const moment = [&](std::string const& text) -> TimePoint {
    auto const at = state::wall_time(text);
    if (!at) return now;
    return *at < wall_now ? now - (wall_now - *at) : state::moment_of(*at, wall_now, now);
  };
  for (auto const& record : context_.remembered.take(Kind::Adaptive, site_)) {
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
    } else if (fields.size() == 7 && fields[0] == "set") {
      auto const rate = Rate::parse(fields[1]);
      Override override;
      if (rate) override.limits.rate = *rate;
      override.limits.max_connections = limit_of(fields[2]);
      override.limits.max_messages = limit_of(fields[3]);
      override.why.reason = printable(fields[4]);
      override.rule = printable(fields[5]);
      override.why.by = "rule " + override.rule;
      override.why.until = moment(fields[6]);
      if (!override.limits.is_empty() && override.why.until > now)
        overrides_.push_back(std::move(override));
    }
  }
  for (auto const& record : context_.remembered.take(Kind::LearnedCap, site_))
    if (auto const most = limit_of(record.value))
      cap_.restore(*most, state::moment_of(record.expires, wall_now, now), now);
}

}  // namespace mailpool::delivery
