#include "core/route/mx_hosts.h"

#include <algorithm>
#include <tuple>

#include "core/route/host.h"
#include "core/route/host_name.h"
#include "core/route/no_route.h"

namespace mailpool::route {
namespace {

bool is_null_mx(std::vector<MxRecord> const& records, std::uint32_t rejected) {
  return rejected == 0 && !records.empty() &&
         std::all_of(records.begin(), records.end(),
                     [](MxRecord const& r) { return r.host.empty(); });
}

void keep_best_of_each_name(std::vector<MxRecord>& hosts) {
  std::sort(hosts.begin(), hosts.end(), [](MxRecord const& a, MxRecord const& b) {
    return std::tie(a.host, a.preference) < std::tie(b.host, b.preference);
  });
  auto const same_host = [](MxRecord const& a, MxRecord const& b) { return a.host == b.host; };
  hosts.erase(std::unique(hosts.begin(), hosts.end(), same_host), hosts.end());
}

tl::expected<std::vector<MxRecord>, Outcome> hosts_of_records(std::string const& domain,
                                                              MxAnswer answer) {
  if (is_null_mx(answer.records, answer.rejected))
    return tl::make_unexpected(no_route::takes_no_mail(domain));
  auto hosts = std::move(answer.records);
  // A root beside other records breaks RFC 7505; like every name that is none, it is passed over.
  hosts.erase(std::remove_if(hosts.begin(), hosts.end(),
                             [](MxRecord const& r) { return !is_host_name(r.host); }),
              hosts.end());
  if (hosts.empty()) return tl::make_unexpected(no_route::no_usable_name(domain));
  keep_best_of_each_name(hosts);
  std::stable_sort(hosts.begin(), hosts.end(), ByPreference());
  return hosts;
}

}  // namespace

tl::expected<std::vector<MxRecord>, Outcome> mx_hosts(std::string const& domain, MxAnswer answer) {
  switch (answer.status) {
    case DnsStatus::Answer:
      return hosts_of_records(domain, std::move(answer));
    case DnsStatus::NoData:
      return std::vector<MxRecord>{{0, domain}};
    case DnsStatus::NoName:
      return tl::make_unexpected(no_route::no_such_domain(domain));
    case DnsStatus::Failure:
    case DnsStatus::Bogus:
      break;
  }
  return tl::make_unexpected(no_route::mx_lookup_failed(domain, answer));
}

}  // namespace mailpool::route
