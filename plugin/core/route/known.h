#pragma once
// What is known of one domain until its TTL ends: the way to it, or why there is none.

#include <memory>
#include <tl/expected.hpp>

#include "core/base/time.h"
#include "core/message/outcome.h"
#include "core/route/router.h"

namespace mailpool::route {

/// The route before chance orders it for each caller.
using Finding = tl::expected<std::shared_ptr<Route const>, Outcome>;

struct Known {
  Finding finding;
  TimePoint expires{};
};

/// Bounds on what DNS says about lifetimes. A TTL of 0 would cost a lookup per message; a week's
/// would keep a moved domain at its old host.
inline constexpr Duration shortest_ttl = std::chrono::seconds(30);
inline constexpr Duration longest_ttl = std::chrono::hours(1);
inline constexpr Duration longest_negative_ttl = std::chrono::minutes(5);
/// A failed lookup is not asked again at once: a dead name server would cost every message its
/// timeout. Short, since mail that waits for it is to come soon after it works again.
inline constexpr Duration failure_ttl = std::chrono::seconds(2);
/// A route with hosts whose lookups failed: they may be back soon.
inline constexpr Duration partial_ttl = std::chrono::minutes(1);

/// How long to keep it. `ttl` is the smallest of the answers used.
[[nodiscard]] Duration lifetime_found(Duration ttl);
[[nodiscard]] Duration lifetime_of(Outcome const& no_route, Duration ttl);

}  // namespace mailpool::route
