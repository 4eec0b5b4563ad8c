#include "core/pool/growth.h"

#include <algorithm>

namespace mailpool::pool {

std::size_t connections_to_begin(Demand const& demand) {
  if (demand.waiting == 0 || demand.open >= demand.most) return 0;
  auto const each = demand.is_lasting ? 1 : messages_worth_a_connection;
  auto const justified = (demand.waiting + each - 1) / each;
  auto const missing = justified > demand.connecting ? justified - demand.connecting : 0;
  return std::min(missing, demand.most - demand.open);
}

void Backlog::note_waiting(std::size_t waiting, TimePoint now) {
  since_ = waiting == 0 ? never : std::min(since_, now);
}

bool Backlog::is_lasting(TimePoint now) const {
  return since_ != never && now - since_ >= long_;
}

}  // namespace mailpool::pool
