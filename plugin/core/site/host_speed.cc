#include "core/site/host_speed.h"

#include <algorithm>

namespace mailpool::site {

void HostSpeed::took(EndpointName const& endpoint, Duration time, TimePoint now) {
  if (records_.size() >= most_records && !records_.contains(endpoint)) {
    std::erase_if(records_,
                  [&](auto const& r) { return now >= after(r.second.last, remembered_for); });
    if (records_.size() >= most_records) return;
  }
  auto const [record, is_new] = records_.try_emplace(endpoint);
  bool const is_first = is_new || now >= after(record->second.last, remembered_for);
  auto& average = record->second.average;
  average = is_first ? time : average + (time - average) / 4;
  record->second.last = now;
}

std::optional<Duration> HostSpeed::average(EndpointName const& endpoint, TimePoint now) const {
  auto const it = records_.find(endpoint);
  if (it == records_.end() || now >= after(it->second.last, remembered_for)) return std::nullopt;
  return it->second.average;
}

std::vector<std::uint32_t> HostSpeed::weights(std::vector<EndpointName> const& endpoints,
                                              TimePoint now) const {
  static constexpr Duration shortest = std::chrono::milliseconds(1);
  static constexpr std::uint32_t most = 10'000;
  std::vector<std::optional<Duration>> times;
  auto fastest = Duration::max();
  for (auto const& endpoint : endpoints) {
    auto const time = average(endpoint, now);
    times.push_back(time ? std::optional(std::max(*time, shortest)) : std::nullopt);
    if (times.back()) fastest = std::min(fastest, *times.back());
  }
  std::vector<std::uint32_t> weights;
  for (auto const& time : times) {
    auto const part = time ? seconds(fastest) / seconds(*time) : 1.0;
    weights.push_back(std::max<std::uint32_t>(1, static_cast<std::uint32_t>(part * most)));
  }
  return weights;
}

std::size_t chosen(std::vector<std::uint32_t> const& weights, std::uint32_t number) {
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (number < weights[i]) return i;
    number -= weights[i];
  }
  return weights.size() - 1;
}

}  // namespace mailpool::site
