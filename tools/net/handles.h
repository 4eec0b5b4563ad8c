#pragma once
// Owners of what the kernel and libevent lend us.

#include <event2/event.h>
#include <sys/types.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "core/base/time.h"

namespace mailpool::net {

/// A file descriptor that is closed when its owner goes away.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(Fd const&) = delete;
  Fd& operator=(Fd const&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

struct EventDeleter {
  void operator()(event* e) const { event_free(e); }
  void operator()(event_base* b) const { event_base_free(b); }
  void operator()(event_config* c) const { event_config_free(c); }
};
using Event = std::unique_ptr<event, EventDeleter>;
using EventBase = std::unique_ptr<event_base, EventDeleter>;

/// With timers exact to some microseconds; epoll_wait's own are a millisecond late.
[[nodiscard]] inline EventBase make_event_base() {
  std::unique_ptr<event_config, EventDeleter> const config(event_config_new());
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_PRECISE_TIMER);
  return EventBase(event_base_new_with_config(config.get()));
}

[[nodiscard]] inline TimePoint monotonic_now() {
  return TimePoint(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

/// For event_add: never negative, and rounded up, so that a timer is never early.
[[nodiscard]] inline timeval to_timeval(Duration d) {
  auto const us = d.count() <= 0 ? 0 : (d.count() + 999) / 1000;
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

}  // namespace mailpool::net
