#pragma once
// Which site a domain belongs to: a named one by its `domains` or `mx`, else one made of its MX
// hosts.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/config/settings.h"
#include "core/route/host.h"

namespace mailpool::route {

struct SiteChoice {
  std::string name;
  bool is_named = false;
  std::string why;  ///< for `explain`
  SiteSettings const* settings = nullptr;
};

/// An index over the named sites; a look-up costs the same however many there are. The settings
/// must outlive it.
class SiteDirectory {
 public:
  explicit SiteDirectory(Settings const& settings);

  /// `hosts` by preference, all of them. A named site has them if all match its `mx`: what one host
  /// says acts on the whole site. `route_key` is the entry of [route], or "".
  [[nodiscard]] SiteChoice choose(std::string_view domain, std::vector<Host> const& hosts,
                                  std::string_view route_key) const;
  /// The named site whose `mx` matches one host; "": none.
  [[nodiscard]] std::string site_of_host(std::string_view host) const;

 private:
  struct Match {
    NamedSite const* site = nullptr;
    std::string suffix;
  };
  [[nodiscard]] Match match(std::string_view host) const;
  [[nodiscard]] SiteChoice automatic(std::vector<Host> const& hosts, std::string_view route_key,
                                     std::string why) const;

  Settings const& settings_;
  std::unordered_map<std::string, NamedSite const*> by_domain_;
  std::unordered_map<std::string, NamedSite const*> by_suffix_;
};

}  // namespace mailpool::route
