#pragma once
// libmilter's side: registers the callbacks, opens the socket, and runs until SIGTERM.

#include <string>

#include "core/base/log.h"
#include "core/base/result.h"
#include "milter/gate.h"
#include "milter/session.h"

namespace mailpool::milter {

/// Blocks until the process is told to end. References must outlive the call; it can be called once
/// in a process, since libmilter's state is the process's.
[[nodiscard]] Result<void> serve(std::string const& socket, Shared const& shared, Gate& gate,
                                 Log& log);

}  // namespace mailpool::milter
