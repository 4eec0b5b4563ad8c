#pragma once
// Reads [login.NAME], and checks that every name of a login leads somewhere.

#include "core/config/document.h"
#include "core/config/section_reader.h"
#include "core/config/settings.h"

namespace mailpool {

/// Mistakes go to `reader`; `settings` has its routes and sender domains already.
void load_logins(Node const& root, SectionReader& reader, Settings& settings);

}  // namespace mailpool
