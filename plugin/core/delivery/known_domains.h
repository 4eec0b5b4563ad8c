#pragma once
// Which site each domain was last seen at, and which domains each site has: bounded, the least
// recently used is forgotten first. What it costs does not depend on how many there are.

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/time.h"

namespace mailpool::delivery {

class Site;

/// Known domains are bounded; those least recently used are forgotten.
inline constexpr std::size_t most_domains = 65536;

class KnownDomains {
 public:
  /// Mail to the domain went to the site.
  void remember(std::string const& domain, Site& site, TimePoint now);
  void forget_all_of(Site& site);
  /// Null for one that is not known.
  [[nodiscard]] Site* site_of(std::string const& domain) const;
  [[nodiscard]] std::size_t size() const { return known_.size(); }

  /// Calls back with the site of each domain, most recently used first, while it returns true.
  template <class Visitor>
  void visit_recent_sites(Visitor&& visitor) const {
    for (auto const& known : known_)
      if (!visitor(*known.site)) return;
  }
  /// Calls back with each domain of a site, most recently used first, while it returns true.
  template <class Visitor>
  void visit_domains_of(Site const& site, Visitor&& visitor) const {
    for (auto const* known = newest_of(site); known != nullptr; known = known->older)
      if (!visitor(known->domain)) return;
  }
  /// Calls back with each domain whose site was learned since the last call, and now and then with
  /// those that are still in use.
  template <class Visitor>
  void visit_learned(Visitor&& visitor) {
    for (auto const& [domain, site] : learned_) visitor(domain, *site);
    learned_.clear();
  }

  struct Known {
    std::string domain;
    Site* site;
    std::uint32_t told = 0;  ///< the second in which visit_learned() was last given it
    Known* newer = nullptr;  ///< of the same site
    Known* older = nullptr;
  };

 private:
  using List = std::list<Known>;
  static Known const* newest_of(Site const& site);
  static void link(Known& known, Site& site);
  static void unlink(Known& known);
  void forget(List::iterator known);

  List known_;  ///< most recently used first
  std::unordered_map<std::string_view, List::iterator> index_;
  std::vector<std::pair<std::string, Site*>> learned_;
};

}  // namespace mailpool::delivery
