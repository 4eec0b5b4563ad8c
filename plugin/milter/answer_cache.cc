#include "milter/answer_cache.h"

#include <algorithm>

namespace mailpool::milter {

// Neither has a blank in it.
std::string AnswerCache::key_of(std::string const& domain, std::string const& tenant) {
  return domain + ' ' + tenant;
}

std::optional<admission::Answer> AnswerCache::find(std::string const& domain,
                                                   std::string const& tenant, Time now) {
  if (longest_ == Duration::zero()) return std::nullopt;
  auto const key = key_of(domain, tenant);
  std::lock_guard const lock(mutex_);
  auto const found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  if (now < found->second.until) return found->second.answer;
  entries_.erase(found);
  return std::nullopt;
}

void AnswerCache::remember(std::string const& domain, std::string const& tenant,
                           admission::Answer const& answer, Time now) {
  auto const keep = std::min<Duration>(longest_, std::chrono::milliseconds(answer.keep_for));
  if (keep <= Duration::zero()) return;
  std::lock_guard const lock(mutex_);
  // What is remembered is worth a moment: making room by forgetting all of it is cheap enough.
  if (entries_.size() >= most) entries_.clear();
  entries_.insert_or_assign(key_of(domain, tenant), Entry{answer, now + keep});
}

std::size_t AnswerCache::size() {
  std::lock_guard const lock(mutex_);
  return entries_.size();
}

}  // namespace mailpool::milter
