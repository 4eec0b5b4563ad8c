#pragma once
// One socket's events on the loop, and the descriptor that they belong to: reading, writing, and a
// timer that follows a deadline.

#include "core/base/time.h"
#include "manager/loop.h"

namespace mailpool::manager {

/// Whose socket it is. Each call is followed by the end of the turn.
class SocketListener {
 public:
  virtual ~SocketListener() = default;
  /// EV_READ, EV_WRITE, or both.
  virtual void on_socket(short what, TimePoint now) = 0;
  /// The deadline that was followed is over, or was once.
  virtual void on_timer(TimePoint now) = 0;
};

class SocketEvents {
 public:
  /// Without a socket, but with a timer. References outlive it.
  SocketEvents(Loop& loop, SocketListener& listener);
  ~SocketEvents();
  SocketEvents(SocketEvents const&) = delete;
  SocketEvents& operator=(SocketEvents const&) = delete;

  /// The descriptor is its own from now on; nothing is waited for yet.
  void own(int fd);
  /// Closes the socket, if there is one. Another may be owned then.
  void drop();
  /// No event comes any more, of the timer neither.
  void close();
  /// -1 without one.
  [[nodiscard]] int fd() const { return fd_; }

  void want_read(bool wanted) { want(read_, reads_, wanted); }
  void want_write(bool wanted) { want(write_, writes_, wanted); }
  /// Deadlines move with each message: the timer is left alone unless the new one is earlier, and
  /// whoever hears it looks again.
  void follow(TimePoint deadline, TimePoint now);

 private:
  static void on_event(evutil_socket_t, short what, void* self);
  static void on_time(evutil_socket_t, short, void* self);
  static void want(EventPtr const& event, bool& is_wanted, bool wanted);

  Loop& loop_;
  SocketListener& listener_;
  int fd_ = -1;
  EventPtr read_;
  EventPtr write_;
  EventPtr timer_;
  TimePoint armed_ = never;
  bool reads_ = false;
  bool writes_ = false;
};

}  // namespace mailpool::manager
