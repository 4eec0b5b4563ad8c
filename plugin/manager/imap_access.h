#pragma once
// Who may use which IMAP profile, and the passwords of accounts: looked up and read when the
// configuration is, since both may block.

#include "manager/configuration.h"

namespace mailpool::manager {

/// Users who may connect by allow_users and cannot open the socket (socket_mode, socket_group): a
/// sentence for each profile and user. May block on the name service.
[[nodiscard]] std::vector<std::string> users_kept_out(Settings const& settings);
/// Fills in what concerns IMAP, and the warnings of it.
void read_imap_access(Configuration& configuration);

}  // namespace mailpool::manager
