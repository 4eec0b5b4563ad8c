#include "core/imap/demand.h"

#include <algorithm>
#include <utility>

#include "core/pool/growth.h"

namespace mailpool::imap {
namespace {

// A sixteenth of the time is what a queue may cost that is not worth a connection.
constexpr int forgiven = 16;

}  // namespace

void Shortage::count(TimePoint now) {
  auto const passed = now - std::exchange(counted_at_, now);
  waited_ += waiting_ != 0 ? passed : -std::min(waited_, Duration(passed / forgiven));
}

std::size_t connections_to_begin(Demand const& demand) {
  // What is being reset or checked is not one more: those who wait have waited for it all the time.
  if (demand.is_lasting)
    return pool::connections_to_begin(
        {demand.waiting, demand.connecting, demand.open, demand.most, true});
  auto waiting = demand.waiting;
  auto const returning = demand.busy + demand.checking;
  bool const is_known = demand.loan > Duration::zero() && demand.login > Duration::zero();
  if (is_known && returning > 0 && demand.longest_wait < demand.login) {
    // What the others will have served by the time that a new one is ready.
    auto const rounds = static_cast<std::size_t>(demand.login / demand.loan);
    auto const served = std::min(waiting, rounds * returning);
    waiting -= served;
  }
  return pool::connections_to_begin(
      {waiting, demand.connecting + demand.checking, demand.open, demand.most, false});
}

}  // namespace mailpool::imap
