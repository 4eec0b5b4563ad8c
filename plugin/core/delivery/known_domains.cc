#include "core/delivery/known_domains.h"

#include <algorithm>
#include <utility>

#include "core/delivery/site.h"

namespace mailpool::delivery {
namespace {

constexpr std::size_t most_learned_at_once = 4096;
constexpr std::uint32_t tell_again_every = 3600;  // seconds

std::uint32_t second_of(TimePoint t) {
  return static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count());
}

}  // namespace

void KnownDomains::remember(std::string const& domain, Site& site, TimePoint now) {
  auto const it = index_.find(domain);
  bool is_news = it == index_.end();
  if (is_news) {
    known_.push_front({domain, &site});
    index_.emplace(known_.front().domain, known_.begin());
  } else {
    auto& known = *it->second;
    known_.splice(known_.begin(), known_, it->second);
    is_news = known.site != &site || second_of(now) - known.told >= tell_again_every;
    unlink(known);
  }
  auto& known = known_.front();
  link(known, site);
  if (is_news && learned_.size() < most_learned_at_once) {
    known.told = second_of(now);
    learned_.emplace_back(known.domain, &site);
  }
  if (known_.size() > most_domains) forget(std::prev(known_.end()));
}

void KnownDomains::forget_all_of(Site& site) {
  while (site.newest_domain != nullptr) forget(index_.at(site.newest_domain->domain));
  if (!learned_.empty()) std::erase_if(learned_, [&](auto const& l) { return l.second == &site; });
}

Site* KnownDomains::site_of(std::string const& domain) const {
  auto const it = index_.find(domain);
  return it == index_.end() ? nullptr : it->second->site;
}

KnownDomains::Known const* KnownDomains::newest_of(Site const& site) {
  return site.newest_domain;
}

void KnownDomains::link(Known& known, Site& site) {
  known.site = &site;
  known.newer = nullptr;
  known.older = site.newest_domain;
  if (known.older != nullptr) known.older->newer = &known;
  site.newest_domain = &known;
  ++site.domains;
}

void KnownDomains::unlink(Known& known) {
  if (known.newer != nullptr) known.newer->older = known.older;
  if (known.older != nullptr) known.older->newer = known.newer;
  if (known.site->newest_domain == &known) known.site->newest_domain = known.older;
  --known.site->domains;
}

void KnownDomains::forget(List::iterator known) {
  unlink(*known);
  index_.erase(known->domain);
  known_.erase(known);
}

}  // namespace mailpool::delivery
