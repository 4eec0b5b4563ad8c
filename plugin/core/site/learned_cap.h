#pragma once
// How many messages a server takes on one connection, learned from where it ends them.
//
// Some providers close after a fixed number without a word, or say 421 or 452 to the next message.
// The same number on several connections, and none that carried more: that is a cap. Connections
// that were open together and end together are one event: a server that stops ends them all,
// however much they carried. A cap is stayed within until it expires, and is tried now and then:
// one more end confirms it, a connection that carries more disproves it.

#include <cstdint>
#include <optional>

#include "core/base/time.h"

namespace mailpool::site {

class LearnedCap {
 public:
  /// So many connections must end after the same number.
  static constexpr std::uint32_t enough = 3;
  static constexpr Duration remembered_for = std::chrono::hours(6);
  /// A cap is not stayed within for the next connections after this, to see whether it is still
  /// there.
  static constexpr Duration tried_every = std::chrono::hours(1);
  /// An end without a word counts only so soon after the server's last reply: later ones are
  /// timeouts of idle connections.
  static constexpr Duration soon = std::chrono::seconds(1);

  /// The server ended a connection that was opened at `opened` and had carried `messages` (1 or
  /// more). True: that makes or confirms a cap.
  bool ended_after(std::uint32_t messages, TimePoint opened, TimePoint now);
  /// A connection has carried so many: a cap below that is disproved. True: one was known.
  bool carried(std::uint32_t messages);
  /// Whether an end after so many is what was seen last, or what is known.
  [[nodiscard]] bool is_expected(std::uint32_t messages) const {
    return messages != 0 && (messages == suspected_ || messages == most_);
  }
  void forget();

  /// The cap, until it expires.
  [[nodiscard]] std::optional<std::uint32_t> most(TimePoint now) const;
  [[nodiscard]] TimePoint expires() const { return expires_; }
  void restore(std::uint32_t most, TimePoint expires, TimePoint now);

 private:
  bool settle(std::uint32_t messages, TimePoint now);
  std::uint32_t suspected_ = 0;  ///< 0: nothing
  std::uint32_t seen_ = 0;       ///< connections in a row that ended after `suspected_`
  std::uint32_t most_ = 0;       ///< 0: no cap
  TimePoint expires_{};
  TimePoint tried_from_{};  ///< it is not stayed within from then on
  TimePoint last_end_{};    ///< what was open then ended with it
};

}  // namespace mailpool::site
