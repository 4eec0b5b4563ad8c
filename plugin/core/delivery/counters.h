#pragma once
// What is counted; the same words in poolctl, metrics and here.

#include <cstdint>
#include <map>
#include <string>

#include "core/base/recent_count.h"
#include "core/message/outcome.h"

namespace mailpool::delivery {

/// Recipients by outcome.
struct OutcomeCounts {
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  void count(OutcomeKind kind) {
    ++(kind == OutcomeKind::Delivered  ? delivered
       : kind == OutcomeKind::Deferred ? deferred
                                       : refused);
  }
};

/// How often each [[rule]] acted, by FILE:LINE. Bounded: a reload gives rules new lines.
class ActedRules {
 public:
  static constexpr std::size_t most = 1'000;
  void count(std::string const& where) {
    if (auto const known = counts_.find(where); known != counts_.end())
      ++known->second;
    else
      ++counts_[counts_.size() < most ? where : "other"];
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> const& counts() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

/// Recipients for delivered, deferred, refused; transactions for reused; connections for opened.
struct Counters {
  std::uint64_t messages = 0;  ///< handed over by the MTA; not counted per site
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::uint64_t ambiguous = 0;  ///< recipients deferred after the commit point: possibly delivered
  std::uint64_t opened = 0;
  std::uint64_t handshakes = 0;  ///< of TLS, those that resumed a session among them
  std::uint64_t resumed = 0;
  std::uint64_t reused = 0;    ///< transactions on a connection that had carried one before
  std::uint64_t retried = 0;   ///< transactions repeated by mailpool itself
  std::uint64_t poisoned = 0;  ///< connections ended for a protocol error of the server
  std::map<std::string, std::uint64_t>
      closed;  ///< connections by reason; only reasons of our own, "remote" for all others

  // Over the last minute.
  RecentCount recent_messages;
  RecentCount recent_delivered;
  RecentCount recent_deferred;
  RecentCount recent_refused;

  void count(Outcome const& outcome, TimePoint now);
};

}  // namespace mailpool::delivery
