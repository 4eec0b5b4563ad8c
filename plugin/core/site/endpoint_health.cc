#include "core/site/endpoint_health.h"

#include <algorithm>

namespace mailpool::site {
namespace {

constexpr std::size_t most_records = 256;

bool is_over(EndpointHealth::Record const& r, TimePoint now) {
  // A failure is remembered for a while after its back-off, so that a host that fails again is not
  // given the shortest one.
  bool const failed_lately = r.failures != 0 && now < after(r.not_before, longest_back_off);
  return !failed_lately && r.left_alone_until <= now && r.no_chunking_until <= now;
}

}  // namespace

std::string EndpointName::to_string() const {
  return host + "[" + address.to_string() + "]:" + std::to_string(port);
}

EndpointHealth::Record& EndpointHealth::record(EndpointName const& endpoint, TimePoint now) {
  if (records_.size() >= most_records) forget_old(now);
  if (records_.size() >= most_records) records_.erase(records_.begin());
  return records_[endpoint];
}

void EndpointHealth::failed(EndpointName const& endpoint, Outcome failure, TimePoint now) {
  auto& r = record(endpoint, now);
  // Several connections that were under way together fail together: one step of back-off, not one
  // each.
  if (r.not_before <= now || r.failures == 0) ++r.failures;
  r.failed_at = now;
  auto const doublings = std::min<std::uint32_t>(r.failures - 1, 16);
  r.not_before =
      std::max(after(now, std::min<Duration>(first_back_off * (1U << doublings), longest_back_off)),
               r.left_alone_until);
  r.last_failure = std::move(failure);
}

void EndpointHealth::leave_alone(EndpointName const& endpoint, Outcome failure, TimePoint until,
                                 TimePoint now) {
  auto& r = record(endpoint, now);
  r.failures = std::max<std::uint32_t>(r.failures, 1);
  r.not_before = r.left_alone_until = std::max(r.not_before, until);
  r.last_failure = std::move(failure);
}

void EndpointHealth::succeeded(EndpointName const& endpoint) {
  auto const it = records_.find(endpoint);
  if (it == records_.end()) return;
  auto& r = it->second;
  r.failures = 0;
  r.not_before = r.left_alone_until;
  if (r.left_alone_until == TimePoint{}) r.last_failure.reset();
}

void EndpointHealth::chunking_failed(EndpointName const& endpoint, TimePoint now) {
  record(endpoint, now).no_chunking_until = after(now, no_chunking_for);
}

bool EndpointHealth::is_backing_off(EndpointName const& endpoint, TimePoint now) const {
  auto const* r = find(endpoint);
  return r != nullptr && r->not_before > now;
}

bool EndpointHealth::is_on_probation(EndpointName const& endpoint) const {
  auto const* r = find(endpoint);
  return r != nullptr && r->failures != 0;
}

bool EndpointHealth::has_failed_since(EndpointName const& endpoint, TimePoint moment) const {
  auto const* r = find(endpoint);
  return r != nullptr && r->failures != 0 && r->failed_at >= moment;
}

bool EndpointHealth::is_left_alone(EndpointName const& endpoint, TimePoint now) const {
  auto const* r = find(endpoint);
  return r != nullptr && r->left_alone_until > now;
}

EndpointHealth::Record const* EndpointHealth::find(EndpointName const& endpoint) const {
  auto const it = records_.find(endpoint);
  return it == records_.end() ? nullptr : &it->second;
}

void EndpointHealth::forget_old(TimePoint now) {
  std::erase_if(records_, [&](auto const& entry) { return is_over(entry.second, now); });
}

}  // namespace mailpool::site
