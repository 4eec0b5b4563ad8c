#pragma once
// mailpool.toml as the milter needs it, its socket's place, and the key. Read once, at the start.

#include <optional>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "core/message/tenant_seal.h"

namespace mailpool::milter {

struct Configuration {
  Settings settings;
  std::string listen;                 ///< where the MTA finds the milter
  std::optional<SealKeys> keys;       ///< none: no tenant is handed on
  std::vector<std::string> mistakes;  ///< if any, the rest is of no use
  std::vector<std::string> warnings;
};

[[nodiscard]] Configuration read_configuration(std::string const& path);

/// The socket of [milter] listen; for "", in Postfix's queue directory if there is one: only there
/// can Postfix reach it from its chroot.
[[nodiscard]] std::string socket_place(Settings const& settings);

}  // namespace mailpool::milter
