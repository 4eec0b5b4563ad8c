#pragma once
// How a suspension is kept over a restart. Its end is kept in wall time, so that what remains is
// right whatever time the restart took.

#include <optional>
#include <string>
#include <string_view>

#include "core/site/wait.h"
#include "core/state/store.h"

namespace mailpool::site {

/// Whose mail is held.
struct Suspended {
  std::string what;   ///< "site", "domain", "tenant", "source" or "all"; "" for nothing
  std::string name;   ///< its name; "all" of all mail
  std::string scope;  ///< of a site's mail only that of "sender_domain NAME" or "source NAME"
};

/// The record's key of what is suspended.
[[nodiscard]] std::string suspension_key(std::string_view what, std::string_view name,
                                         std::string_view scope = {});
/// The other way; all empty where it is no such key.
[[nodiscard]] Suspended suspended_by_key(std::string_view key);

/// Tells the store; a suspension without `since` began now.
void keep(Suspension& suspension, std::string key, state::Store& store, WallTime wall_now,
          TimePoint now);
/// Nothing where the record makes no sense. With a clock that was set back it never lasts longer
/// than it did when it began.
[[nodiscard]] std::optional<Suspension> suspension_of(state::Record const& record,
                                                      WallTime wall_now, TimePoint now);

}  // namespace mailpool::site
