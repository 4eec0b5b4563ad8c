#pragma once
// Where each recipient of the running transaction stands, and what will be said about it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/smtp/transaction.h"

namespace mailpool::smtp {

enum class Standing : std::uint8_t {
  Unasked,   ///< RCPT not built yet
  Asked,     ///< RCPT sent or about to be
  Accepted,  ///< RCPT answered with 2xx
  Settled,   ///< has its outcome
};

class Tally {
 public:
  void begin(std::size_t recipients);
  void ask(std::size_t i);
  void accept(std::size_t i);
  void settle(std::size_t i, Outcome outcome, Retry retry = Retry::Nothing);
  /// All that have no outcome yet.
  void settle_open(Outcome const& outcome, Retry retry = Retry::Nothing);
  /// Accepted recipients are to be asked again, in a new transaction inside this one.
  void reopen_accepted();
  /// Settled recipients whose outcome is 4xx may be tried again too.
  void retry_deferred(Retry retry);
  /// Settled recipients keep their outcomes and lose their retries.
  void forbid_retries();

  [[nodiscard]] std::size_t size() const { return standing_.size(); }
  [[nodiscard]] Standing standing(std::size_t i) const { return standing_[i]; }
  [[nodiscard]] std::size_t accepted() const { return accepted_; }
  [[nodiscard]] std::size_t unsettled() const { return unsettled_; }
  /// The first that is Unasked, from `from` on; size() if there is none.
  [[nodiscard]] std::size_t next_unasked(std::size_t from) const;

  /// The result; this is empty then. Without the connection nothing can be tried on it again.
  [[nodiscard]] TransactionResult take(bool is_connection_over, std::string reason);

 private:
  void move(std::size_t i, Standing to);

  std::vector<Standing> standing_;
  std::vector<Retry> retries_;
  std::vector<RecipientResult> results_;
  std::size_t accepted_ = 0;
  std::size_t unsettled_ = 0;
};

}  // namespace mailpool::smtp
