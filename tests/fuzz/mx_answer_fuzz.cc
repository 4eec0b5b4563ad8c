// DNS answers of any shape: what is made of them is bounded, and no name gets through that is none.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/route/dns_wire.h"
#include "core/route/host_name.h"
#include "core/route/mx_hosts.h"

using namespace mailpool;
using namespace mailpool::route;

namespace {

void demand(bool truth) {
  if (!truth) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  Octets const message(data, size);
  auto mx = parse_mx_answer(message);
  demand((mx.status == DnsStatus::Answer) == (!mx.records.empty() || mx.rejected != 0));
  demand(mx.ttl >= Duration::zero());
  demand(mx.records.size() * 13 <= size);
  for (auto const& record : mx.records) demand(record.host.empty() || is_host_name(record.host));
  if (auto const hosts = mx_hosts("example.org", std::move(mx)); hosts) {
    demand(!hosts->empty());
    for (auto const& host : *hosts) demand(is_host_name(host.host));
  } else {
    demand(hosts.error().code >= 400);
  }
  for (auto const family : {IpAddress::Family::V4, IpAddress::Family::V6}) {
    auto const answer = parse_address_answer(message, family);
    demand((answer.status == DnsStatus::Answer) == !answer.addresses.empty());
    for (auto const& address : answer.addresses) demand(address.family() == family);
  }
  return 0;
}
