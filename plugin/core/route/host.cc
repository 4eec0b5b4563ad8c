#include "core/route/host.h"

namespace mailpool::route {

void note_answer(Host& host, AddressAnswer const& answer) {
  switch (answer.status) {
    case DnsStatus::Answer:
      if (host.addresses.empty()) {
        host.is_signed = answer.secure;
        host.canonical = answer.canonical;
      } else {
        host.is_signed = host.is_signed && answer.secure;
        if (host.canonical != answer.canonical) host.canonical.clear();
      }
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
