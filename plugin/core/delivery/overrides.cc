#include "core/delivery/overrides.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/state/record.h"

namespace mailpool::delivery {

using state::Kind;

namespace {

double per_second(Rate const& rate) {
  return static_cast<double>(rate.count) / seconds(rate.per);
}

std::string text_of(std::optional<std::uint32_t> n) {
  return n ? fmt::format("{}", *n) : std::string();
}

}  // namespace

std::optional<std::uint32_t> kept_limit(std::string const& text) {
  auto const n = to_number(text);
  if (!n || *n == 0 || *n > 1'000'000) return std::nullopt;
  return static_cast<std::uint32_t>(*n);
}

bool is_slower(Rate const& a, Rate const& than) {
  if (!a.is_limited()) return false;
  return !than.is_limited() || per_second(a) < per_second(than);
}

Overrides::Overrides(PathName const& of, Context& context) : of_(of), context_(context) {
  recall();
}

void Overrides::set(Override override) {
  std::erase_if(all_, [&](Override const& o) { return o.rule == override.rule; });
  if (all_.size() >= most) all_.erase(all_.begin());
  keep(all_.emplace_back(std::move(override)));
}

bool Overrides::expire(TimePoint now) {
  return std::erase_if(all_, [&](Override const& o) { return o.why.until <= now; }) != 0;
}

TimePoint Overrides::deadline() const {
  auto next = never;
  for (auto const& override : all_) next = std::min(next, override.why.until);
  return next;
}

void Overrides::clear() {
  for (auto const& override : all_)
    context_.store.erase(Kind::Adaptive, of_.key() + " " + override.rule);
  all_.clear();
}

Rate Overrides::tightened(Rate rate) const {
  for (auto const& override : all_)
    if (is_slower(override.limits.rate, rate)) rate = override.limits.rate;
  return rate;
}

std::optional<std::uint32_t> Overrides::tightened_connections(
    std::optional<std::uint32_t> allowed) const {
  for (auto const& override : all_)
    if (auto const& set = override.limits.max_connections)
      allowed = allowed ? std::min(*allowed, *set) : *set;
  return allowed;
}

std::uint32_t Overrides::tightened_messages(std::uint32_t allowed) const {
  for (auto const& override : all_)
    allowed = std::min(allowed, override.limits.max_messages.value_or(allowed));
  return allowed;
}

std::string Overrides::words() const {
  std::string words;
  for (auto const& override : all_)
    words +=
        fmt::format("{}{}: {}", words.empty() ? "" : "; ", override.why.by, override.why.reason);
  return words;
}

void Overrides::keep(Override const& override) const {
  auto const& limits = override.limits;
  auto const until = context_.clock.wall(override.why.until);
  context_.store.put(Kind::Adaptive, of_.key() + " " + override.rule,
                     state::join({"set", limits.rate.to_string(), text_of(limits.max_connections),
                                  text_of(limits.max_messages), override.why.reason, override.rule,
                                  state::wall_text(until)}),
                     until);
}

void Overrides::recall() {
  auto const now = context_.clock.now();
  auto const wall_now = context_.clock.wall(now);
  for (auto const& record : context_.remembered.take_overrides(of_.key())) {
    auto const fields = state::fields_of(record.value);
    if (fields.size() != 7) continue;
    Override override;
    if (auto const rate = Rate::parse(fields[1])) override.limits.rate = *rate;
    override.limits.max_connections = kept_limit(fields[2]);
    override.limits.max_messages = kept_limit(fields[3]);
    override.why.reason = printable(fields[4]);
    override.rule = printable(fields[5]);
    override.why.by = "rule " + override.rule;
    auto const until = state::wall_time(fields[6]);
    if (!until || *until <= wall_now || override.limits.is_empty()) continue;
    override.why.until = state::moment_of(*until, wall_now, now);
    all_.push_back(std::move(override));
  }
}

}  // namespace mailpool::delivery
