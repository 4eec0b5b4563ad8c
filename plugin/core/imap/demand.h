#pragma once
// How many connections a queue of logins deserves: a pure function, tested as a table.

#include <algorithm>
#include <cstddef>

#include "core/base/time.h"

namespace mailpool::imap {

struct Demand {
  std::size_t waiting = 0;     ///< logins that could begin now if they had a connection
  std::size_t busy = 0;        ///< connections that will come back, as those that are checked will
  std::size_t checking = 0;    ///< being checked or reset
  std::size_t connecting = 0;  ///< on their way, as those that are checked are
  std::size_t open = 0;        ///< all of the user
  std::size_t most = 0;        ///< pool_size
  Duration loan{};             ///< how long one lasts as a rule; zero: not known
  Duration login{};            ///< how long a new connection takes as a rule; zero: not known
  Duration longest_wait{};     ///< of those that wait now
  bool is_lasting = false;     ///< Shortage::is_lasting
};

/// Tells a shortage that lasts from a spike. Programs that come back as soon as they are served
/// keep a queue in which nobody waits for long, but somebody always does: so the time in which
/// anybody waits is what counts. It adds up, a break takes a little of it away, and once it is
/// twice what a login takes, another connection would have paid for itself. A server that is slow
/// to log in, perhaps since many do, makes nobody wait for that longer than `at_most`.
class Shortage {
 public:
  static constexpr Duration at_least = std::chrono::milliseconds(100);
  static constexpr Duration at_most = std::chrono::seconds(1);

  void begin_wait(TimePoint now) {
    count(now);
    ++waiting_;
  }
  void end_wait(TimePoint now) {
    count(now);
    --waiting_;
  }
  /// `login`: how long a new connection takes as a rule.
  [[nodiscard]] bool is_lasting(Duration login, TimePoint now) {
    count(now);
    return waited_ >= std::clamp(2 * login, at_least, at_most);
  }
  /// Connections were begun for it.
  void forget() { waited_ = {}; }

 private:
  void count(TimePoint now);
  std::size_t waiting_ = 0;
  Duration waited_{};
  TimePoint counted_at_{};
};

/// Connections to begin now. One that is lent for two milliseconds serves many before another,
/// which takes 150 to log in, could serve the first: so only the logins that would still wait by
/// then count. They count in full once somebody has waited as long as a login takes, and each
/// deserves its own where the shortage lasts.
[[nodiscard]] std::size_t connections_to_begin(Demand const& demand);

}  // namespace mailpool::imap
