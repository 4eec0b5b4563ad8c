#include "core/site/concurrency_limit.h"

#include <algorithm>

namespace mailpool::site {

RoomWaiter::~RoomWaiter() {
  leave_lines();
}

void RoomWaiter::leave_lines() {
  for (auto* limit : std::exchange(lines_, {})) {
    limit->needy_.remove(this);
    limit->others_.remove(this);
  }
}

ConcurrencyLimit::~ConcurrencyLimit() {
  assert(in_use_ == 0 && "every permit is given back before its limit goes");
  assert(waiters() == 0 && "who waits for a limit goes before it");
}

void ConcurrencyLimit::stand_in_line(RoomWaiter& waiter, bool is_needy) {
  auto& lines = waiter.lines_;
  if (std::find(lines.begin(), lines.end(), this) != lines.end()) return;
  lines.push_back(this);
  (is_needy ? needy_ : others_).push_back(&waiter);
}

bool ConcurrencyLimit::is_wanted_by_others(RoomWaiter const& who, bool needy_alone) const {
  auto const n = needy_alone ? needy_.size() : waiters();
  if (n <= leaving_) return false;
  if (n > leaving_ + 1U) return true;
  auto const& lines = who.lines_;
  return std::find(lines.begin(), lines.end(), this) == lines.end() ||
         (needy_alone && std::find(needy_.begin(), needy_.end(), &who) == needy_.end());
}

void ConcurrencyLimit::pass_on() {
  auto& line = needy_.empty() ? others_ : needy_;
  if (line.empty() || !has_room()) return;
  auto* const first = line.front();
  line.pop_front();
  std::erase(first->lines_, this);
  first->on_room(*this);
}

}  // namespace mailpool::site
