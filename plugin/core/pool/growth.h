#pragma once
// How many connections a backlog deserves: pure, tested as a table.

#include <algorithm>
#include <cstddef>

#include "core/base/time.h"

namespace mailpool::pool {

/// A connection costs about as much as this many messages on a warm one (TCP, greeting, EHLO, TLS
/// against one round trip).
inline constexpr std::size_t messages_worth_a_connection = 4;

struct Demand {
  std::size_t waiting = 0;     ///< uses that could start now if they had a connection
  std::size_t connecting = 0;  ///< connections on their way (connecting or checking)
  std::size_t open = 0;        ///< all connections, whatever their state
  std::size_t most = 0;        ///< max_connections
  bool is_lasting = false;     ///< Backlog::is_lasting
};

/// Connections to begin now. The first waiting one gets one at once, so that nobody waits behind a
/// slow transaction; more are begun in proportion to the backlog, since those on their way and
/// those in use will come free. Where they did not come free soon enough, each that waits deserves
/// its own. Never above `most`.
[[nodiscard]] std::size_t connections_to_begin(Demand const& demand);

/// Tells a backlog that lasts from one that the connections there are will soon have served. An MTA
/// shows only as much of its queue as it hands over at once: however long that queue is, no message
/// waits for long, but something always does.
class Backlog {
 public:
  static constexpr Duration at_least = std::chrono::milliseconds(100);

  /// How many waited, after the queue was looked at.
  void note_waiting(std::size_t waiting, TimePoint now);
  /// A connection was ready so long after it was begun.
  void note_ready(Duration took) { long_ = std::max(2 * took, at_least); }
  /// Something has been waiting without a break for twice as long as a connection takes: once for
  /// those that were begun for it, once more for what they could have done. On a fast network no
  /// blink of an eye is a backlog that lasts.
  [[nodiscard]] bool is_lasting(TimePoint now) const;

 private:
  TimePoint since_ = never;
  Duration long_ = Duration::max();
};

}  // namespace mailpool::pool
