#include "core/route/resolver.h"

namespace mailpool::route {

std::string_view name_of(DnsStatus status) {
  switch (status) {
    case DnsStatus::Answer:
      return "answer";
    case DnsStatus::NoData:
      return "no data";
    case DnsStatus::NoName:
      return "no such name";
    case DnsStatus::Failure:
      return "failure";
    case DnsStatus::Bogus:
      return "bogus";
  }
  return "failure";
}

}  // namespace mailpool::route
