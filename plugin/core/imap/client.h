#pragma once
// A program that borrows a connection: its login, its wait, its loan.

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "core/imap/channel.h"
#include "core/imap/client_login.h"
#include "core/imap/verifier.h"
#include "core/pool/pool.h"

namespace mailpool::imap {

class Upstream;
class UserPool;
class Client;

/// Who is at the other end of a Unix socket, as the kernel says; of TCP nothing is known.
struct Peer {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  bool is_known = false;
};

/// Who lends.
class ClientListener {
 public:
  virtual ~ClientListener() = default;
  /// It asks for a login: grant(), or refuse(), now or later.
  virtual void on_request(Client& client, TimePoint now) = 0;
  /// It names a server: choose() or refuse_server().
  virtual void on_server_request(Client& client, TimePoint now) = 0;
  /// Its loan ends; its lease goes next.
  virtual void on_loan_end(Client& client, Upstream& upstream, TimePoint now) = 0;
  /// It has kept its connection longer than max_loan_time.
  virtual void on_loan_too_long(Client& client, Upstream& upstream, TimePoint now) = 0;
  /// Its time is over while it waits, or sits in its delay.
  virtual void on_waited(Client& client, TimePoint now) = 0;
  /// It has gone while it waited.
  virtual void on_wait_ended(Client& client, TimePoint now) = 0;
  /// How the pool is doing, for ID (RFC 2971): pairs of quoted strings, each with a blank before
  /// it.
  [[nodiscard]] virtual std::string pairs_for_id() const = 0;
  /// Nothing is left of it but the object.
  virtual void on_gone(Client& client) = 0;
};

class Client final : public ChannelEvents {
 public:
  enum class Phase : std::uint8_t { Talking, Waiting, Lent, Leaving, Gone };

  Client(std::uint64_t id, Peer peer, Offer offer, Duration timeout, bool is_dynamic,
         ClientListener& listener, TimePoint now);

  void attach(std::unique_ptr<Channel> channel) { channel_ = std::move(channel); }
  /// Greets. With an account's login it is logged in from the start.
  void begin(std::optional<LoginRequest> account, TimePoint now);
  void change_listener(ClientListener& listener) { listener_ = &listener; }
  void choose(Offer offer, TimePoint now);
  void refuse_server(std::string_view why, TimePoint now);

  /// The wait ends with a loan.
  void grant(pool::Lease lease, Upstream& upstream, TimePoint now);
  /// The wait ends without.
  void refuse(std::string_view text, TimePoint now);
  /// Says BYE, at the next moment that it can be heard, and goes.
  void send_away(std::string_view why, TimePoint now);
  /// Goes at once.
  void drop(TimePoint now);

  // From the upstream connection that it has borrowed.
  void on_server(TimePoint now);
  void on_room(TimePoint now) { pump(now); }
  void on_loan_too_long(TimePoint now);
  [[nodiscard]] bool has_room() const { return !out_.is_full(); }

  [[nodiscard]] std::string pairs_for_id() const { return listener_->pairs_for_id(); }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] Peer const& peer() const { return peer_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] Upstream* upstream() const { return upstream_; }
  [[nodiscard]] ClientLogin const& login() const { return login_; }
  /// Between login and loan.
  [[nodiscard]] LoginRequest const& request() const { return request_; }
  [[nodiscard]] bool is_preauthenticated() const { return is_preauthenticated_; }

  // What the profile keeps beside it.
  UserPool* user = nullptr;
  Verifier verifier{};
  bool is_short_of_one = false;  ///< its wait counts in user->shortage
  TimePoint waits_since{};
  TimePoint waits_until = never;
  std::string delayed_refusal;  ///< told when the wait is over
  std::list<std::unique_ptr<Client>>::iterator place;

  // ChannelEvents
  void on_open(std::string_view, TimePoint) override {}
  void on_tls(TimePoint) override {}
  void on_input(std::string_view octets, TimePoint now) override;
  void on_end(std::string_view how, bool is_lost, TimePoint now) override;
  void on_written(TimePoint now) override;
  void on_deadline(TimePoint now) override;
  [[nodiscard]] Outbox& outbox() override { return out_; }
  [[nodiscard]] bool wants_input() const override;
  [[nodiscard]] TimePoint deadline() const override;

 private:
  void pump(TimePoint now);
  bool talk(TimePoint now);
  bool relay(TimePoint now);
  void end_loan(TimePoint now);
  void leave(TimePoint now);
  void take_input(std::size_t octets);

  std::uint64_t id_;
  Peer peer_;
  Duration timeout_;
  ClientListener* listener_;
  std::unique_ptr<Channel> channel_;
  Outbox out_;
  ClientLogin login_;
  LoginRequest request_;
  pool::Lease lease_;
  Upstream* upstream_ = nullptr;
  std::string input_;
  TimePoint heard_at_;
  TimePoint moved_at_;  ///< when it last took some of what it was told
  Phase phase_ = Phase::Talking;
  bool is_preauthenticated_ = false;
  bool has_ended_ = false;  ///< it will say no more
  bool is_pumping_ = false;
  std::string farewell_;

  static constexpr std::size_t most_input = 320U << 10U;
};

}  // namespace mailpool::imap
