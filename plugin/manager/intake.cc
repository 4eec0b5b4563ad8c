#include "manager/intake.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "manager/intake_connection.h"
#include "posix/shortage.h"

namespace mailpool::manager {
namespace {

constexpr int most_sessions_per_turn = 64;
constexpr Duration peers_logged_every = std::chrono::seconds(10);
constexpr Duration lmtp_shortage_logged_every = std::chrono::minutes(1);

}  // namespace

Intake::Intake(Loop& loop, delivery::Dispatcher& dispatcher, BodyStore& bodies, Log& log)
    : loop_(loop), dispatcher_(dispatcher), bodies_(bodies), log_(log), buffer_(65536, '\0') {}

Intake::~Intake() {
  close_all();
}

void Intake::listen_on(UnixListener listener, std::uint8_t queue) {
  queues_.push_back(queue);
  accept_events_.push_back(
      loop_.make_event(listener.fd(), EV_READ | EV_PERSIST, &Intake::on_accept, this));
  event_add(accept_events_.back().get(), nullptr);
  listeners_.push_back(std::move(listener));
}

void Intake::reconfigure(IntakeSettings settings) {
  settings_ = std::move(settings);
  set_accepting();
}

void Intake::on_accept(evutil_socket_t fd, short, void* self) {
  auto& intake = *static_cast<Intake*>(self);
  intake.accept_some(fd, intake.loop_.now());
  intake.loop_.end_turn_soon();
}

void Intake::accept_some(int fd, TimePoint now) {
  for (int i = 0; i < most_sessions_per_turn && is_accepting_; ++i) {
    int const client = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
      greet(client, dsn_[fd], queue_of(fd), now);
      continue;
    }
    if (posix::is_shortage(errno)) rest(posix::shortage_words(errno), now);
    return;
  }
}

std::uint8_t Intake::queue_of(int listener) const {
  auto const at = std::find_if(listeners_.begin(), listeners_.end(),
                               [&](auto const& known) { return known.fd() == listener; });
  return at == listeners_.end() ? parking::no_queue
                                : queues_[static_cast<std::size_t>(at - listeners_.begin())];
}

void Intake::greet(int fd, lmtp::DsnMemory& dsn, std::uint8_t queue, TimePoint now) {
  auto const peer = peer_of(fd);
  if (!peer || !settings_.allowed_users.contains(peer->uid)) {
    ++peers_refused_;
    if (last_refusal_logged_ == TimePoint{} ||
        now >= after(last_refusal_logged_, peers_logged_every)) {
      last_refusal_logged_ = now;
      log_.warning(
          peer ? fmt::format(
                     "LMTP connection refused: uid {} (pid {}) is not among [lmtp] allow_users",
                     peer->uid, peer->pid)
               : fmt::format("LMTP connection refused: {}", peer.error().reason));
    }
    ::close(fd);
    return;
  }
  auto connection = std::make_unique<IntakeConnection>(
      *this, dsn, fd, queue, fmt::format("uid={} pid={}", peer->uid, peer->pid), now);
  connections_.push_front(std::move(connection));
  connections_.front()->place = connections_.begin();
  connections_.front()->wake();
  set_accepting();
}

void Intake::rest(std::string const& why, TimePoint now) {
  rests_ = true;
  set_accepting();
  if (shortage_logged_ != TimePoint{} && now < after(shortage_logged_, lmtp_shortage_logged_every))
    return;
  shortage_logged_ = now;
  log_.error(fmt::format("cannot accept an LMTP connection, tried again every second: {}", why));
}

void Intake::end_rest() {
  if (!rests_) return;
  rests_ = false;
  set_accepting();
}

void Intake::set_accepting() {
  bool const wanted =
      !is_draining_ && !rests_ && connections_.size() - buried_.size() < settings_.max_connections;
  if (wanted == is_accepting_) return;
  is_accepting_ = wanted;
  for (auto& e : accept_events_) {
    if (wanted) {
      event_add(e.get(), nullptr);
    } else {
      event_del(e.get());
    }
  }
}

void Intake::drain() {
  is_draining_ = true;
  accept_events_.clear();
  listeners_.clear();
  queues_.clear();
  is_accepting_ = false;
  auto const now = loop_.now();
  for (auto& connection : connections_) {
    if (!connection->is_closed() && connection->is_idle()) connection->close(now);
  }
}

void Intake::close_all() {
  auto const now = loop_.now();
  for (auto& connection : connections_) connection->close(now);
  sweep();
}

void Intake::read_on() {
  for (auto& connection : connections_) connection->wake();
}

void Intake::flush(TimePoint now) {
  for (auto* connection : std::exchange(dirty_, {})) connection->flush(now);
}

void Intake::sweep() {
  if (buried_.empty()) return;
  for (auto* connection : std::exchange(buried_, {})) {
    std::erase(dirty_, connection);
    connections_.erase(connection->place);
  }
  set_accepting();
}

std::string Intake::next_id() {
  return fmt::format("mp{:X}-{:X}", getpid(), ++last_id_);
}

}  // namespace mailpool::manager
