#pragma once
// Reads [[rule]], and finds rules that cannot mean anything. What their patterns can match is
// looked at by core/rules.

#include <set>
#include <string>

#include "core/config/document.h"
#include "core/config/section_reader.h"
#include "core/config/settings.h"

namespace mailpool {

/// Mistakes go to `reader`; `settings` has its sites already. Rules of sites in `dropped` are left
/// out: their hosts belong to other sites.
void load_rules(Node const& root, SectionReader& reader,
                std::set<std::string, std::less<>> const& dropped, Settings& settings);

}  // namespace mailpool
