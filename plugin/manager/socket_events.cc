#include "manager/socket_events.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace mailpool::manager {

SocketEvents::SocketEvents(Loop& loop, SocketListener& listener)
    : loop_(loop),
      listener_(listener),
      timer_(loop.make_event(-1, EV_TIMEOUT, &SocketEvents::on_time, this)) {}

SocketEvents::~SocketEvents() {
  close();
}

void SocketEvents::own(int fd) {
  drop();
  fd_ = fd;
  read_ = loop_.make_event(fd, EV_READ | EV_PERSIST, &SocketEvents::on_event, this);
  write_ = loop_.make_event(fd, EV_WRITE | EV_PERSIST, &SocketEvents::on_event, this);
}

void SocketEvents::drop() {
  read_.reset();
  write_.reset();
  reads_ = writes_ = false;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void SocketEvents::close() {
  timer_.reset();
  drop();
}

void SocketEvents::want(EventPtr const& event, bool& is_wanted, bool wanted) {
  if (!event || wanted == is_wanted) return;
  is_wanted = wanted;
  if (wanted) {
    event_add(event.get(), nullptr);
  } else {
    event_del(event.get());
  }
}

void SocketEvents::follow(TimePoint deadline, TimePoint now) {
  if (!timer_ || deadline >= armed_) return;
  armed_ = deadline;
  Loop::arm(timer_.get(), std::max(deadline - now, Duration::zero()));
}

// Whoever listens lives until the end of the turn, whatever it does here.
void SocketEvents::on_event(evutil_socket_t, short what, void* self) {
  auto& events = *static_cast<SocketEvents*>(self);
  events.listener_.on_socket(what, events.loop_.now());
  events.loop_.end_turn_soon();
}

void SocketEvents::on_time(evutil_socket_t, short, void* self) {
  auto& events = *static_cast<SocketEvents*>(self);
  events.armed_ = never;
  events.listener_.on_timer(events.loop_.now());
  events.loop_.end_turn_soon();
}

}  // namespace mailpool::manager
