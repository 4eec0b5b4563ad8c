#pragma once
// The configuration file as the manager needs it: settings, names looked up, and what was wrong.
// Reading it may block: never on the loop's path once mail flows.

#include <optional>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "manager/users.h"

namespace mailpool::manager {

struct Configuration {
  Settings settings;
  Users lmtp_users;
  Users read_users;
  Users write_users;
  Users milter_users;
  std::vector<std::string> mistakes;  ///< FILE:LINE: what is wrong, and what would be right; if
                                      ///< any, the settings are of no use
  std::vector<std::string> warnings;
  std::vector<IpAddress> own_addresses;
};

/// Reads the file; a hostname that is not set becomes the machine's fully qualified name.
[[nodiscard]] Configuration read_configuration(std::string const& path);
[[nodiscard]] std::string machine_name();

}  // namespace mailpool::manager
