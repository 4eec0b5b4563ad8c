#include "core/config/milter_settings.h"

namespace mailpool {

std::string_view name_of(MilterReply reply) {
  switch (reply) {
    case MilterReply::Accept:
      return "accept";
    case MilterReply::Tempfail:
      return "tempfail";
  }
  return "";
}

std::vector<IpNetwork> networks_of_this_machine() {
  return {IpNetwork::parse("127.0.0.0/8").value(), IpNetwork::parse("::1/128").value()};
}

}  // namespace mailpool
