#pragma once
// What was used of rates by the minute, the hour and the day, as records of the state store.

#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/site/rate_limit.h"
#include "core/state/store.h"

namespace mailpool::site {

/// Whose limit it is: "site" or a level, its name, and the option.
struct RateKey {
  std::string level;
  std::string name;
  std::string option;
};
/// Nothing: it cannot be read.
[[nodiscard]] std::optional<RateKey> rate_key_of(state::Record const& record);

/// Forgotten when it says nothing any more. Shorter units are not kept.
void keep_use(state::Store& store, RateKey const& key, RateLimit const& limit, WallTime wall_now,
              TimePoint now, state::Kind kind = state::Kind::RateUse);
void forget_use(state::Store& store, RateKey const& key, RateLimit& limit,
                state::Kind kind = state::Kind::RateUse);

}  // namespace mailpool::site
