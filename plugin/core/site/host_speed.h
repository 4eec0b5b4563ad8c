#pragma once
// How long transactions lately took at each host, so that a slow one does not gather connections
// only because it holds them longer.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/site/endpoint_health.h"

namespace mailpool::site {

class HostSpeed {
 public:
  static constexpr std::size_t most_records = 256;
  /// What is older says nothing any more: the host is given its chance again.
  static constexpr Duration remembered_for = std::chrono::minutes(10);

  /// A transaction took so long.
  void took(EndpointName const& endpoint, Duration time, TimePoint now);
  /// The average, new ones weighing a quarter; nothing without recent ones.
  [[nodiscard]] std::optional<Duration> average(EndpointName const& endpoint, TimePoint now) const;
  /// One weight for each, in inverse proportion to its time; an unknown one weighs as much as the
  /// fastest. Never 0, and at most 10,000.
  [[nodiscard]] std::vector<std::uint32_t> weights(std::vector<EndpointName> const& endpoints,
                                                   TimePoint now) const;

 private:
  struct Record {
    Duration average{};
    TimePoint last{};
  };
  std::map<EndpointName, Record> records_;
};

/// The place in `weights` that `number`, less than their sum, falls on.
[[nodiscard]] std::size_t chosen(std::vector<std::uint32_t> const& weights, std::uint32_t number);

}  // namespace mailpool::site
