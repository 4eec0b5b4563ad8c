#pragma once
// How a suspension is kept over a restart. Its end is kept in wall time, so that what remains is
// right whatever time the restart took.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/site/wait.h"
#include "core/state/store.h"

namespace mailpool::site {

/// The record's key of what is suspended: `what` is "site", "domain" or "tenant".
[[nodiscard]] std::string suspension_key(std::string_view what, std::string_view name);
/// `what` and name; both empty where it is no such key.
[[nodiscard]] std::pair<std::string, std::string> suspended_by_key(std::string_view key);

/// Tells the store; a suspension without `since` began now.
void keep(Suspension& suspension, std::string key, state::Store& store, WallTime wall_now,
          TimePoint now);
/// Nothing where the record makes no sense. With a clock that was set back it never lasts longer
/// than it did when it began.
[[nodiscard]] std::optional<Suspension> suspension_of(state::Record const& record,
                                                      WallTime wall_now, TimePoint now);

}  // namespace mailpool::site
