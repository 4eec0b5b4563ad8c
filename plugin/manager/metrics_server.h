#pragma once
// Figures for Prometheus at /metrics, by HTTP on a TCP port or a Unix socket.
//
// By hand on the event loop, since libevent 2.1's evhttp bounds neither how many connections there
// are nor how long a request may take to come, and any local user can connect to a loopback port.

#include <list>
#include <memory>
#include <string>

#include "core/base/log.h"
#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/control/actions.h"
#include "core/control/metrics.h"
#include "manager/loop.h"
#include "manager/unix_listener.h"

namespace mailpool::manager {

class MetricsClient;

class MetricsServer {
 public:
  /// References must outlive the server. It listens nowhere before reconfigure().
  MetricsServer(Loop& loop, control::ControlActions& actions, Log& log);
  ~MetricsServer();
  MetricsServer(MetricsServer const&) = delete;
  MetricsServer& operator=(MetricsServer const&) = delete;

  /// Listens at `settings.listen` ("127.0.0.1:9779", "[::1]:9779", "/run/mailpool/metrics.sock" for
  /// our user and group; "" for nowhere). On an error, which is logged too, the old socket stays.
  /// An address beyond loopback is taken, with a warning: the figures are readable by whoever
  /// reaches it.
  Result<void> reconfigure(MetricsSettings const& settings);
  [[nodiscard]] std::string const& listening_at() const { return listen_; }  ///< "" for nowhere
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  /// The port, where the kernel chose it.
  [[nodiscard]] std::uint16_t port() const;

 private:
  friend class MetricsClient;
  static void on_accept(evutil_socket_t fd, short, void* self);
  static void on_sweep(evutil_socket_t, short, void* self);
  void accept_one();
  [[nodiscard]] std::string page(control::Exposition format);
  [[nodiscard]] std::list<std::unique_ptr<MetricsClient>>::iterator least_wanted();
  Result<void> listen_at_path(std::string const& path);
  Result<void> listen_at_port(std::string const& listen);
  void close_listener();

  Loop& loop_;
  control::ControlActions& actions_;
  Log& log_;
  control::Metrics metrics_;
  std::string listen_;
  int fd_ = -1;        // on TCP
  UnixListener unix_;  // or on a path
  EventPtr accept_event_;
  EventPtr rest_timer_;  // accepting begins again
  EventPtr sweep_event_;
  std::list<std::unique_ptr<MetricsClient>> clients_;
};

}  // namespace mailpool::manager
