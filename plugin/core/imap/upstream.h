#pragma once
// A connection to an IMAP server from its dialling to its end: login, loans, resets, rests.

#include <memory>
#include <optional>
#include <string>

#include "core/imap/channel.h"
#include "core/imap/relay.h"
#include "core/imap/upstream_login.h"
#include "core/imap/verifier.h"
#include "core/pool/connection.h"

namespace mailpool::imap {

class Client;
class UserPool;
class Upstream;

/// Who owns the connections.
class UpstreamListener {
 public:
  virtual ~UpstreamListener() = default;
  virtual void on_logged_in(Upstream& upstream, TimePoint now) = 0;
  /// The server said no to the login, or it could not be tried.
  virtual void on_not_logged_in(Upstream& upstream, TimePoint now) = 0;
  /// Clean, or proved alive: it may be lent.
  virtual void on_ready(Upstream& upstream, TimePoint now) = 0;
  /// Of no further use, for discard().
  virtual void on_broken(Upstream& upstream, TimePoint now) = 0;
  /// Idle, and its time for something has come: keepalive, idle_timeout, max_lifetime.
  virtual void on_rested(Upstream& upstream, TimePoint now) = 0;
  /// Closed on the wire.
  virtual void on_closed(Upstream& upstream, TimePoint now) = 0;
};

class Upstream final : public pool::Connection, public ChannelEvents {
 public:
  struct Plan {
    std::uint64_t id = 0;
    pool::ReuseKey key;
    TimePoint opened_at;
    TimePoint expires_at;
    ImapServer server;
    std::size_t server_index = 0;
    Verifier verifier{};
    std::uint64_t generation = 0;  ///< of the user's password
    bool is_proof = false;         ///< its login decides whether the secret is right
    bool is_turned_over = false;   ///< it was another user's before
    std::uint32_t asker = 0;       ///< the uid of whoever asked for it; 0 where that is not known
  };

  Upstream(Plan plan, UserPool& user, ImapSettings const& settings, LoginRequest request,
           Entropy& entropy, Reset reset, UpstreamListener& listener);
  void attach(std::unique_ptr<Channel> channel) { channel_ = std::move(channel); }
  /// Instead of attach(): goes on with what `other` is connected to, and logs in there anew. The
  /// other one, idle and clean, is over with that.
  void take_over(Upstream& other, TimePoint now);

  // pool::Connection
  [[nodiscard]] pool::ConnectionState state_after_use() const override;
  [[nodiscard]] TimePoint last_heard() const override { return heard_at_; }
  /// Since its last loan, whatever was said to keep it alive.
  [[nodiscard]] TimePoint rested_since() const { return rested_since_; }
  /// One that is kept although it has rested for idle_timeout.
  void rest_anew(TimePoint now) { rested_since_ = now; }

  /// After the login.
  [[nodiscard]] Relay& relay() { return *relay_; }
  [[nodiscard]] Relay const* relay_or_null() const { return relay_ ? &*relay_ : nullptr; }
  [[nodiscard]] UpstreamLogin const& login() const { return *login_; }
  [[nodiscard]] Plan const& plan() const { return plan_; }
  [[nodiscard]] UserPool& user() { return user_; }
  [[nodiscard]] std::string const& peer() const { return peer_; }
  /// When the login that is on its way will be given up; never before it was said.
  [[nodiscard]] TimePoint login_due() const;
  /// How the login ended when it did not: in words.
  [[nodiscard]] std::string const& failure() const { return failure_; }
  /// It was never connected, for want of descriptors here.
  [[nodiscard]] bool has_lacked_socket() const { return has_lacked_socket_; }
  /// Clean, idle, and the server can make it another user's.
  [[nodiscard]] bool may_be_turned_over() const;
  void set_generation(std::uint64_t generation) { plan_.generation = generation; }

  void lend_to(Client& client, Outbox& box, TimePoint now);
  /// The loan ends; the lease is to be dropped next.
  void take_back(TimePoint now);
  [[nodiscard]] Client* borrower() const { return borrower_; }
  [[nodiscard]] TimePoint lent_at() const { return lent_at_; }
  /// Hands over what the client has room for again, and what it has said.
  void pump(TimePoint now);
  /// The client has said something, which is to go out.
  void note_client(TimePoint now);
  /// Nothing of the server's is unread, and it is not in the middle of a response.
  [[nodiscard]] bool is_quiet() const { return input_.empty() && relay_->is_at_rest(); }
  /// On the wire: what it is will be known after a check.
  [[nodiscard]] bool has_unread() const { return channel_ && channel_->has_unread(); }
  void begin_check(TimePoint now);
  /// For a reason that stands in relay().reason(); on_broken comes at once, if it is not lent.
  void discard(Discard reason, TimePoint now);
  /// Says LOGOUT where that can be, and closes.
  void close(TimePoint now);
  [[nodiscard]] Discard reason() const;
  [[nodiscard]] std::string doing() const;
  [[nodiscard]] TimePoint in_state_since() const;

  // ChannelEvents
  void on_open(std::string_view peer, TimePoint now) override;
  void on_tls(TimePoint now) override;
  void on_input(std::string_view octets, TimePoint now) override;
  void on_end(std::string_view how, bool is_lost, TimePoint now) override;
  void on_no_socket(std::string_view why, TimePoint now) override;
  void on_written(TimePoint now) override;
  void on_deadline(TimePoint now) override;
  [[nodiscard]] Outbox& outbox() override;
  [[nodiscard]] bool wants_input() const override;
  [[nodiscard]] TimePoint deadline() const override;

 private:
  void take_input(TimePoint now);
  void listen(TimePoint now);
  [[nodiscard]] TimePoint answer_due() const;
  [[nodiscard]] TimePoint deadline_of_loan() const;
  [[nodiscard]] TimePoint deadline_of_login() const;
  void on_loan_deadline(TimePoint now);
  void login_went_on(TimePoint now);
  /// Tells whoever has to know what became of the relay.
  void settle(TimePoint now);
  void fail(std::string why, TimePoint now);
  void wake() {
    if (channel_) channel_->wake();
  }

  Plan plan_;
  UserPool& user_;
  ImapSettings const& settings_;
  Entropy& entropy_;
  Reset reset_;
  UpstreamListener& listener_;
  std::unique_ptr<Channel> channel_;
  Outbox out_;  ///< of the login; the relay has its own
  std::optional<UpstreamLogin> login_;
  std::optional<Relay> relay_;
  std::string input_;
  std::string peer_;
  std::string failure_;
  Discard reason_ = Discard::None;  ///< of one that never had a relay
  Client* borrower_ = nullptr;
  TimePoint heard_at_;
  TimePoint rested_since_;
  TimePoint asked_at_;  ///< when it began what it is doing: a check, a reset, its end
  TimePoint lent_at_;
  TimePoint spoke_at_;  ///< when the server last took something, or was listened to again
  TimePoint logout_at_ = never;
  TimePoint login_said_at_ = never;
  bool is_asked_ = false;    ///< the server owed an answer when this was last looked at
  bool is_held_up_ = false;  ///< the borrower does not read: nobody listens to the server
  bool is_told_ = false;     ///< on_broken was said
  bool is_closing_ = false;
  bool has_lacked_socket_ = false;
};

}  // namespace mailpool::imap
