#pragma once
// The control socket: poolctl's requests in, answers out, for users that may.

#include <sys/types.h>

#include <cstddef>
#include <list>
#include <memory>
#include <set>

#include "core/admission/desk.h"
#include "core/base/log.h"
#include "core/control/actions.h"
#include "core/control/request.h"
#include "manager/loop.h"
#include "manager/unix_listener.h"

namespace mailpool::manager {

class ControlClient;

/// What clients may take of the manager. Nothing they do blocks it or ends more than their own
/// connection.
struct ControlLimits {
  std::size_t clients = 64;
  std::size_t lookers =
      48;  ///< of those, clients that may not change: an operator always finds room
  Duration idle = std::chrono::seconds(60);    ///< until a whole request has come
  Duration answer = std::chrono::seconds(60);  ///< until an explanation is found
  Duration drain = std::chrono::seconds(30);   ///< until an answer has been read
  std::size_t output = 32U << 20U;             ///< octets of answers waiting, all clients together
};

class ControlServer {
 public:
  /// References must outlive the server. Nobody may connect before set_users().
  ControlServer(Loop& loop, UnixListener listener, control::ControlActions& actions, Log& log,
                ControlLimits limits = {});
  ~ControlServer();
  ControlServer(ControlServer const&) = delete;
  ControlServer& operator=(ControlServer const&) = delete;

  /// From now on; clients that are connected are asked again at their next request.
  void set_users(std::set<uid_t> read, std::set<uid_t> write, std::set<uid_t> ask = {},
                 std::map<uid_t, std::string> names = {});
  /// Answers questions for room from now on; without a desk they are not understood. The desk must
  /// outlive the server.
  void set_admission(admission::Desk& desk) { admission_ = &desk; }

  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  [[nodiscard]] std::uint64_t peers_refused() const { return peers_refused_; }
  [[nodiscard]] UnixListener const& listener() const { return listener_; }

 private:
  friend class ControlClient;
  static void on_accept(evutil_socket_t fd, short, void* self);
  static void on_rested(evutil_socket_t, short, void* self);
  static void on_sweep(evutil_socket_t, short, void* self);
  void accept_some();
  void greet(int fd);
  void refuse(int fd, std::string const& why);
  /// Why no more clients of this kind, or "".
  [[nodiscard]] std::string no_room_for(std::uint32_t uid) const;
  void warn(std::string line);
  void sweep_soon();

  Loop& loop_;
  UnixListener listener_;
  control::ControlActions& actions_;
  admission::Desk* admission_ = nullptr;
  Log& log_;
  ControlLimits limits_;
  control::Users users_;
  EventPtr accept_event_;
  EventPtr rest_timer_;  // accepting begins again
  EventPtr sweep_event_;
  std::list<std::unique_ptr<ControlClient>> clients_;
  std::size_t output_ = 0;
  std::uint64_t peers_refused_ = 0;
  TimePoint last_warning_{};
};

}  // namespace mailpool::manager
