#pragma once
// One message's journey: who its recipients are delivered with, and what becomes of each.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "core/delivery/context.h"
#include "core/delivery/path_name.h"
#include "core/delivery/transaction.h"
#include "core/message/message.h"
#include "core/message/outcome.h"

namespace mailpool::delivery {

/// Everything before the commit point, waiting included, ends within this; so that the reply to end
/// of data (10 minutes, RFC 5321 4.5.3.2.6) still reaches an MTA that waits 15 minutes or more.
inline constexpr Duration longest_before_commit = std::chrono::minutes(5);
/// Once one group of a message has committed, the others wait this much longer at most, so that a
/// crash does not hide a delivered recipient behind a waiting one for long.
inline constexpr Duration wait_after_a_commit = std::chrono::seconds(5);

class SmtpConnection;

/// Who handed the message over. Called once for each recipient, in any order.
class DeliveryListener {
 public:
  virtual ~DeliveryListener() = default;
  virtual void on_outcome(std::size_t recipient, Outcome const& outcome, TimePoint now) = 0;
};

/// How a recipient was reached, for its log line and event.
struct Relay {
  std::string name;    ///< HOST[IP]:PORT; empty: none
  std::string source;  ///< the [source.NAME] it was reached from; empty: none
  std::uint32_t uses = 0;
  std::string_view reply_class = {};  ///< of replies::class_rows(), where the remote refused it
  PathName path = {};                 ///< whose limits it counts under; empty: several are possible
  SmtpConnection const* connection = nullptr;  ///< what carried it
  bool is_parked = false;                      ///< the message is to be called back
};

/// Where transactions of a message go once their route is known.
class TransactionSink {
 public:
  virtual ~TransactionSink() = default;
  virtual void on_routed(Delivery& delivery, std::string const& domain,
                         std::vector<std::size_t> recipients,
                         std::shared_ptr<route::Route const> route, TimePoint now) = 0;
};

class Delivery {
 public:
  /// `listener` may be forgotten (forget_listener) when the client goes away.
  Delivery(Message message, DeliveryListener& listener, Context& context, TransactionSink& sink,
           TimePoint now);
  ~Delivery();
  Delivery(Delivery const&) = delete;
  Delivery& operator=(Delivery const&) = delete;

  /// Asks for the route of each domain. Recipients may be answered before this returns.
  void begin(route::Router& router, TimePoint now);
  /// Instead of begin(): all recipients have this answer.
  void refuse(Outcome const& outcome, TimePoint now);

  /// `recipient` is done, and its duplicates with it.
  void complete(std::size_t recipient, Outcome const& outcome, Transaction const* transaction,
                Relay const& relay, TimePoint now);
  /// Some transaction of the message has passed its commit point.
  void note_commit(TimePoint now);
  /// What is not yet routed has this answer.
  void end_questions(Outcome const& outcome, TimePoint now);
  /// The client is gone: what is not yet routed is dropped.
  void forget_listener(TimePoint now);

  /// Of recipients whose route is known now.
  Transaction& add_transaction(TimePoint now);
  [[nodiscard]] bool is_over() const { return open_ == 0; }
  [[nodiscard]] bool is_wanted() const { return listener_ != nullptr; }
  [[nodiscard]] Message const& message() const { return message_; }
  [[nodiscard]] TimePoint accepted_at() const { return accepted_at_; }
  [[nodiscard]] std::list<Transaction>& transactions() { return transactions_; }
  std::list<std::unique_ptr<Delivery>>::iterator place;  ///< where the dispatcher keeps it

 private:
  class Group;
  /// Whether it will be called back.
  bool park(std::string const& domain, parking::Why why, TimePoint now);
  void group_recipients();
  void log_outcome(Recipient const& recipient, Outcome const& outcome,
                   Transaction const* transaction, Relay const& relay, TimePoint now);

  Message message_;
  DeliveryListener* listener_;
  Context& context_;
  TransactionSink& sink_;
  TimePoint accepted_at_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<std::size_t> same_as_;  ///< index of the first recipient with the same address
  std::vector<bool> done_;
  std::size_t open_;
  bool has_committed_ = false;
  std::list<Transaction> transactions_;
};

/// One line per recipient in Postfix's words.
[[nodiscard]] std::string outcome_line(Message const& message, Recipient const& recipient,
                                       Outcome const& outcome, std::string_view site,
                                       Relay const& relay, Timing const& timing, TimePoint now);

}  // namespace mailpool::delivery
