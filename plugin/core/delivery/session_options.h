#pragma once
// What a site's settings alone say about its SMTP sessions.

#include "core/config/settings.h"
#include "core/smtp/session.h"

namespace mailpool::delivery {

/// Without what depends on the host and the mail: relay, EHLO name, TLS. A reload that changes any
/// of it leaves no open connection in use.
[[nodiscard]] smtp::SessionSettings session_options(SiteSettings const& settings);

}  // namespace mailpool::delivery
