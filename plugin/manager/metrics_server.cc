#include "manager/metrics_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/ip.h"
#include "core/base/text.h"
#include "core/control/request.h"
#include "manager/metrics_client.h"
#include "posix/shortage.h"
#include "posix/socket_address.h"

namespace mailpool::manager {
namespace {

constexpr std::size_t most_clients = 32;
constexpr Duration rest_without_descriptors = std::chrono::seconds(1);
constexpr int backlog = 16;
constexpr mode_t mode_of_socket = 0660;

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
  bool is_loopback = false;
};

// A numeric address and a port: a name would have to be looked up on the loop.
Result<Place> place_of(std::string_view listen) {
  auto const colon = std::min(listen.rfind(':'), listen.size());
  auto const port = to_number(listen.substr(std::min(colon + 1, listen.size())));
  auto host = listen.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  auto const ip = IpAddress::parse(host);
  if (!ip || !port || *port > 65535)
    return failed(
        fmt::format("\"{}\" is no address and port like \"127.0.0.1:9779\"", printable(listen)));
  Place place;
  place.is_loopback =
      IpNetwork::parse("127.0.0.0/8")->contains(*ip) || *ip == *IpAddress::parse("::1");
  if (ip->is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(place.address);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(*port));
    std::memcpy(&v4.sin_addr, ip->octets().data(), 4);
    place.size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(place.address);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<std::uint16_t>(*port));
    std::memcpy(&v6.sin6_addr, ip->octets().data(), 16);
    place.size = sizeof v6;
  }
  return place;
}

Result<int> listen_at(Place const& place) {
  int const fd = ::socket(place.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(std::strerror(errno));
  int const on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (place.address.ss_family == AF_INET6)
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<sockaddr const*>(&place.address), place.size) == 0 &&
      ::listen(fd, backlog) == 0) {
    posix::tune(fd);  // what it accepts inherits it
    return fd;
  }
  auto const why = std::string(std::strerror(errno));
  ::close(fd);
  return failed(why);
}

}  // namespace

MetricsServer::MetricsServer(Loop& loop, control::ControlActions& actions, Log& log)
    : loop_(loop),
      actions_(actions),
      log_(log),
      rest_timer_(loop.make_event(-1, 0, &MetricsServer::on_sweep, this)),
      sweep_event_(loop.make_event(-1, 0, &MetricsServer::on_sweep, this)) {}

MetricsServer::~MetricsServer() {
  clients_.clear();
  close_listener();
}

Result<void> MetricsServer::reconfigure(MetricsSettings const& settings) {
  metrics_.set_most_sites(settings.sites);
  if (settings.listen == listen_) return {};
  if (settings.listen.empty()) {
    close_listener();
    return {};
  }
  bool const is_path = settings.listen.starts_with('/');
  auto const opened = is_path ? listen_at_path(settings.listen) : listen_at_port(settings.listen);
  if (!opened) {
    auto why = "[metrics] listen: " + opened.error().reason;
    log_.error(why);
    return failed(std::move(why));
  }
  listen_ = settings.listen;
  accept_event_ = loop_.make_event(is_path ? unix_.fd() : fd_, EV_READ | EV_PERSIST,
                                   &MetricsServer::on_accept, this);
  event_add(accept_event_.get(), nullptr);
  return {};
}

std::string MetricsServer::page(control::Exposition format) {
  loop_.end_turn_soon();  // it counts as one of the loop's turns
  auto const status = actions_.status(control::most_rows);
  return metrics_.text(status, format, actions_.measured(metrics_.sites_for(status)));
}

Result<void> MetricsServer::listen_at_path(std::string const& path) {
  auto listener = listen_unix(path, mode_of_socket, "", backlog);
  if (!listener) return tl::make_unexpected(listener.error());
  close_listener();
  unix_ = std::move(*listener);
  return {};
}

Result<void> MetricsServer::listen_at_port(std::string const& listen) {
  auto const place = place_of(listen);
  if (!place) return tl::make_unexpected(place.error());
  auto const fd = listen_at(*place);
  if (!fd) return failed(fmt::format("cannot listen at {}: {}", listen, fd.error().reason));
  if (!place->is_loopback)
    log_.warning(fmt::format(
        "[metrics] listen: {} is not loopback; whoever reaches it can read the figures", listen));
  close_listener();
  fd_ = *fd;
  return {};
}

void MetricsServer::close_listener() {
  accept_event_.reset();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  unix_ = UnixListener();
  listen_.clear();
}

std::uint16_t MetricsServer::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (fd_ < 0 || ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  // Both kinds of address have the port in the same place.
  return ntohs(reinterpret_cast<sockaddr_in const&>(address).sin_port);
}

void MetricsServer::on_accept(evutil_socket_t, short, void* self) {
  static_cast<MetricsServer*>(self)->accept_one();
}

// With all places taken the newcomer gets that of the oldest who has not asked yet: whoever
// connects and says nothing must not keep a scrape waiting.
void MetricsServer::accept_one() {
  int const fd =
      ::accept4(unix_.fd() >= 0 ? unix_.fd() : fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0 && posix::is_shortage(errno)) {
    // The socket stays readable meanwhile, and the loop must not spin on it.
    event_del(accept_event_.get());
    Loop::arm(rest_timer_.get(), rest_without_descriptors);
  }
  if (fd < 0) return;
  if (clients_.size() >= most_clients) clients_.erase(least_wanted());
  clients_.push_back(std::make_unique<MetricsClient>(*this, fd));
}

std::list<std::unique_ptr<MetricsClient>>::iterator MetricsServer::least_wanted() {
  auto const silent = std::find_if(clients_.begin(), clients_.end(),
                                   [](auto const& client) { return !client->has_asked(); });
  return silent != clients_.end() ? silent : clients_.begin();
}

void MetricsServer::on_sweep(evutil_socket_t, short, void* self) {
  auto& server = *static_cast<MetricsServer*>(self);
  server.clients_.remove_if([](auto const& client) { return client->is_closed(); });
  if (server.accept_event_) event_add(server.accept_event_.get(), nullptr);
}

}  // namespace mailpool::manager
