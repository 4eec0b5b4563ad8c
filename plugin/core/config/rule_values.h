#pragma once
// The kinds of value that [[rule]] has alone.

#include <optional>
#include <string>

#include "core/config/rule_settings.h"
#include "core/config/value.h"

namespace mailpool::value {

[[nodiscard]] Parsed<std::string> rule_site();
[[nodiscard]] Parsed<std::string> rule_domain();
[[nodiscard]] Parsed<std::string> rule_pattern();
[[nodiscard]] Parsed<std::string> rule_reason();
[[nodiscard]] Parsed<Threshold> threshold();

/// { rate = "10/min", max_connections = 1, max_messages = 2 }
struct Limits {
  using Value = RuleLimits;
  [[nodiscard]] std::string words() const;
  [[nodiscard]] std::string show(RuleLimits const& limits) const;
  [[nodiscard]] std::optional<RuleLimits> read(Node const& node, Wrongs& wrongs) const;
};

}  // namespace mailpool::value
