#include "core/route/usable_hosts.h"

#include <algorithm>

#include "core/route/no_route.h"
#include "core/route/router.h"
#include "core/route/selection.h"

namespace mailpool::route {
namespace {

bool is_of_family(IpAddress const& address, IpPreference ip) {
  return address.is_v4() ? wants_v4(ip) : wants_v6(ip);
}

bool is_this_machine(Host const& host, std::vector<IpAddress> const& own) {
  // What is prohibited anywhere is nobody's address, and so not ours either.
  auto const is_own = [&](IpAddress const& a) {
    return is_prohibited(a, {}, own) && !is_prohibited(a, {}, {});
  };
  return !host.may_be_local && std::any_of(host.addresses.begin(), host.addresses.end(), is_own);
}

std::vector<Host> with_allowed_addresses(std::vector<Host> const& hosts, HostRules const& rules) {
  std::vector<Host> usable;
  for (auto host : hosts) {
    auto const is_out = [&](IpAddress const& a) {
      return !is_of_family(a, rules.ip) ||
             (!host.may_be_local && is_prohibited(a, rules.prohibited, rules.own));
    };
    auto& list = host.addresses;
    list.erase(std::remove_if(list.begin(), list.end(), is_out), list.end());
    if (!list.empty()) usable.push_back(std::move(host));
  }
  return usable;
}

bool lacks_family(Host const& host, IpPreference ip) {
  auto const fits = [&](IpAddress const& a) { return is_of_family(a, ip); };
  return std::none_of(host.addresses.begin(), host.addresses.end(), fits) &&
         (host.has_no_data || !host.addresses.empty());
}

// Temporary reasons first: a bounce needs that every host is out for good.
Outcome why_none(Origin const& origin, std::vector<Host> const& hosts, IpPreference ip) {
  auto const first = [&](auto&& is) { return std::find_if(hosts.begin(), hosts.end(), is); };
  if (auto const h = first([](Host const& host) { return host.failed; }); h != hosts.end())
    return no_route::address_lookup_failed(origin.domain, *h);
  bool const one_family = ip == IpPreference::Only4 || ip == IpPreference::Only6;
  if (one_family && first([&](Host const& host) { return lacks_family(host, ip); }) != hosts.end())
    return no_route::wrong_family(origin.domain, ip == IpPreference::Only4 ? 4 : 6);
  if (!origin.route_key.empty())
    return no_route::route_without_address(origin.domain, origin.route_key);
  if (origin.all_hosts > hosts.size())
    return no_route::too_many_dead_hosts(origin.domain, hosts.size(), origin.all_hosts);
  if (auto const h = first([](Host const& host) { return !host.addresses.empty(); });
      h != hosts.end())
    return no_route::all_prohibited(origin.domain, *h);
  return no_route::no_address(origin.domain, origin.is_implicit);
}

}  // namespace

tl::expected<std::vector<Host>, Outcome> usable_hosts(Origin const& origin, std::vector<Host> hosts,
                                                      HostRules const& rules) {
  auto const self = std::find_if(hosts.begin(), hosts.end(),
                                 [&](Host const& h) { return is_this_machine(h, rules.own); });
  auto const cut =
      self == hosts.end() ? self : std::lower_bound(hosts.begin(), self, *self, ByPreference());
  if (cut == hosts.begin() && self != hosts.end())
    return tl::make_unexpected(no_route::loops_back(origin.domain, *self));
  bool const was_cut = cut != hosts.end();
  hosts.erase(cut, hosts.end());
  auto usable = with_allowed_addresses(hosts, rules);
  if (!usable.empty()) return usable;
  auto where = origin;
  if (was_cut) where.all_hosts = hosts.size();  // what lies behind this machine does not count
  return tl::make_unexpected(why_none(where, hosts, rules.ip));
}

}  // namespace mailpool::route
