#include "core/pool/growth.h"

#include <algorithm>

namespace mailpool::pool {

std::size_t connections_to_begin(Demand const& demand) {
  if (demand.waiting == 0 || demand.open >= demand.most) return 0;
  auto const justified =
      (demand.waiting + messages_worth_a_connection - 1) / messages_worth_a_connection;
  auto const missing = justified > demand.connecting ? justified - demand.connecting : 0;
  return std::min(missing, demand.most - demand.open);
}

}  // namespace mailpool::pool
