#pragma once
// A source's messages of the day as records of the state store.

#include <chrono>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/site/warm_up.h"
#include "core/state/store.h"

namespace mailpool::site {

struct WarmUpRecord {
  std::string source;
  std::string site;
  std::chrono::sys_days day{};
  std::uint32_t sent = 0;
};

/// `sent` messages went from the source to the site today; forgotten when the day is over.
void keep_warm_up(state::Store& store, std::string const& source, std::string const& site,
                  Today const& today, std::uint32_t sent);
/// Nothing: it cannot be read.
[[nodiscard]] std::optional<WarmUpRecord> warm_up_of(state::Record const& record);

}  // namespace mailpool::site
