#pragma once
// What of a profile's settings is part of its connections' reuse key.

#include <string>
#include <string_view>

#include "core/config/imap_settings.h"
#include "core/pool/reuse_key.h"

namespace mailpool::imap {

[[nodiscard]] pool::WireTls wire_tls_of(ImapSettings const& settings);
/// Who vouches for the server (the digest of these authorities, or nobody), and what it is shown of
/// us.
[[nodiscard]] std::string tls_settings_of(ImapSettings const& settings,
                                          std::string_view authorities);

}  // namespace mailpool::imap
