#pragma once
// The event loop: libevent, the clock, and the end of each turn.
//
// Handlers of events only note what happened. At the end of the turn delivery decides, what was
// written goes out in few system calls, and only then what has ended is destroyed: nothing dies
// inside its own callback.

#include <event2/event.h>

#include <functional>
#include <memory>

#include "core/delivery/network.h"

namespace mailpool::manager {

struct EventDeleter {
  void operator()(event* e) const { event_free(e); }
  void operator()(event_base* b) const { event_base_free(b); }
};
using EventPtr = std::unique_ptr<event, EventDeleter>;

/// The machine's clocks.
class SystemClock final : public delivery::Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
  [[nodiscard]] WallTime wall(TimePoint t) const override;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(Loop const&) = delete;
  Loop& operator=(Loop const&) = delete;

  [[nodiscard]] event_base* base() { return base_.get(); }
  [[nodiscard]] TimePoint now() const { return clock_.now(); }
  [[nodiscard]] SystemClock const& clock() const { return clock_; }

  /// What is done at the end of each turn in which end_turn_soon() was called.
  void at_end_of_turn(std::function<void()> work) { end_of_turn_ = std::move(work); }
  void end_turn_soon();
  /// When the turn that is under way began: what its handlers took is part of it, from 10 ms on.
  [[nodiscard]] TimePoint turn_began() const { return turn_began_; }
  void run();
  void stop();

  [[nodiscard]] EventPtr make_event(evutil_socket_t fd, short what, event_callback_fn callback,
                                    void* argument);
  /// A timer that fires once after `delay` each time it is added.
  static void arm(event* timer, Duration delay);

 private:
  [[nodiscard]] Duration since_awake() const;
  static void on_end_of_turn(evutil_socket_t, short, void* self);
  SystemClock clock_;
  std::unique_ptr<event_base, EventDeleter> base_;
  EventPtr end_event_;
  std::function<void()> end_of_turn_;
  bool end_is_due_ = false;
  TimePoint turn_began_{};
};

}  // namespace mailpool::manager
