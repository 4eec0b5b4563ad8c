#include "core/route/selection.h"

#include <algorithm>
#include <string_view>

namespace mailpool::route {
namespace {

// FNV-1a, then stirred: neighbours must not keep their order.
std::uint64_t rank(Salt salt, std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U ^ salt;
  for (char const c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash = (hash ^ hash >> 30U) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ hash >> 27U) * 0x94d049bb133111ebU;
  return hash ^ hash >> 31U;
}

std::uint64_t rank(Salt salt, IpAddress const& address) {
  std::string const bytes(address.octets().begin(), address.octets().end());
  return rank(salt, bytes);
}

template <class T, class Name>
void sort_by_preference(std::vector<T>& hosts, Salt salt, Name name) {
  std::stable_sort(hosts.begin(), hosts.end(), [&](T const& a, T const& b) {
    return a.preference != b.preference ? a.preference < b.preference
                                        : rank(salt, name(a)) < rank(salt, name(b));
  });
}

std::vector<IpAddress> alternating(std::vector<IpAddress> const& v6,
                                   std::vector<IpAddress> const& v4) {
  std::vector<IpAddress> mixed;
  mixed.reserve(v6.size() + v4.size());
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) mixed.push_back(v6[i]);
    if (i < v4.size()) mixed.push_back(v4[i]);
  }
  return mixed;
}

std::vector<IpAddress> joined(std::vector<IpAddress> first, std::vector<IpAddress> const& then) {
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

}  // namespace

void keep_few_hosts(std::vector<MxRecord>& hosts, std::size_t most, Salt salt) {
  sort_by_preference(hosts, salt, [](MxRecord const& r) { return std::string_view(r.host); });
  if (hosts.size() > most) hosts.resize(most);
}

void keep_few_addresses(std::vector<Host>& hosts, IpPreference ip, Salt salt) {
  sort_by_preference(hosts, salt, [](Host const& h) { return std::string_view(h.name); });
  std::size_t const share = hosts.size() > 1 ? most_targets_of_one_host : most_targets;
  std::size_t left = most_targets;
  for (auto& host : hosts) {
    std::sort(
        host.addresses.begin(), host.addresses.end(),
        [&](IpAddress const& a, IpAddress const& b) { return rank(salt, a) < rank(salt, b); });
    host.addresses.erase(std::unique(host.addresses.begin(), host.addresses.end()),
                         host.addresses.end());
    auto kept = by_family(host.addresses, ip);
    kept.resize(std::min({kept.size(), share, left}));
    kept.shrink_to_fit();
    left -= kept.size();
    host.addresses = std::move(kept);
  }
  hosts.erase(
      std::remove_if(hosts.begin(), hosts.end(), [](Host const& h) { return h.addresses.empty(); }),
      hosts.end());
  hosts.shrink_to_fit();
}

std::vector<IpAddress> by_family(std::vector<IpAddress> const& addresses, IpPreference ip) {
  std::vector<IpAddress> v4;
  std::vector<IpAddress> v6;
  for (auto const& address : addresses) (address.is_v4() ? v4 : v6).push_back(address);
  switch (ip) {
    case IpPreference::Any:
      return alternating(v6, v4);
    case IpPreference::Only4:
      return v4;
    case IpPreference::Only6:
      return v6;
    case IpPreference::Prefer4:
      return joined(std::move(v4), v6);
    case IpPreference::Prefer6:
      return joined(std::move(v6), v4);
  }
  return addresses;
}

}  // namespace mailpool::route
