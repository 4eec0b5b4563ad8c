// What the control socket says of the MTA's queue.

#include <algorithm>

#include "manager/control_desk.h"
#include "manager/snapshots.h"

namespace mailpool::manager {
namespace {

std::uint64_t of(parking::LaneCounts const& counts, parking::Why why) {
  return counts.by_why[static_cast<std::size_t>(why)];
}

control::ParkedRow row_of(std::string const& site, parking::LaneCounts const& counts) {
  using parking::Why;
  control::ParkedRow row;
  row.site = site;
  row.waiting = counts.waiting;
  row.coming = counts.coming;
  row.limit = of(counts, Why::Limit);
  row.suspended = of(counts, Why::Suspended);
  row.backing_off = of(counts, Why::BackingOff);
  row.draining = of(counts, Why::Draining);
  row.route = of(counts, Why::Route);
  return row;
}

}  // namespace

control::ParkingStatus status_of(parking::Parking const& parking) {
  using parking::Why;
  auto const& entries = parking.entries;
  auto const waiting_for = [&](Why why) { return entries.by_why()[static_cast<std::size_t>(why)]; };
  control::ParkingStatus s;
  s.slots = parking.slots;
  s.slots_waiting = parking.waiting;
  s.limit = waiting_for(Why::Limit);
  s.suspended = waiting_for(Why::Suspended);
  s.backing_off = waiting_for(Why::BackingOff);
  s.draining = waiting_for(Why::Draining);
  s.route = waiting_for(Why::Route);
  s.max_parked = entries.most();
  s.turned_away = entries.turned_away;
  s.woken = entries.called;
  s.came = entries.arrived;
  s.unheard = entries.unheard;
  s.given_up = entries.given_up;
  s.wake_latency = parking.latency.value();
  return s;
}

control::QueueStatus ControlDesk::queue(std::size_t most) {
  auto const now = clock_.now();
  auto const& parking = dispatcher_.context().parking;
  auto const& entries = parking.entries;
  control::QueueStatus status;
  status.queues = sources_.waking();
  status.slots = parking.slots;
  status.slots_waiting = parking.waiting;
  status.parked = entries.size();
  status.max_parked = entries.most();
  status.turned_away = entries.turned_away;
  status.woken = entries.called;
  status.unheard = entries.unheard;
  entries.visit_lanes([&](std::string const& lane, parking::LaneCounts const& counts) {
    if (counts.waiting + counts.coming == 0) return;
    auto row = row_of(lane, counts);
    if (counts.oldest != never) row.oldest = clock_.wall(counts.oldest);
    if (auto const* site = dispatcher_.find_site(lane))
      if (auto const at = site->empty_at(counts.waiting + counts.coming, now); at != never)
        row.empty_in = at - now;
    status.sites.push_back(std::move(row));
  });
  std::stable_sort(status.sites.begin(), status.sites.end(),
                   [](auto const& a, auto const& b) { return a.waiting > b.waiting; });
  if (status.sites.size() > most) status.sites.resize(most);
  return status;
}

control::QueueStatus ControlDesk::queued(std::uint64_t from, std::size_t most) {
  control::QueueStatus status;
  status.next = dispatcher_.context().parking.entries.visit_from(
      from, [&](parking::Register::Shown const& one) {
        if (status.messages.size() >= most) return false;
        status.messages.push_back({std::string(one.queue_id), std::string(one.lane),
                                   std::string(one.tenant), std::string(one.campaign),
                                   std::string(name_of(one.why)), clock_.wall(one.since)});
        return true;
      });
  return status;
}

}  // namespace mailpool::manager
