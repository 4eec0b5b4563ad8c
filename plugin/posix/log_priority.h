#pragma once
// The levels of our log lines in syslog's numbers, which are the journal's too.

#include <syslog.h>

#include "core/base/log.h"

namespace mailpool::posix {

[[nodiscard]] constexpr int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return LOG_DEBUG;
    case LogLevel::Info:
      return LOG_INFO;
    case LogLevel::Warning:
      return LOG_WARNING;
    case LogLevel::Error:
      break;
  }
  return LOG_ERR;
}

}  // namespace mailpool::posix
