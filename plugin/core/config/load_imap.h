#pragma once
// Reads [imap.NAME] and [imap.NAME.account], and checks what no single option can.

#include "core/config/section_reader.h"

namespace mailpool {

/// `table` is the value of `imap`: a table whose entries are the profiles.
void read_imap_profiles(SectionReader& reader, Settings& settings, Node const& table);

}  // namespace mailpool
