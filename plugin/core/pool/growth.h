#pragma once
// How many connections a backlog deserves: a pure function, tested as a table.

#include <cstddef>

namespace mailpool::pool {

/// A connection costs about as much as this many messages on a warm one (TCP, greeting, EHLO, TLS
/// against one round trip).
inline constexpr std::size_t messages_worth_a_connection = 4;

struct Demand {
  std::size_t waiting = 0;     ///< uses that could start now if they had a connection
  std::size_t connecting = 0;  ///< connections on their way (connecting or checking)
  std::size_t open = 0;        ///< all connections, whatever their state
  std::size_t most = 0;        ///< max_connections
};

/// Connections to begin now. The first waiting one gets one at once, so that nobody waits behind a
/// slow transaction; more are begun in proportion to the backlog, since those on their way and
/// those in use will come free. Never above `most`.
[[nodiscard]] std::size_t connections_to_begin(Demand const& demand);

}  // namespace mailpool::pool
