#pragma once
// One connection from the MTA: its socket, its LMTP conversation, and the message that is on its
// way.

#include <list>
#include <memory>
#include <string>

#include "core/delivery/dispatcher.h"
#include "core/lmtp/server.h"
#include "manager/intake.h"
#include "manager/loop.h"

namespace mailpool::manager {

class IntakeConnection final : private lmtp::ServerEvents, private delivery::DeliveryListener {
 public:
  /// References must outlive it. `queue`: of the MTA, where its messages wait.
  IntakeConnection(Intake& intake, lmtp::DsnMemory& dsn, int fd, std::uint8_t queue,
                   std::string client, TimePoint now);
  ~IntakeConnection() override;
  IntakeConnection(IntakeConnection const&) = delete;
  IntakeConnection& operator=(IntakeConnection const&) = delete;

  void wake();
  void flush(TimePoint now);
  /// The socket goes now; a message before its commit point is cancelled.
  void close(TimePoint now);
  [[nodiscard]] bool is_closed() const { return fd_ < 0; }
  [[nodiscard]] bool is_idle() const { return server_.is_idle() && !server_.is_delivering(); }

  std::list<std::unique_ptr<IntakeConnection>>::iterator place;

 private:
  static void on_socket(evutil_socket_t, short what, void* self);
  static void on_timer(evutil_socket_t, short, void* self);
  void read(TimePoint now);

  // lmtp::ServerEvents
  void on_message(Message&& message) override;
  std::string received_line(Envelope const& envelope) override;
  std::string make_id() override;
  // delivery::DeliveryListener
  void on_outcome(std::size_t recipient, Outcome const& outcome, TimePoint now) override;

  void want_read(bool wanted);
  void want_write(bool wanted);
  void set_timer(TimePoint now);

  Intake& intake_;
  lmtp::DsnMemory& dsn_;
  int fd_;
  std::uint8_t queue_;
  EventPtr read_event_;
  EventPtr write_event_;
  EventPtr timer_;
  TimePoint armed_ = never;
  lmtp::Server server_;
  delivery::Delivery* delivery_ = nullptr;
  std::size_t unanswered_ = 0;
  bool reads_ = false;
  bool writes_ = false;
  bool is_dirty_ = false;
};

}  // namespace mailpool::manager
