#include "bench/load/report.h"

#include <sys/resource.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mailpool::load {

namespace {

using nlohmann::ordered_json;

ordered_json percentiles(std::vector<Duration> times) {
  if (times.empty()) return nullptr;
  std::sort(times.begin(), times.end());
  auto const at = [&](double share) {
    auto const index = static_cast<std::size_t>(share * static_cast<double>(times.size()));
    return std::chrono::duration<double, std::milli>(times[std::min(index, times.size() - 1)])
        .count();
  };
  return {{"p50", at(0.5)}, {"p95", at(0.95)}, {"p99", at(0.99)}, {"max", at(1)}};
}

template <class Samples, class Field>
std::vector<Duration> column(Samples const& samples, Field field) {
  std::vector<Duration> times;
  times.reserve(samples.size());
  for (auto const& sample : samples) times.push_back(sample.*field);
  return times;
}

double own_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto const in_seconds = [](timeval const& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
}

}  // namespace

void Report::finished(Sample const& sample, std::uint64_t delivered, std::uint64_t not_delivered) {
  samples_.push_back(sample);
  delivered_ += delivered;
  not_delivered_ += not_delivered;
  if (not_delivered == 0) ++complete_;
}

std::string Report::to_json(Plan const& plan, Duration elapsed) const {
  ordered_json json;
  json["messages"] = samples_.size();
  json["complete"] = complete_;
  json["delivered"] = delivered_;
  json["not_delivered"] = not_delivered_;
  json["lost"] = lost_;
  json["seconds"] = seconds(elapsed);
  auto const count = static_cast<double>(complete_);
  json["messages_per_second"] = elapsed > Duration::zero() ? count / seconds(elapsed) : 0;
  json["cpu_seconds"] = own_cpu_seconds();
  json["connections"] = connections_;
  auto& failures = json["connection_failures"] = ordered_json::object();
  for (auto const& [why, times] : failures_) failures[why] = times;
  json["latency_ms"] = percentiles(column(samples_, &Sample::latency));
  json["delay_ms"] = percentiles(column(samples_, &Sample::delay));
  auto& replies = json["replies"] = ordered_json::object();
  for (auto const& [phase, codes] : replies_)
    for (auto const& [code, times] : codes) replies[phase][std::to_string(code)] = times;
  if (!plan.per_domain) return json.dump();
  std::map<std::uint64_t, std::vector<Sample>> domains;
  for (auto const& sample : samples_) domains[sample.domain].push_back(sample);
  for (auto const& [domain, samples] : domains) {
    auto const address = address_of(plan, 0, domain);
    auto& entry = json["domains"][address.substr(address.rfind('@') + 1)];
    entry["messages"] = samples.size();
    entry["latency_ms"] = percentiles(column(samples, &Sample::latency));
    entry["delay_ms"] = percentiles(column(samples, &Sample::delay));
  }
  return json.dump();
}

}  // namespace mailpool::load
