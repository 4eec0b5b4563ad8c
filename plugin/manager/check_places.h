#pragma once
// `--check`, beyond the text of the configuration: files that the service needs, looked at as its
// user, with what its sandbox leaves of them.

#include <optional>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "manager/service_sandbox.h"

namespace mailpool::manager {

/// Sentences, each with the option, the file, what is wrong and what would be right. Blocks on the
/// disk. Credentials of systemd are looked at only where there are some.
[[nodiscard]] std::vector<std::string> places_out_of_reach(
    Settings const& settings, std::optional<ServiceSandbox> const& sandbox);

/// The same as the service's user sees it: where this is root, a child process becomes that user.
[[nodiscard]] std::vector<std::string> places_out_of_the_service(Settings const& settings);

}  // namespace mailpool::manager
