#pragma once
// A pooled SMTP connection: the conversation, its transport, and the transaction that it is leased
// for.

#include <memory>
#include <optional>
#include <string>

#include "core/delivery/network.h"
#include "core/delivery/transaction.h"
#include "core/pool/connection.h"
#include "core/smtp/session.h"

namespace mailpool::delivery {

class SmtpConnection;

/// Who owns the connection: its site. Each call may be the last thing the connection hears; it is
/// never destroyed inside one.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_ready(SmtpConnection& connection, TimePoint now) = 0;
  virtual void on_committed(SmtpConnection& connection, TimePoint now) = 0;
  virtual void on_finished(SmtpConnection& connection, smtp::TransactionResult&& result,
                           TimePoint now) = 0;
  virtual void on_checked(SmtpConnection& connection, TimePoint now) = 0;
  virtual void on_closed(SmtpConnection& connection, smtp::Closed const& closed, TimePoint now) = 0;
};

class SmtpConnection final : public pool::Connection, private TransportEvents {
 public:
  /// What the pool needs to know (see pool::Connection), and what the conversation needs.
  struct Start {
    std::uint64_t id = 0;
    pool::ReuseKey key;
    route::Target target;
    TimePoint expires_at{};
    Duration connect_timeout{};
    std::vector<IpNetwork> const* prohibited = nullptr;  ///< only used while the connection is made
    smtp::SessionSettings session;
  };

  SmtpConnection(Start start, ConnectionOwner& owner, Network& network, TimePoint now);
  ~SmtpConnection() override;

  // pool::Connection
  [[nodiscard]] pool::ConnectionState state_after_use() const override;
  [[nodiscard]] TimePoint last_heard() const override;

  /// Begins a transaction; the connection is leased for it. `transaction.wire` is ready. Outcomes
  /// come by settle().
  void start(Transaction& transaction, TimePoint now);
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
  [[nodiscard]] bool is_connected() const { return is_connected_; }
  [[nodiscard]] Duration connecting_took() const { return connecting_took_; }
  /// In words: "waiting for the reply to EHLO".
  [[nodiscard]] std::string_view doing() const;

 private:
  void on_connected(TimePoint now) override;
  void on_received(std::string_view octets, TimePoint now) override;
  void on_disconnected(std::string_view how, TimePoint now) override;
  void on_tls_established(TlsFacts facts, TimePoint now) override;
  void on_tls_failed(std::string_view why, TimePoint now) override;
  void on_deadline(TimePoint now) override;
  [[nodiscard]] smtp::Output output(TimePoint now) override;
  void written(std::size_t n, TimePoint now) override;
  void offered() override;
  [[nodiscard]] TimePoint deadline() const override;

  void handle(smtp::Event& event, TimePoint now);
  void notice_commit(TimePoint now);
  void fail_to_connect(std::string_view how, TimePoint now);

  ConnectionOwner& owner_;
  route::Target target_;
  TimePoint connect_by_;
  smtp::Session session_;
  std::unique_ptr<Transport> transport_;
  TlsFacts tls_;
  Transaction* transaction_ = nullptr;
  Duration connecting_took_{};
  bool is_connected_ = false;
  bool commit_is_noticed_ = false;
  bool is_over_ = false;
};

}  // namespace mailpool::delivery
