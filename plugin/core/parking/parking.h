#pragma once
// What the parts of delivery share of parking: the register, the slots, how fast a woken message
// comes, and the messages that are to be woken at the end of this turn.

#include <cstdint>
#include <vector>

#include "core/parking/pace.h"
#include "core/parking/register.h"

namespace mailpool::parking {

class Parking {
 public:
  Register entries;
  WakeLatency latency;

  /// Deliveries of the MTA that wait for our answer: at most so many of its slots are for waiting.
  std::size_t slots = 0;  ///< 0: nobody counts them
  std::size_t waiting = 0;

  /// Whether this queue's messages can be woken now. Kept by who wakes.
  void set_wakeable(std::uint8_t queue, bool can) {
    if (queue >= wakeable_.size()) wakeable_.resize(queue + 1U);
    wakeable_[queue] = can;
  }
  [[nodiscard]] bool can_wake(std::uint8_t queue) const {
    if (queue == any_queue) return can_wake_any();
    return queue < wakeable_.size() && wakeable_[queue];
  }
  [[nodiscard]] bool can_wake_any() const {
    for (bool const can : wakeable_)
      if (can) return true;
    return false;
  }

  /// A site that has `own` waiting may let one more wait. The more sites wait, the less each may
  /// take of the half that is for waiting (a dynamic threshold); who has nothing waiting finds a
  /// place in the other half.
  [[nodiscard]] bool may_wait(std::size_t own) const {
    if (slots == 0) return true;
    auto const share = slots / 2;
    if (own == 0) return waiting < slots - slots / 8;
    return waiting < share && own < share - waiting;
  }

  std::vector<Call> calls;  ///< to be woken

 private:
  std::vector<bool> wakeable_;
};

}  // namespace mailpool::parking
