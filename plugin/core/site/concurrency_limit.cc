#include "core/site/concurrency_limit.h"

#include <algorithm>

namespace mailpool::site {

RoomWaiter::~RoomWaiter() {
  leave_lines();
}

void RoomWaiter::leave_lines() {
  for (auto* limit : std::exchange(lines_, {})) limit->line_.remove(this);
}

ConcurrencyLimit::~ConcurrencyLimit() {
  assert(in_use_ == 0 && "every permit is given back before its limit goes");
  assert(line_.empty() && "who waits for a limit goes before it");
}

void ConcurrencyLimit::stand_in_line(RoomWaiter& waiter) {
  auto& lines = waiter.lines_;
  if (std::find(lines.begin(), lines.end(), this) != lines.end()) return;
  lines.push_back(this);
  line_.push_back(&waiter);
}

void ConcurrencyLimit::pass_on() {
  if (line_.empty() || !has_room()) return;
  auto* const first = line_.front();
  line_.pop_front();
  std::erase(first->lines_, this);
  first->on_room(*this);
}

}  // namespace mailpool::site
