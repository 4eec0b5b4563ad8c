#pragma once
// The part of the table of options that concerns IMAP.

#include "core/config/table.h"

namespace mailpool {

void add_imap(Table& table);

}  // namespace mailpool
