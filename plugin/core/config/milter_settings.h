#pragma once
// [milter]: what mailpool-milter does at the MTA's front door.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.h"
#include "core/base/time.h"

namespace mailpool {

enum class MilterReply : std::uint8_t {
  Accept,    ///< into the MTA's queue
  Tempfail,  ///< 451 4.7.1, before anything is queued
};
[[nodiscard]] std::string_view name_of(MilterReply reply);

/// The machine itself: where a header that names a tenant is believed without more ado.
[[nodiscard]] std::vector<IpNetwork> networks_of_this_machine();

struct MilterSettings {
  std::string listen;  ///< "": in Postfix's queue directory where there is one, else in /run
  std::string key_file = "/etc/mailpool/seal.key";
  std::vector<std::string> allow_users{"root", "mailpool-milter"};
  std::vector<std::string> tenant_from{"header:X-Mailpool-Tenant", "login", "client"};
  std::string campaign_header = "X-Mailpool-Campaign";
  std::vector<IpNetwork> header_clients = networks_of_this_machine();
  std::vector<std::string> mailers{"mailpool"};
  MilterReply on_suspended = MilterReply::Accept;
  MilterReply on_manager_down = MilterReply::Accept;
  Duration deadline = std::chrono::milliseconds(5);
  Duration cache = std::chrono::seconds(1);
  bool operator==(MilterSettings const&) const = default;
};

}  // namespace mailpool
