#include "core/delivery/domain_tally.h"

namespace mailpool::delivery {

DomainTally::Record& DomainTally::record(std::string const& domain) {
  if (auto const known = index_.find(domain); known != index_.end()) {
    records_.splice(records_.begin(), records_, known->second);
    return records_.front();
  }
  records_.push_front({{}, domain});
  index_.emplace(records_.front().domain, records_.begin());
  if (records_.size() > most) {
    unrouted_.erase(records_.back().domain);
    index_.erase(records_.back().domain);
    records_.pop_back();
  }
  return records_.front();
}

void DomainTally::count(std::string const& domain, OutcomeKind kind) {
  record(domain).add(kind);
}

void DomainTally::note_no_route(std::string const& domain, Outcome const& outcome, TimePoint now) {
  auto& known = record(domain);
  known.no_route = outcome.reply_line();
  known.no_route_at = now;
  if (unrouted_.size() >= most_unrouted) make_room(now);
  if (unrouted_.size() < most_unrouted) unrouted_.insert(domain);
}

void DomainTally::note_route(std::string const& domain) {
  auto const known = index_.find(domain);
  if (known == index_.end() || known->second->no_route.empty()) return;
  known->second->no_route.clear();
  unrouted_.erase(domain);
}

void DomainTally::make_room(TimePoint now) {
  std::erase_if(unrouted_, [&](std::string const& domain) {
    auto const* known = find(domain);
    return known == nullptr || !is_listed(*known, now);
  });
}

DomainTally::Record const* DomainTally::find(std::string const& domain) const {
  auto const known = index_.find(domain);
  return known == index_.end() ? nullptr : &*known->second;
}

}  // namespace mailpool::delivery
