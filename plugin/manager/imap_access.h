#pragma once
// Who may use which IMAP profile, and the passwords of accounts: looked up and read when the
// configuration is, since both may block.

#include "manager/configuration.h"

namespace mailpool::manager {

/// Fills in what concerns IMAP, and the warnings of it.
void read_imap_access(Configuration& configuration);

}  // namespace mailpool::manager
