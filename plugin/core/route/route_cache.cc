#include "core/route/route_cache.h"

#include <utility>

namespace mailpool::route {

Known const* RouteCache::find(std::string const& domain, TimePoint now) {
  drop_expired(now);
  auto const found = by_domain_.find(domain);
  if (found == by_domain_.end()) return nullptr;
  auto const entry = found->second;
  if (now >= entry->known.expires) {
    by_domain_.erase(found);
    entries_.erase(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return &entry->known;
}

Known const* RouteCache::peek(std::string const& domain, TimePoint now) const {
  auto const found = by_domain_.find(domain);
  if (found == by_domain_.end() || now >= found->second->known.expires) return nullptr;
  return &found->second->known;
}

Known const& RouteCache::insert(std::string const& domain, Known known) {
  if (auto const found = by_domain_.find(domain); found != by_domain_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().known = std::move(known);
  }
  entries_.push_front({domain, std::move(known)});
  by_domain_.emplace(entries_.front().domain, entries_.begin());
  if (entries_.size() > most_) {
    by_domain_.erase(entries_.back().domain);
    entries_.pop_back();
  }
  return entries_.front().known;
}

// Two for each that can be added: so what is not asked for any more does not stay until the cache
// is full.
void RouteCache::drop_expired(TimePoint now) {
  for (int i = 0; i < 2 && !entries_.empty() && now >= entries_.back().known.expires; ++i) {
    by_domain_.erase(entries_.back().domain);
    entries_.pop_back();
  }
}

void RouteCache::clear() {
  by_domain_.clear();
  entries_.clear();
}

}  // namespace mailpool::route
