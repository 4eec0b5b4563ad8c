#include "core/config/rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/text.h"

namespace mailpool {
namespace {

struct Period {
  std::string_view name;
  std::chrono::seconds length;
};
constexpr std::array<Period, 4> periods{{{"s", std::chrono::seconds(1)},
                                         {"min", std::chrono::minutes(1)},
                                         {"h", std::chrono::hours(1)},
                                         {"d", std::chrono::hours(24)}}};

// Enough for anything that is a limit, and small enough that no arithmetic on it overflows.
constexpr std::uint64_t most = 1'000'000'000;

std::optional<std::uint64_t> counting_number(std::string_view digits) {
  auto const number = to_number(digits);
  return number && *number >= 1 && *number <= most ? number : std::nullopt;
}

// rate = count "/" period [ "," *blank "burst" 1*blank count ]
std::optional<Rate> parsed(std::string_view text) {
  Rate rate;
  auto const comma = text.find(',');
  auto const slash = text.substr(0, comma).find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto const count = counting_number(text.substr(0, slash));
  auto const name = text.substr(0, comma).substr(slash + 1);
  auto const period =
      std::find_if(periods.begin(), periods.end(), [&](Period const& p) { return p.name == name; });
  if (!count || period == periods.end()) return std::nullopt;
  rate.count = *count;
  rate.per = period->length;
  if (comma == std::string_view::npos) return rate;

  static constexpr std::string_view word = "burst ";
  auto const behind = trimmed(text.substr(comma + 1));
  if (behind.substr(0, word.size()) != word) return std::nullopt;
  auto const burst = counting_number(trimmed(behind.substr(word.size())));
  if (!burst) return std::nullopt;
  rate.burst = *burst;
  return rate;
}

}  // namespace

std::string Rate::to_string() const {
  if (!is_limited()) return {};
  auto const period = std::find_if(periods.begin(), periods.end(),
                                   [&](Period const& p) { return p.length == per; });
  auto const unit = period != periods.end() ? std::string(period->name) : mailpool::to_text(per);
  auto const text = fmt::format("{}/{}", count, unit);
  if (burst == 0) return text;
  return fmt::format("{}, burst {}", text, burst);
}

Result<Rate> Rate::parse(std::string_view text) {
  if (text.empty()) return Rate{};
  if (auto const rate = parsed(text)) return *rate;
  return failed(fmt::format("\"{}\" is not a rate", printable(text, 64)));
}

}  // namespace mailpool
