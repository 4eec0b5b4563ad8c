#include "manager/control_server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/control/json.h"
#include "manager/control_client.h"
#include "posix/shortage.h"

namespace mailpool::manager {
namespace {

constexpr int most_accepted_per_turn = 16;
constexpr Duration rest_without_descriptors = std::chrono::seconds(1);
constexpr Duration warnings_logged_every = std::chrono::seconds(1);

}  // namespace

ControlServer::ControlServer(Loop& loop, UnixListener listener, control::ControlActions& actions,
                             Log& log, ControlLimits limits)
    : loop_(loop),
      listener_(std::move(listener)),
      actions_(actions),
      log_(log),
      limits_(limits),
      accept_event_(
          loop.make_event(listener_.fd(), EV_READ | EV_PERSIST, &ControlServer::on_accept, this)),
      rest_timer_(loop.make_event(-1, 0, &ControlServer::on_rested, this)),
      sweep_event_(loop.make_event(-1, 0, &ControlServer::on_sweep, this)) {
  event_add(accept_event_.get(), nullptr);
}

ControlServer::~ControlServer() {
  clients_.clear();
}

void ControlServer::set_users(std::set<uid_t> read, std::set<uid_t> write, std::set<uid_t> ask,
                              std::map<uid_t, std::string> names) {
  users_ = {std::move(read), std::move(write), std::move(ask), std::move(names)};
}

void ControlServer::on_accept(evutil_socket_t, short, void* self) {
  static_cast<ControlServer*>(self)->accept_some();
}

void ControlServer::on_rested(evutil_socket_t, short, void* self) {
  event_add(static_cast<ControlServer*>(self)->accept_event_.get(), nullptr);
}

void ControlServer::accept_some() {
  for (int i = 0; i < most_accepted_per_turn; ++i) {
    int const fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      greet(fd);
      continue;
    }
    if (posix::is_shortage(errno)) {
      warn("cannot accept a control connection: " + posix::shortage_words(errno));
      // The socket stays readable meanwhile, and the loop must not spin on it.
      event_del(accept_event_.get());
      Loop::arm(rest_timer_.get(), rest_without_descriptors);
    }
    return;
  }
}

void ControlServer::greet(int fd) {
  auto const peer = peer_of(fd);
  if (!peer) return refuse(fd, peer.error().reason);
  if (!control::may_connect(users_, peer->uid)) {
    return refuse(
        fd, fmt::format(
                "uid {} (pid {}) is not among [control] read_users or write_users, nor [milter] "
                "allow_users",
                peer->uid, peer->pid));
  }
  if (auto const why = no_room_for(peer->uid); !why.empty()) return refuse(fd, why);
  clients_.push_back(std::make_unique<ControlClient>(
      *this, fd, control::Requester{peer->uid, peer->pid, users_.name_of(peer->uid)}));
}

std::string ControlServer::no_room_for(std::uint32_t uid) const {
  if (clients_.size() >= limits_.clients)
    return fmt::format("{} clients are connected already", clients_.size());
  if (users_.write.contains(uid)) return {};
  auto const lookers = std::count_if(clients_.begin(), clients_.end(), [&](auto const& client) {
    return !users_.write.contains(client->uid());
  });
  if (static_cast<std::size_t>(lookers) < limits_.lookers) return {};
  return fmt::format("{} clients that may only look are connected already", lookers);
}

void ControlServer::refuse(int fd, std::string const& why) {
  ++peers_refused_;
  auto const line = control::error_line("refused: " + why);
  // A new socket's buffer takes a line; whether it is read is the client's business.
  static_cast<void>(::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  ::close(fd);
  warn("control connection refused: " + why);
}

void ControlServer::warn(std::string line) {
  auto const now = loop_.now();
  if (last_warning_ != TimePoint{} && now < after(last_warning_, warnings_logged_every)) return;
  last_warning_ = now;
  log_.warning(std::move(line));
}

void ControlServer::sweep_soon() {
  event_active(sweep_event_.get(), EV_TIMEOUT, 0);
}

void ControlServer::on_sweep(evutil_socket_t, short, void* self) {
  auto& server = *static_cast<ControlServer*>(self);
  for (auto const& client : server.clients_) client->sweep();
  server.clients_.remove_if([](auto const& client) { return client->is_closed(); });
}

}  // namespace mailpool::manager
