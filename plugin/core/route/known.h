#pragma once
// What is known of one domain until its TTL ends: the way to it, or why there is none.

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/message/outcome.h"
#include "core/route/host.h"

namespace mailpool::route {

/// A Route before chance has ordered it.
struct Way {
  std::string site;
  bool is_named_site = false;
  std::string why_this_site;
  IpPreference ip = IpPreference::Any;
  std::vector<std::string> host_names;  ///< all that were looked up, most preferred first
  std::vector<Host> hosts;              ///< those with usable addresses
};

struct Known {
  tl::expected<Way, Outcome> way;
  TimePoint expires{};
};

/// Bounds on what DNS says about lifetimes. A TTL of 0 would cost a lookup per message; a week's
/// would keep a moved domain at its old host.
inline constexpr Duration shortest_ttl = std::chrono::seconds(30);
inline constexpr Duration longest_ttl = std::chrono::hours(1);
inline constexpr Duration longest_negative_ttl = std::chrono::minutes(5);
/// A failed lookup is not asked again at once: a dead name server would cost every message its
/// timeout.
inline constexpr Duration failure_ttl = std::chrono::seconds(10);
/// A way with hosts whose lookups failed: they may be back soon.
inline constexpr Duration partial_ttl = std::chrono::minutes(1);

/// How long to keep it. `ttl` is the smallest of the answers used.
[[nodiscard]] Duration lifetime(tl::expected<Way, Outcome> const& way, Duration ttl);

}  // namespace mailpool::route
