#include "core/route/host.h"

namespace mailpool::route {

void note_answer(Host& host, AddressAnswer const& answer) {
  switch (answer.status) {
    case DnsStatus::Answer:
      host.addresses.insert(host.addresses.end(), answer.addresses.begin(), answer.addresses.end());
      return;
    case DnsStatus::NoData:
      host.has_no_data = true;
      return;
    case DnsStatus::NoName:
      return;
    case DnsStatus::Bogus:
      host.bogus = true;
      [[fallthrough]];
    case DnsStatus::Failure:
      host.failed = true;
      host.why = answer.why;
      return;
  }
}

}  // namespace mailpool::route
