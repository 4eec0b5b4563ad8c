#include "manager/loop.h"

#include <algorithm>
#include <ctime>
#include <new>

namespace mailpool::manager {
namespace {

constexpr Duration longest_turn = std::chrono::minutes(1);
constexpr Duration tick_of_libevent = std::chrono::milliseconds(10);

}  // namespace

TimePoint SystemClock::now() const {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return TimePoint(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

WallTime SystemClock::wall(TimePoint t) const {
  auto const from_now = t - now();
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(from_now);
}

Loop::Loop() : base_(event_base_new()) {
  if (!base_) throw std::bad_alloc();
  end_event_ = make_event(-1, 0, &Loop::on_end_of_turn, this);
}

Loop::~Loop() = default;

void Loop::end_turn_soon() {
  if (end_is_due_) return;
  end_is_due_ = true;
  turn_began_ = now() - since_awake();
  // An event that is activated inside a callback runs in the same turn, after those that are active
  // already.
  event_active(end_event_.get(), EV_TIMEOUT, 0);
}

// libevent keeps the time at which it came back from waiting, by a clock that moves every few
// milliseconds: what is less than that says nothing.
Duration Loop::since_awake() const {
  timeval awake{};
  timeval present{};
  if (event_base_gettimeofday_cached(base_.get(), &awake) != 0 ||
      evutil_gettimeofday(&present, nullptr) != 0)
    return {};
  timeval took{};
  evutil_timersub(&present, &awake, &took);
  Duration const since =
      std::chrono::seconds(took.tv_sec) + std::chrono::microseconds(took.tv_usec);
  bool const is_clock_set = since > longest_turn;
  return since < tick_of_libevent || is_clock_set ? Duration::zero() : since;
}

void Loop::on_end_of_turn(evutil_socket_t, short, void* self) {
  auto& loop = *static_cast<Loop*>(self);
  loop.end_is_due_ = false;
  if (loop.end_of_turn_) loop.end_of_turn_();
}

void Loop::run() {
  event_base_dispatch(base_.get());
}
void Loop::stop() {
  event_base_loopbreak(base_.get());
}

EventPtr Loop::make_event(evutil_socket_t fd, short what, event_callback_fn callback,
                          void* argument) {
  EventPtr made(event_new(base_.get(), fd, what, callback, argument));
  if (!made) throw std::bad_alloc();
  return made;
}

void Loop::arm(event* timer, Duration delay) {
  auto const us = std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(delay).count() + 1, 0);
  timeval const tv{static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
  evtimer_add(timer, &tv);
}

}  // namespace mailpool::manager
