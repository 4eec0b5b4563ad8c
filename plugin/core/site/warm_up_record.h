#pragma once
// How far a source is with its plan at a site, as a record of the state store.

#include <chrono>
#include <optional>
#include <string>

#include "core/base/time.h"
#include "core/site/warm_up.h"
#include "core/state/store.h"

namespace mailpool::site {

struct WarmUpRecord {
  std::string source;
  std::string site;
  WarmUpAtSite at_site;
  std::optional<std::chrono::sys_days> start;  ///< of its plan; nothing: of an older mailpoold
};

/// As it is now; forgotten when it is of no more use.
void keep_warm_up(state::Store& store, std::string const& source, std::string const& site,
                  WarmUpProgress const& progress);
/// Nothing: it cannot be read.
[[nodiscard]] std::optional<WarmUpRecord> warm_up_of(state::Record const& record);

}  // namespace mailpool::site
