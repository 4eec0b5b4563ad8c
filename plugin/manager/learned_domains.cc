#include "manager/learned_domains.h"

namespace mailpool::manager {

bool LearnedDomains::learn(std::string_view domain, std::string_view site, TimePoint now) {
  if (auto const known = by_name_.find(domain); known != by_name_.end()) {
    auto const at = known->second;
    domains_.splice(domains_.begin(), domains_, at);
    at->used = now;
    if (at->site == site) return false;
    at->site = site;
    return true;
  }
  if (domains_.size() >= bound_) {
    by_name_.erase(domains_.back().name);
    domains_.pop_back();
  }
  domains_.push_front({std::string(domain), std::string(site), now});
  by_name_.emplace(domains_.front().name, domains_.begin());
  return true;
}

bool LearnedDomains::expire(TimePoint now) {
  bool is_news = false;
  while (!domains_.empty() && after(domains_.back().used, kept_for) <= now) {
    by_name_.erase(domains_.back().name);
    domains_.pop_back();
    is_news = true;
  }
  return is_news;
}

}  // namespace mailpool::manager
