#pragma once
// Listens, accepts, and keeps the sessions.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "fakemx/service.h"
#include "fakemx/session.h"
#include "net/endpoint.h"

namespace mailpool::fakemx {

class Server final : private Session::Host {
 public:
  explicit Server(Service& service);
  ~Server() override;

  /// `endpoint` learns its port.
  [[nodiscard]] Result<void> listen(net::Endpoint& endpoint, int receive_buffer);

 private:
  struct Listener {
    Server* server = nullptr;
    std::uint64_t number = 0;
    net::Fd fd;
    net::Event event;
  };

  static void on_connection(evutil_socket_t fd, short, void* listener);
  static void on_sweep(evutil_socket_t, short, void* self);
  void accept(net::Fd fd, std::string client, std::uint64_t listener);
  [[nodiscard]] bool is_surplus(std::string const& client);
  void on_session_closed(std::uint64_t id) override;

  Service& service_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Session>> closed_;  ///< deleted when the event loop is back in charge
  net::Event sweep_;
};

}  // namespace mailpool::fakemx
