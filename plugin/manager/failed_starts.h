#pragma once
// How often mailpoold could not start of late: systemd starts it again at once, and a configuration
// with a mistake in it stays one until somebody mends it.

#include <string>

#include "core/base/time.h"

namespace mailpool::manager {

/// Kept in the service's StateDirectory, so that the next process knows; without one (started by
/// hand) nothing is kept and nothing waits.
class FailedStarts {
 public:
  FailedStarts();
  explicit FailedStarts(std::string const& state_directory);

  /// One more. How long to wait before the end: nothing the first time, then 1 s, doubled each
  /// time, at most ten seconds. What is longer ago than two minutes is forgotten.
  [[nodiscard]] Duration note() const;
  /// It has started.
  void forget() const;

 private:
  std::string file_;  ///< "": not kept
};

}  // namespace mailpool::manager
