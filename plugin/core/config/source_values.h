#pragma once
// The kinds of value that [source.NAME] and [pool.NAME] have alone: local addresses, weights, a
// warm-up plan.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/level_settings.h"
#include "core/config/value.h"

namespace mailpool::value {

/// A name of a source, pool or tenant: small letters, digits and hyphens, at most 63.
[[nodiscard]] bool is_plain_name(std::string_view name);
inline constexpr std::string_view plain_name_words =
    "small letters, digits and hyphens, at most 63";

/// A day as TOML and ISO 8601 write it: "2026-12-01".
[[nodiscard]] Result<std::chrono::sys_days> parse_day(std::string_view text);
[[nodiscard]] std::string day_text(std::chrono::sys_days day);

/// One address, or a list of them: at most one of each family.
struct Addresses {
  using Value = std::vector<IpAddress>;
  [[nodiscard]] std::string words() const;
  [[nodiscard]] std::string show(Value const& addresses) const;
  [[nodiscard]] std::optional<Value> read(Node const& node, Wrongs& wrongs) const;
};

/// { NAME = WEIGHT, ... }
struct Weights {
  using Value = std::vector<WeightedSource>;
  [[nodiscard]] std::string words() const;
  [[nodiscard]] std::string show(Value const& weights) const;
  [[nodiscard]] std::optional<Value> read(Node const& node, Wrongs& wrongs) const;
};

/// { start = "2026-12-01", plan = [50, 100, 500] }
struct WarmUpPlan {
  using Value = WarmUp;
  [[nodiscard]] std::string words() const;
  [[nodiscard]] std::string show(WarmUp const& plan) const;
  [[nodiscard]] std::optional<WarmUp> read(Node const& node, Wrongs& wrongs) const;
};

}  // namespace mailpool::value
