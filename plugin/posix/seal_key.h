#pragma once
// Finds the key that seals tenants: systemd's credential "seal.key", or the file of [milter]
// key_file.

#include <string>

#include "core/message/tenant_seal.h"

namespace mailpool::posix {

/// May block on the disk. The file belongs to root or to us, and only its owner and its group may
/// read it. An error names the file, never what is in it.
[[nodiscard]] Result<SealKeys> read_seal_keys(std::string const& key_file);

/// Whether there is anything to read: a host without the milter has no key, and that is no trouble.
[[nodiscard]] bool has_seal_keys(std::string const& key_file);

}  // namespace mailpool::posix
