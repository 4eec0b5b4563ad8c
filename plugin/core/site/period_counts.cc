#include "core/site/period_counts.h"

#include <fmt/format.h>

#include <array>

#include "core/base/text.h"
#include "core/state/record.h"

namespace mailpool::site {
namespace {

using Hours = std::chrono::duration<std::int64_t, std::ratio<3600>>;
using Days = std::chrono::duration<std::int64_t, std::ratio<86400>>;
// A number of a period beyond this is no date: nothing may overflow.
constexpr std::uint64_t latest_hour = 2'000'000;  // the year 2198

template <class Span>
std::int64_t number_of(WallTime now) {
  return std::chrono::floor<Span>(now.time_since_epoch()).count();
}

}  // namespace

void OutcomeCounts::add(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::Delivered:
      ++delivered;
      break;
    case OutcomeKind::Deferred:
      ++deferred;
      break;
    case OutcomeKind::Refused:
      ++refused;
      break;
  }
}

void PeriodCounts::Period::add(OutcomeKind kind, std::int64_t now) {
  if (number != now) {
    number = now;
    counts = {};
  }
  counts.add(kind);
}

void PeriodCounts::add(OutcomeKind kind, WallTime now) {
  hour_.add(kind, number_of<Hours>(now));
  day_.add(kind, number_of<Days>(now));
}

OutcomeCounts PeriodCounts::hour(WallTime now) const {
  return hour_.number == number_of<Hours>(now) ? hour_.counts : OutcomeCounts{};
}

OutcomeCounts PeriodCounts::day(WallTime now) const {
  return day_.number == number_of<Days>(now) ? day_.counts : OutcomeCounts{};
}

std::string PeriodCounts::to_value() const {
  auto const& h = hour_.counts;
  auto const& d = day_.counts;
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", hour_.number, h.delivered, h.deferred,
                     h.refused, day_.number, d.delivered, d.deferred, d.refused);
}

std::optional<PeriodCounts> PeriodCounts::from_value(std::string_view value) {
  std::array<std::uint64_t, 8> numbers{};
  auto const fields = split(value, '\t');
  if (fields.size() != numbers.size()) return std::nullopt;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    auto const number = to_number(fields[i]);
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  if (numbers[0] > latest_hour || numbers[4] > latest_hour / 24) return std::nullopt;
  PeriodCounts counts;
  counts.hour_ = {static_cast<std::int64_t>(numbers[0]), {numbers[1], numbers[2], numbers[3]}};
  counts.day_ = {static_cast<std::int64_t>(numbers[4]), {numbers[5], numbers[6], numbers[7]}};
  return counts;
}

WallTime PeriodCounts::expires() const {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(Days(day_.number + 1)));
}

}  // namespace mailpool::site
