#pragma once
// The one table of figures for Prometheus: the page and mailpool-metrics(7) are written from it.
// Names and labels are a contract.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mailpool::control {

enum class MetricType : std::uint8_t { Counter, Gauge, Histogram };
[[nodiscard]] std::string_view name_of(MetricType type);

struct MetricFamily {
  /// Behind "mailpool_", but for "process_...", which all programs have; a counter's ends in
  /// "_total".
  std::string_view name;
  MetricType type = MetricType::Gauge;
  std::string_view labels;  ///< "site, outcome"; "" for none
  std::string_view help;    ///< a sentence, without backslash and line end
};

[[nodiscard]] std::span<MetricFamily const> metric_families();
/// With what stands before it.
[[nodiscard]] std::string full_name(MetricFamily const& family);
/// It must be there.
[[nodiscard]] MetricFamily const& metric_family(std::string_view name);

/// The list of mailpool-metrics(7).
[[nodiscard]] std::string metrics_as_mdoc();

}  // namespace mailpool::control
