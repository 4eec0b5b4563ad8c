#include "core/delivery/holds.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/site/suspension_record.h"

namespace mailpool::delivery {

std::pair<std::string, std::string> parts_of(std::string const& scope) {
  auto const blank = std::min(scope.find(' '), scope.size());
  return {scope.substr(0, blank), scope.substr(std::min(blank + 1, scope.size()))};
}

bool Holds::hold(std::string const& scope, site::Suspension why, TimePoint now) {
  if (holds_.size() >= most && !holds_.contains(scope)) return false;
  keep(scope, holds_[scope] = std::move(why), now);
  return true;
}

bool Holds::release(std::string const& scope) {
  if (holds_.erase(scope) == 0) return false;
  context_.store.erase(state::Kind::Suspension, site::suspension_key("site", site_, scope));
  return true;
}

void Holds::release_all() {
  while (!holds_.empty()) release(std::string(holds_.begin()->first));
}

void Holds::expire(TimePoint now) {
  std::erase_if(holds_, [&](auto const& hold) { return hold.second.until <= now; });
}

TimePoint Holds::deadline() const {
  auto next = never;
  for (auto const& [scope, why] : holds_) next = std::min(next, why.until);
  return next;
}

void Holds::keep(TimePoint now) {
  for (auto& [scope, why] : holds_)
    if (why.until > now) keep(scope, why, now);
}

void Holds::keep(std::string const& scope, site::Suspension& why, TimePoint now) {
  site::keep(why, site::suspension_key("site", site_, scope), context_.store,
             context_.clock.wall(now), now);
}

site::Suspension const* Holds::of(std::string_view kind, std::string_view name,
                                  TimePoint now) const {
  if (holds_.empty() || name.empty()) return nullptr;
  auto const it = holds_.find(fmt::format("{} {}", kind, name));
  return it != holds_.end() && it->second.until > now ? &it->second : nullptr;
}

}  // namespace mailpool::delivery
