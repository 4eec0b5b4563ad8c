#pragma once
// Reads the sections of sources, pools, sender domains and tenants, and checks that every name of a
// source leads somewhere.

#include "core/config/document.h"
#include "core/config/section_reader.h"
#include "core/config/settings.h"

namespace mailpool {

/// Mistakes go to `reader`; `settings` has its sites already.
void load_levels(Node const& root, SectionReader& reader, Settings& settings);

}  // namespace mailpool
