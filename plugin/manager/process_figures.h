#pragma once
// What the kernel counts of this process, for Prometheus' process_ family.

#include "core/control/measured.h"

namespace mailpool::manager {

/// What cannot be read is 0.
[[nodiscard]] control::MeasuredProcess process_figures();

}  // namespace mailpool::manager
