#include "core/route/no_route.h"

#include <fmt/format.h>

namespace mailpool::route::no_route {
namespace {

std::string_view or_unknown(std::string const& why) {
  return why.empty() ? "no answer" : std::string_view(why);
}

}  // namespace

Outcome no_such_domain(std::string_view domain) {
  return Outcome::local(550, {5, 1, 2},
                        fmt::format("{}: domain not found in DNS (NXDOMAIN)", domain));
}

Outcome takes_no_mail(std::string_view domain) {
  return Outcome::local(556, {5, 1, 10}, fmt::format("{}: domain takes no mail (null MX)", domain));
}

Outcome mx_lookup_failed(std::string_view domain, MxAnswer const& answer) {
  auto const what = answer.status == DnsStatus::Bogus ? "DNSSEC validation of its MX records failed"
                                                      : "lookup of its MX records failed";
  return Outcome::local(451, {4, 4, 3},
                        fmt::format("{}: {}: {}", domain, what, or_unknown(answer.why)));
}

Outcome address_lookup_failed(std::string_view domain, Host const& host) {
  auto const what = host.bogus ? "DNSSEC validation" : "lookup";
  return Outcome::local(451, {4, 4, 3},
                        fmt::format("{}: {} of the addresses of {} failed: {}", domain, what,
                                    host.name, or_unknown(host.why)));
}

Outcome no_usable_name(std::string_view domain) {
  return Outcome::local(550, {5, 4, 4},
                        fmt::format("{}: its MX records name no valid host", domain));
}

Outcome no_address(std::string_view domain, bool is_implicit) {
  auto const what =
      is_implicit ? "it has neither MX nor address records" : "none of its MX hosts has an address";
  return Outcome::local(550, {5, 4, 4}, fmt::format("{}: {}", domain, what));
}

Outcome all_prohibited(std::string_view domain, Host const& host) {
  return Outcome::local(
      550, {5, 4, 4},
      fmt::format("{}: its MX hosts have only prohibited addresses: {}[{}] (option prohibited)",
                  domain, host.name, host.addresses.front().to_string()));
}

Outcome loops_back(std::string_view domain, Host const& host) {
  return Outcome::local(
      550, {5, 4, 6},
      fmt::format("{}: mail loops back to this machine: no MX host is preferred to {}, which it is",
                  domain, host.name));
}

Outcome wrong_family(std::string_view domain, int family) {
  return Outcome::local(451, {4, 4, 4},
                        fmt::format("{}: its hosts have no IPv{} address, and option ip = \"{}\"",
                                    domain, family, family));
}

Outcome too_many_dead_hosts(std::string_view domain, std::size_t asked, std::size_t all) {
  return Outcome::local(
      451, {4, 4, 4},
      fmt::format("{}: none of the {} most preferred of its {} MX hosts is usable", domain, asked,
                  all));
}

Outcome route_without_address(std::string_view domain, std::string_view key) {
  return Outcome::local(451, {4, 4, 4},
                        fmt::format("{}: no host of [route] \"{}\" has an address", domain, key));
}

Outcome too_many_questions(std::string_view domain) {
  return Outcome::local(451, {4, 4, 3}, fmt::format("{}: too many DNS lookups under way", domain));
}

}  // namespace mailpool::route::no_route
