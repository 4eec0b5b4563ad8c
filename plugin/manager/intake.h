#pragma once
// Where the MTA hands mail over: LMTP on Unix sockets, for users that may.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "core/delivery/dispatcher.h"
#include "core/lmtp/dsn_memory.h"
#include "core/lmtp/server.h"
#include "manager/loop.h"
#include "manager/unix_listener.h"

namespace mailpool::manager {

class IntakeConnection;

/// What intake follows of the settings; user names already looked up.
struct IntakeSettings {
  std::string hostname;
  std::set<uid_t> allowed_users;
  std::uint32_t max_connections = 500;
  std::uint64_t max_message_size = 0;
  DsnOffer dsn = DsnOffer::Auto;
  std::string campaign_header;
};

class Intake {
 public:
  /// References must outlive the intake.
  Intake(Loop& loop, delivery::Dispatcher& dispatcher, BodyStore& bodies, Log& log);
  ~Intake();

  /// `queue`: of the MTA that hands mail over here (parking::no_queue: of none that can be asked).
  void listen_on(UnixListener listener, std::uint8_t queue);
  void reconfigure(IntakeSettings settings);
  /// No new connections; those without an open transaction are closed now, the others after it.
  void drain();
  /// Closes what is still open.
  void close_all();

  /// The bodies' storage has caught up with the disk (SpillingBodyStore::caught_up_fd): who had to
  /// wait for it reads on.
  void read_on();
  /// Accepts again after a rest for want of file descriptors or memory; called once a second.
  void end_rest();

  [[nodiscard]] bool has_work() const { return !dirty_.empty(); }
  void flush(TimePoint now);
  void sweep();

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] std::uint64_t peers_refused() const { return peers_refused_; }
  [[nodiscard]] std::uint64_t cancelled() const { return cancelled_; }
  [[nodiscard]] std::vector<UnixListener> const& listeners() const { return listeners_; }

 private:
  friend class IntakeConnection;
  static void on_accept(evutil_socket_t fd, short, void* self);
  void accept_some(int fd, TimePoint now);
  void greet(int fd, lmtp::DsnMemory& dsn, std::uint8_t queue, TimePoint now);
  [[nodiscard]] std::uint8_t queue_of(int listener) const;
  void rest(std::string const& why, TimePoint now);
  /// At max_connections the manager stops accepting; it never refuses, since an MTA would take that
  /// for a dead destination.
  void set_accepting();
  [[nodiscard]] std::string next_id();

  Loop& loop_;
  delivery::Dispatcher& dispatcher_;
  BodyStore& bodies_;
  Log& log_;
  IntakeSettings settings_;
  std::vector<UnixListener> listeners_;
  std::vector<std::uint8_t> queues_;  ///< of each listener
  std::vector<EventPtr> accept_events_;
  std::map<int, lmtp::DsnMemory> dsn_;  ///< by the listener's descriptor; outlives it
  std::list<std::unique_ptr<IntakeConnection>> connections_;
  std::vector<IntakeConnection*> dirty_;
  std::vector<IntakeConnection*> buried_;
  std::string buffer_;
  std::uint64_t last_id_ = 0;
  std::uint64_t peers_refused_ = 0;
  std::uint64_t cancelled_ = 0;
  TimePoint last_refusal_logged_{};
  TimePoint shortage_logged_{};
  bool is_accepting_ = true;
  bool is_draining_ = false;
  bool rests_ = false;  ///< accept() failed for want of resources: it would fail again at once
};

}  // namespace mailpool::manager
