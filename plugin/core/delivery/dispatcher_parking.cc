// Messages that wait in the MTA's queue for a site that is not known: DNS gave no answer, or they
// waited there before this manager began. One of each domain shows where the others belong.

#include <algorithm>

#include "core/delivery/look_up.h"
#include "core/message/address.h"

namespace mailpool::delivery {
namespace {

constexpr Duration look_every = std::chrono::seconds(1);
constexpr Duration look_up_every = std::chrono::seconds(2);
constexpr Duration comes_within = std::chrono::seconds(5);
// A turn looks at so many domains; what is left has its turn a little later.
constexpr int most_at_once = 500;
constexpr Duration go_on_after = std::chrono::milliseconds(20);

}  // namespace

Dispatcher::LookUp::LookUp(Dispatcher& dispatcher, std::string lane, TimePoint now)
    : dispatcher_(dispatcher), lane_(std::move(lane)) {
  question_ = dispatcher_.router_.find(lane_.substr(1), *this, now);
}

void Dispatcher::LookUp::on_no_route(Outcome outcome) {
  is_over_ = true;
  if (outcome.kind != OutcomeKind::Deferred) answered();
}

void Dispatcher::LookUp::answered() {
  is_over_ = true;
  auto const now = dispatcher_.context_.clock.now();
  dispatcher_.context_.parking.entries.end_rests(lane_, now);
  dispatcher_.next_domain_wakes_ = now;
}

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
  bool const may_wake =
      !context_.is_draining && all_suspended(now) == nullptr && parking.can_wake_any();
  int left = most_at_once;
  bool const saw_all = parking.entries.visit_lanes_of_domains(last_woken_, [&](auto const& lane) {
    if (left-- == 0) return false;
    last_woken_ = lane;
    next_domain_wakes_ = after(now, look_every);
    // One that did not come (it was removed, or is held) says nothing of the others.
    auto const asked = parking.entries.coming(lane) + parking.entries.resting(lane) -
                       parking.entries.called_in_vain(lane);
    if (!may_wake || asked != 0) return true;
    std::size_t looks = most_at_once;
    auto call = parking.entries.call(
        lane, [now](parking::LineName const&, std::size_t) { return now; }, comes_within, looks,
        now);
    if (call) parking.calls.push_back(std::move(*call));
    return true;
  });
  if (!saw_all) next_domain_wakes_ = after(now, go_on_after);
  if (may_wake) look_up_one(now);
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

void Dispatcher::try_parked(TimePoint now) {
  next_domain_wakes_ = now;
  for (auto& [name, site] : sites_)
    if (!context_.parking.entries.is_empty(name)) site->try_parked(now);
}

// One domain after the other is looked up without any of its messages, so that those come soon
// after DNS answers again.
void Dispatcher::look_up_one(TimePoint now) {
  auto const& entries = context_.parking.entries;
  if (now < next_look_up_ || (look_up_ && !look_up_->is_over())) return;
  int left = most_at_once;
  std::string found;
  entries.visit_lanes_of_domains(last_looked_up_, [&](std::string const& lane) {
    if (left-- == 0) return false;
    last_looked_up_ = lane;
    if (entries.coming(lane) == 0 && entries.resting(lane) != entries.called_in_vain(lane))
      found = lane;
    return found.empty();
  });
  if (found.empty()) return;
  next_look_up_ = after(now, look_up_every);
  look_up_ = std::make_unique<LookUp>(*this, found, now);
}

}  // namespace mailpool::delivery
