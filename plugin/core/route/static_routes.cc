#include "core/route/static_routes.h"

#include <utility>

#include "core/base/text.h"

namespace mailpool::route {
namespace {

bool is_literal(std::string_view domain) {
  return domain.size() > 2 && domain.front() == '[' && domain.back() == ']';
}

}  // namespace

StaticRoutes::value_type const* static_route(StaticRoutes const& routes, std::string_view domain) {
  if (routes.empty()) return nullptr;
  auto const entry = [&](std::string_view key) {
    auto const found = routes.find(std::string(key));
    return found == routes.end() ? nullptr : &*found;
  };
  if (auto const* exact = entry(domain)) return exact;
  if (!is_literal(domain))
    for (auto dot = domain.find('.'); dot != std::string_view::npos;
         dot = domain.find('.', dot + 1))
      if (auto const* parent = entry(domain.substr(dot))) return parent;
  return entry("*");
}

std::vector<Host> hosts_of(std::vector<RouteHost> const& entry) {
  std::vector<Host> hosts;
  for (auto const& written : entry) {
    Host host;
    host.name = ascii_lower(written.host);
    host.preference = static_cast<std::uint16_t>(hosts.size());
    host.port = written.port;
    host.may_be_local = true;
    if (auto const address = IpAddress::parse(host.name)) host.addresses.push_back(*address);
    hosts.push_back(std::move(host));
  }
  return hosts;
}

std::vector<Host> host_of_literal(std::string_view domain, std::uint16_t port) {
  if (!is_literal(domain)) return {};
  auto text = domain.substr(1, domain.size() - 2);
  bool const says_v6 = ascii_istarts_with(text, "ipv6:");
  if (says_v6) text.remove_prefix(5);
  auto const address = IpAddress::parse(text);
  if (!address || address->is_v4() == says_v6) return {};
  Host host;
  host.name = address->to_string();
  host.port = port;
  host.addresses.push_back(*address);
  return {host};
}

}  // namespace mailpool::route
