#pragma once
// `poolctl check --nagios`: the findings as a plugin of Nagios or Icinga says them.

#include <string>
#include <vector>

#include "core/control/snapshot.h"

namespace mailpool::poolctl {

struct NagiosAnswer {
  int exit_code = 0;  ///< 0 OK, 1 WARNING, 2 CRITICAL
  std::string text;  ///< a line with figures behind a bar, then a line per finding that is not good
};

/// A mistake is critical: mail or operators suffer.
[[nodiscard]] NagiosAnswer nagios_answer(std::vector<control::Finding> const& findings);

}  // namespace mailpool::poolctl
