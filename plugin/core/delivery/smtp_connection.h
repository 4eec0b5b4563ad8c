#pragma once
// A pooled SMTP connection: the conversation, its transport, and the transaction that it is leased
// for.

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/delivery/network.h"
#include "core/delivery/scopes.h"
#include "core/delivery/transaction.h"
#include "core/pool/connection.h"
#include "core/smtp/session.h"
#include "core/tls/reports.h"

namespace mailpool::delivery {

class SmtpConnection;

/// Who owns the connection: its site. Each call may be the last thing the connection hears; it is
/// never destroyed inside one.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  /// On the wire; nothing was said yet.
  virtual void on_connected(SmtpConnection& connection, TimePoint now) = 0;
  virtual void on_ready(SmtpConnection& connection, TimePoint now) = 0;
  virtual void on_committed(SmtpConnection& connection, TimePoint now) = 0;
  virtual void on_finished(SmtpConnection& connection, smtp::TransactionResult&& result,
                           TimePoint now) = 0;
  virtual void on_checked(SmtpConnection& connection, TimePoint now) = 0;
  /// The server has begun to speak unasked: it is not to be used any more, and will be closed.
  virtual void on_disturbed(SmtpConnection& connection, TimePoint now) = 0;
  /// Whether an idle one is of no use to its owner now.
  [[nodiscard]] virtual bool is_spare(SmtpConnection const& connection) const = 0;
  /// It is idle and spare, and others need its room.
  virtual void on_asked_to_leave(SmtpConnection& connection, std::string_view reason,
                                 TimePoint now) = 0;
  virtual void on_closed(SmtpConnection& connection, smtp::Closed const& closed, TimePoint now) = 0;
  /// A handshake is done, and nothing is said yet under it.
  virtual void on_encrypted(SmtpConnection& connection) = 0;
  /// For the validity of certificates.
  [[nodiscard]] virtual WallTime wall(TimePoint now) const = 0;
};

class SmtpConnection final : public pool::Connection, private TransportEvents {
 public:
  /// What the pool needs to know (see pool::Connection), and what the conversation needs.
  struct Start {
    std::uint64_t id = 0;
    pool::ReuseKey key;
    route::Target target;
    site::Source* source = nullptr;  ///< where it is opened from; null: the kernel chooses
    ConnectionPermits permits;
    Scopes* scopes = nullptr;
    TimePoint expires_at{};
    Duration connect_timeout{};
    std::vector<IpNetwork> const* prohibited = nullptr;  ///< only used while the connection is made
    smtp::SessionSettings session;
    LoginUse login_use;
    std::unique_ptr<smtp::Login> login;             ///< of login_use; null: none
    std::string domain;                             ///< whose mail it is opened for
    std::shared_ptr<tls::Policies const> policies;  ///< of that domain
  };

  SmtpConnection(Start start, ConnectionOwner& owner, Network& network, TimePoint now);
  ~SmtpConnection() override;

  // pool::Connection
  [[nodiscard]] pool::ConnectionState state_after_use() const override;
  [[nodiscard]] TimePoint last_heard() const override;
  void on_state(pool::ConnectionState state) override;

  /// Begins a transaction; the connection is leased for it. `transaction.wire` is ready. Outcomes
  /// come by settle(). What the transaction requires of TLS is asked here once more: without it
  /// no MAIL is sent.
  void start(Transaction& transaction, TimePoint now, WallTime wall);
  void check(TimePoint now);
  /// Says QUIT where that is possible, then closes.
  void quit(std::string_view reason, TimePoint now);
  /// Drops the running transaction, unless its commit point is passed.
  void cancel(std::string_view reason, TimePoint now);
  /// Tells the owner what start(), check(), quit() and cancel() led to at once. Call when nothing
  /// is in the middle of a change.
  void settle(TimePoint now);

  [[nodiscard]] Transaction* transaction() const { return transaction_; }
  [[nodiscard]] smtp::Session const& session() const { return session_; }
  [[nodiscard]] route::Target const& target() const { return target_; }
  [[nodiscard]] site::EndpointName endpoint() const {
    return {target_.host, target_.address, target_.port};
  }
  [[nodiscard]] TlsFacts const& tls() const { return tls_; }
  /// Between whom it is, for reports.
  [[nodiscard]] tls::SessionEnds ends() const;
  /// What the domain that it was opened for requires of it.
  [[nodiscard]] tls::Policy const& policy() const { return terms().policy; }
  [[nodiscard]] std::string const& opened_for() const { return domain_; }
  [[nodiscard]] LoginUse const& login_use() const { return login_use_; }
  /// Whether the session has not been counted for this domain yet; from now on it has.
  bool mark_reported(std::string const& domain);
  /// Why it may not carry mail under this policy, by what it has achieved. While it is not ready
  /// yet: why it never will, by what it was told to try.
  [[nodiscard]] std::optional<tls::Objection> objection(tls::Policy const& policy,
                                                        WallTime now) const;
  [[nodiscard]] site::Source* source() const { return source_; }
  /// Whether it holds a permit of the limit.
  [[nodiscard]] bool is_counted_by(site::ConcurrencyLimit const& limit) const;
  /// Whether others than `who` need its room more; `needy_alone`: those without any connection.
  [[nodiscard]] bool is_wanted_by_others(site::RoomWaiter const& who, bool needy_alone) const;
  [[nodiscard]] bool is_spare() const { return owner_.is_spare(*this); }
  /// An idle one: its owner is to close it.
  void leave(std::string_view reason, TimePoint now) {
    owner_.on_asked_to_leave(*this, reason, now);
  }
  /// Under limits over all paths of its site that came after it was opened.
  void be_counted_by_all_paths(site::ConcurrencyLimit& limit) {
    if (!permits_.all_paths) permits_.all_paths = limit.count_one();
  }
  /// Likewise of the site that its host belongs to.
  void be_counted_at_home(site::ConcurrencyLimit& limit) {
    if (!permits_.home_all_paths) permits_.home_all_paths = limit.count_one();
  }
  /// That site goes.
  void leave_home() {
    permits_.home_path.give_back();
    permits_.home_all_paths.give_back();
  }
  /// It is closed on the wire.
  void give_back_permits();
  [[nodiscard]] bool is_connected() const { return is_connected_; }
  /// It is late: another host or address is tried beside it.
  void be_overtaken() { is_overtaken_ = true; }
  [[nodiscard]] bool is_overtaken() const { return is_overtaken_; }
  /// It and others that are as good race for being connected first (RFC 8305); 0: it does not.
  void join_race(std::uint64_t number) { race_ = number; }
  [[nodiscard]] std::uint64_t race() const { return race_; }
  [[nodiscard]] bool is_ready() const { return is_ready_; }
  /// Its handshake offered a session and failed or took too long: that says nothing of one without.
  [[nodiscard]] bool has_failed_to_resume() const { return has_failed_to_resume_; }
  /// Until it was ready for mail.
  [[nodiscard]] Duration connecting_took() const { return connecting_took_; }
  /// Of that: until it was connected, and for the TLS handshake; zero for what it never did.
  [[nodiscard]] Duration connect_took() const { return connect_took_; }
  [[nodiscard]] Duration handshake_took() const { return handshake_took_; }
  /// In words: "waiting for the reply to EHLO".
  [[nodiscard]] std::string_view doing() const;

 private:
  void on_connected(TimePoint now) override;
  void on_received(std::string_view octets, TimePoint now) override;
  void on_disconnected(std::string_view how, TimePoint now) override;
  void on_no_socket(std::string_view why, TimePoint now) override;
  bool on_tls_established(TlsFacts facts, TimePoint now) override;
  void on_tls_failed(std::string_view why, TimePoint now) override;
  void on_deadline(TimePoint now) override;
  [[nodiscard]] smtp::Output output(TimePoint now) override;
  void written(std::size_t n, TimePoint now) override;
  void offered() override;
  [[nodiscard]] TimePoint deadline() const override;

  [[nodiscard]] tls::Terms const& terms() const { return policies_->of(target_.host); }
  void handle(smtp::Event& event, TimePoint now);
  void begin_tls(TimePoint now);
  void notice_commit(TimePoint now);
  void fail_to_connect(std::string_view how, TimePoint now);

  ConnectionOwner& owner_;
  route::Target target_;
  std::string domain_;
  std::shared_ptr<tls::Policies const> policies_;
  LoginUse login_use_;
  bool skips_tls_;
  site::Source* source_;
  ConnectionPermits permits_;
  Scopes& scopes_;
  std::optional<std::list<SmtpConnection*>::iterator> idle_place_;  ///< among Scopes::idle
  TimePoint connect_by_;
  IpAddress local_address_;  ///< once it is connected
  smtp::Session session_;
  std::unique_ptr<Transport> transport_;
  TlsFacts tls_;
  Transaction* transaction_ = nullptr;
  Duration connecting_took_{};
  Duration connect_took_{};
  Duration handshake_took_{};
  TimePoint handshake_began_{};
  std::vector<std::size_t> reported_;  ///< hashes of domains that the session was counted for
  std::uint64_t race_ = 0;
  bool is_ready_ = false;
  bool is_connected_ = false;
  bool is_overtaken_ = false;
  bool has_failed_to_resume_ = false;
  bool commit_is_noticed_ = false;
  bool is_over_ = false;
};

}  // namespace mailpool::delivery
