#pragma once
// How a record's value is written: fields of any text, in one line.
//
//   join({"google", "they asked us to", wall_text(until)})  ->  "google\tthey asked us
//   to\t1764000000000"
//
// What is read back may come from a damaged or a later file, so every reader checks how many fields
// there are and what is in them.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace mailpool::state {

/// Tabs between fields; a tab, line end or backslash inside one is escaped.
[[nodiscard]] std::string join(std::initializer_list<std::string_view> fields);
[[nodiscard]] std::vector<std::string> fields_of(std::string_view value);

/// Milliseconds since 1970, as decimal text; no_expiry is "never".
[[nodiscard]] std::string wall_text(WallTime at);
[[nodiscard]] std::optional<WallTime> wall_time(std::string_view text);

/// The moment of a wall time, when the two clocks show `wall_now` and `now`; no_expiry is `never`,
/// what has passed is `now`.
[[nodiscard]] TimePoint moment_of(WallTime at, WallTime wall_now, TimePoint now);
/// The other way.
[[nodiscard]] WallTime wall_of(TimePoint at, WallTime wall_now, TimePoint now);

}  // namespace mailpool::state
