#pragma once
// What libmilter calls. It has no argument for what is ours, so that one pointer is set before it
// starts and never changes after.

#include <libmilter/mfapi.h>

#include "milter/gate.h"
#include "milter/session.h"

namespace mailpool::milter {

/// Before smfi_main(); both must outlive it.
void set_service(Shared const& shared, Gate& gate);

/// Its text lives as long as the process.
[[nodiscard]] smfiDesc description();

}  // namespace mailpool::milter
