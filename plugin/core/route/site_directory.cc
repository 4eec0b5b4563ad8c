#include "core/route/site_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "core/base/text.h"
#include "core/route/site_name.h"

namespace mailpool::route {
namespace {

SiteChoice named(NamedSite const& site, std::string why) {
  return {site.name, true, std::move(why), &site.settings};
}

}  // namespace

SiteDirectory::SiteDirectory(Settings const& settings) : settings_(settings) {
  for (auto const& [name, site] : settings.sites) {
    for (auto const& domain : site.domains) by_domain_.emplace(ascii_lower(domain), &site);
    for (auto const& suffix : site.mx) by_suffix_.emplace(ascii_lower(suffix), &site);
  }
}

SiteChoice SiteDirectory::choose(std::string_view domain, std::vector<Host> const& hosts,
                                 std::string_view route_key) const {
  assert(!hosts.empty() && "a site is chosen once the hosts are known");
  if (auto const found = by_domain_.find(std::string(domain)); found != by_domain_.end())
    return named(*found->second, fmt::format("domains of [site.{}]", found->second->name));
  // Whoever runs one of its hosts could otherwise have what it says held against the others.
  auto const first = match(hosts.front().name);
  bool const is_one = std::all_of(hosts.begin(), hosts.end(),
                                  [&](Host const& h) { return match(h.name).site == first.site; });
  if (is_one && first.site != nullptr)
    return named(*first.site, fmt::format("mx matches {}", first.suffix));
  return automatic(
      hosts, route_key,
      is_one ? "its MX hosts" : "its MX hosts (mixed: they are not all of one named site)");
}

std::string SiteDirectory::site_of_host(std::string_view host) const {
  auto const found = match(host);
  return found.site == nullptr ? std::string() : found.site->name;
}

SiteDirectory::Match SiteDirectory::match(std::string_view host) const {
  if (by_suffix_.empty()) return {};
  for (auto dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    std::string suffix(host.substr(dot));
    if (auto const found = by_suffix_.find(suffix); found != by_suffix_.end())
      return {found->second, std::move(suffix)};
  }
  return {};
}

SiteChoice SiteDirectory::automatic(std::vector<Host> const& hosts, std::string_view route_key,
                                    std::string why) const {
  std::vector<std::string> labels;
  labels.reserve(hosts.size());
  for (auto const& host : hosts)
    labels.push_back(host_label(host.name, route_key.empty() ? std::uint16_t{25} : host.port));
  if (!route_key.empty()) why = fmt::format("[route] \"{}\"", route_key);
  return {automatic_site_name(std::move(labels)), false, std::move(why), &settings_.smtp};
}

}  // namespace mailpool::route
