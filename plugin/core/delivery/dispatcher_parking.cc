// Messages that wait in the MTA's queue for a site that is not known: DNS gave no answer, or they
// waited there before this manager began. One of each domain shows where the others belong.

#include <algorithm>

#include "core/delivery/dispatcher.h"
#include "core/message/address.h"

namespace mailpool::delivery {
namespace {

constexpr Duration look_every = std::chrono::seconds(1);
constexpr Duration comes_within = std::chrono::seconds(5);
constexpr int most_at_once = 500;

}  // namespace

void Dispatcher::find_parked(Delivery const& delivery, std::string const& domain, Site& site,
                             TimePoint now) {
  auto& entries = context_.parking.entries;
  auto const lane = parking::lane_of_domain(domain);
  if (entries.is_empty(lane)) return;
  auto const& id = delivery.message().envelope.queue_id;
  if (auto const arrival = entries.arrive(id, lane, now); arrival && arrival->took)
    context_.parking.latency.note(*arrival->took);
  entries.move(lane, site.name());
  site.look_again(now);
}

void Dispatcher::wake_domains(TimePoint now) {
  auto& parking = context_.parking;
  next_domain_wakes_ = never;
  bool const may_wake = !context_.is_draining && parking.can_wake_any();
  int left = most_at_once;
  parking.entries.visit_lanes_of_domains([&](std::string const& lane) {
    next_domain_wakes_ = after(now, look_every);
    if (!may_wake || parking.entries.coming(lane) + parking.entries.resting(lane) != 0) return true;
    auto call = parking.entries.call(
        lane, [](parking::LineName const&, std::size_t) { return true; }, comes_within, now);
    if (call) parking.calls.push_back(std::move(*call));
    return --left > 0;
  });
}

bool Dispatcher::relearn(std::string_view queue_id, std::uint8_t queue,
                         std::string const& recipient, parking::Why why, Duration age,
                         TimePoint now) {
  auto const domain = domain_of(recipient).value_or("");
  if (domain.empty()) return false;
  auto& entries = context_.parking.entries;
  auto* const known = known_.site_of(domain);
  auto const lane = known == nullptr ? parking::lane_of_domain(domain) : known->name();
  if (entries.knows(queue_id, lane)) return true;
  auto const since = now - std::min(age, now.time_since_epoch());
  bool const is_kept = entries.park({queue_id, queue, lane, {}, usual_priority, why, since}, now);
  next_domain_wakes_ = std::min(next_domain_wakes_, after(now, look_every));
  if (known != nullptr) known->look_again(now);
  return is_kept;
}

void Dispatcher::waking_changed(TimePoint now) {
  next_domain_wakes_ = now;
  for (auto& [name, site] : sites_)
    if (!context_.parking.entries.is_empty(name)) site->look_again(now);
}

}  // namespace mailpool::delivery
