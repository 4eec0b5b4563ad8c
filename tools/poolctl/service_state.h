#pragma once
// What systemd knows of mailpoold, for the time when it does not answer itself.

#include <string>
#include <string_view>

#include "poolctl/command_runner.h"

namespace mailpool::poolctl {

/// What `systemctl show` says of a unit, as far as it matters here; "" where it says nothing.
struct ServiceState {
  std::string active;     ///< "active", "activating", "failed", "inactive"
  std::string sub;        ///< "running", "auto-restart", "start"
  std::string exit_code;  ///< of its last main process: "78"
  std::string restarts;   ///< by systemd, since somebody started it
  std::string since;      ///< when it came to be so
  [[nodiscard]] bool runs() const { return active == "active" || active == "reloading"; }
  [[nodiscard]] bool is_known() const { return !active.empty(); }
};

/// Of the lines KEY=VALUE; what is missing stays empty.
[[nodiscard]] ServiceState parse_service(std::string_view shown);
/// Why mailpoold does not answer, as systemd and `mailpoold --check` tell; "" where systemd says
/// that it runs, or is not there to be asked. Takes a moment, never long.
[[nodiscard]] std::string why_it_does_not_run(CommandRunner& commands);

}  // namespace mailpool::poolctl
