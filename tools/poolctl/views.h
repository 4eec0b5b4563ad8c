#pragma once
// What each command shows to people: structs in, text for the screen out.

#include <string>
#include <vector>

#include "core/control/actions.h"
#include "core/control/snapshot.h"
#include "poolctl/screen.h"

namespace mailpool::poolctl {

/// Does mail flow, and what is in its way: one sentence.
[[nodiscard]] std::string headline(control::ManagerStatus const& status);
[[nodiscard]] std::string view(control::ManagerStatus const& status, Screen const& screen);
[[nodiscard]] std::string view(control::NameStatus const& status, Screen const& screen);
[[nodiscard]] std::string view(std::vector<control::ConnectionStatus> const& rows,
                               Screen const& screen);
[[nodiscard]] std::string view(control::Explanation const& way, Screen const& screen);
[[nodiscard]] std::string view(std::vector<control::Finding> const& findings, Screen const& screen);
[[nodiscard]] std::string view(control::ImapStatus const& status, Screen const& screen);
[[nodiscard]] std::string view(std::vector<control::ImapConnectionStatus> const& rows,
                               Screen const& screen);
[[nodiscard]] std::string view(control::ReloadReport const& report, Screen const& screen);

}  // namespace mailpool::poolctl
