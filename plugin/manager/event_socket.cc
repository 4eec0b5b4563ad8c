#include "manager/event_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "posix/unix_socket.h"

namespace mailpool::manager {
namespace {

// Of what waits for a collector that is away or slow.
constexpr std::size_t most_octets_for_it = 8U << 20U;
constexpr std::size_t octets_of_a_send = 256U << 10U;
constexpr auto tried_again_after = std::chrono::seconds(1);
// The other outputs wait meanwhile, so it is not had more than once in a second.
constexpr int patience_ms = 100;

}  // namespace

EventSocket::EventSocket(EventOutputState& state, Log& log)
    : state_(state), log_(log), lines_(most_octets_for_it) {}

EventSocket::~EventSocket() {
  (void)flush();
  state_.dropped += lines_.clear();
  if (fd_ >= 0) ::close(fd_);
}

void EventSocket::write(std::string const& line) {
  if (lines_.rest().size() >= octets_of_a_send) (void)flush();
  if (!lines_.add(line)) ++state_.dropped;
}

bool EventSocket::connect() {
  if (fd_ >= 0) return true;
  if (Clock::now() < next_try_) return false;
  auto const connected = posix::connect_unix(state_.place);
  if (connected) {
    fd_ = *connected;
    return true;
  }
  close(connected.error());
  return false;
}

// A line that has begun ended with the connection.
void EventSocket::close(int error) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  if (lines_.begin_anew()) ++state_.dropped;
  next_try_ = Clock::now() + tried_again_after;
  state_.set_problem(std::strerror(error), log_);
}

bool EventSocket::waits_for_room() {
  pollfd wanted{fd_, POLLOUT, 0};
  auto const now = Clock::now();
  if (::poll(&wanted, 1, now < patient_again_ ? 0 : patience_ms) > 0) return true;
  if (now >= patient_again_) patient_again_ = now + tried_again_after;
  return false;
}

bool EventSocket::flush() {
  while (!lines_.is_empty()) {
    if (!connect()) return true;
    auto const rest = lines_.rest();
    auto const n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && posix::would_block(errno)) {
      if (waits_for_room()) continue;
      return true;
    }
    if (n < 0) {
      close(errno);
      return true;
    }
    state_.written += lines_.wrote(static_cast<std::size_t>(n));
    state_.set_problem({}, log_);
  }
  return false;
}

}  // namespace mailpool::manager
