#include "fakemx/server.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>

namespace mailpool::fakemx {

namespace {

constexpr int most_accepts =
    64;  // per turn, so that a storm of connections does not starve the open ones

/// "" for a Unix socket.
std::string address_of(sockaddr_storage const& peer, socklen_t length) {
  std::array<char, NI_MAXHOST> host{};
  bool const is_ip = peer.ss_family == AF_INET || peer.ss_family == AF_INET6;
  if (!is_ip || getnameinfo(reinterpret_cast<sockaddr const*>(&peer), length, host.data(),
                            host.size(), nullptr, 0, NI_NUMERICHOST) != 0)
    return {};
  return host.data();
}

}  // namespace

Server::Server(Service& service)
    : service_(service), sweep_(event_new(service.base, -1, 0, on_sweep, this)) {}

Server::~Server() {
  while (!sessions_.empty()) sessions_.begin()->second->abandon();
}

Result<void> Server::listen(net::Endpoint& endpoint, int receive_buffer) {
  auto fd = net::listen_on(endpoint, receive_buffer);
  if (!fd) return tl::make_unexpected(fd.error());
  endpoint.learn_port(fd->get());
  auto listener = std::make_unique<Listener>();
  listener->server = this;
  listener->number = listeners_.size() + 1;
  listener->event.reset(
      event_new(service_.base, fd->get(), EV_READ | EV_PERSIST, on_connection, listener.get()));
  listener->fd = std::move(*fd);
  event_add(listener->event.get(), nullptr);
  listeners_.push_back(std::move(listener));
  return {};
}

void Server::on_connection(evutil_socket_t fd, short, void* listener) {
  auto& self = *static_cast<Listener*>(listener);
  for (int i = 0; i < most_accepts; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    net::Fd accepted(
        accept4(fd, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted) return;
    self.server->accept(std::move(accepted), address_of(peer, length), self.number);
  }
}

/// A client may close one connection and open the next in one breath: then the order of events is
/// not that of its acts.
bool Server::is_surplus(std::string const& client) {
  auto const most = service_.settings.max_connections;
  auto const is_full = [&] {
    return service_.provider.open_for(service_.settings, client) >= most;
  };
  if (most == 0 || !is_full()) return false;
  for (auto const& [id, session] : sessions_) session->look_for_end();
  return is_full();
}

void Server::accept(net::Fd fd, std::string client, std::uint64_t listener) {
  bool const surplus = is_surplus(client);
  auto const id = ++service_.connections;
  if (surplus) {
    ++service_.provider.violations.connections;
    ++service_.stats.refused_connections;
  } else {
    service_.stats.connection_opened(net::monotonic_now());
    service_.provider.connection_opened(client);
  }
  auto& session = sessions_[id];
  Session::Host& host = *this;
  session = std::make_unique<Session>(service_, host, std::move(fd), id, listener,
                                      std::move(client), surplus);
  session->start();
}

void Server::on_session_closed(std::uint64_t id) {
  auto const found = sessions_.find(id);
  closed_.push_back(std::move(found->second));
  sessions_.erase(found);
  event_active(sweep_.get(), 0, 0);
}

void Server::on_sweep(evutil_socket_t, short, void* self) {
  static_cast<Server*>(self)->closed_.clear();
}

}  // namespace mailpool::fakemx
