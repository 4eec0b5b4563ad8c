#include "core/route/resolver.h"

namespace mailpool::route {

std::unique_ptr<Question> Resolver::records(std::string const&, std::uint16_t,
                                            RecordListener& listener) {
  RecordAnswer nothing;
  nothing.status = DnsStatus::NoData;
  listener.on_records(std::move(nothing));
  return nullptr;
}

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
