#pragma once
// The answer of a limit: "yes", or "not before T, because R".

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace mailpool::site {

/// Why something waits; the names of the options that cause it, and of the site states.
enum class Limit : std::uint8_t {
  None,
  Rate,
  RecipientRate,
  ConnectRate,
  MaxConnections,
  MaxConnectionsPerHost,
  WarmUp,       ///< of a source
  Connecting,   ///< a connection is on its way
  Descriptors,  ///< no socket can be made: not the host's fault
  BackingOff,   ///< every endpoint failed lately
  Suspended,    ///< by the operator
};
[[nodiscard]] std::string_view name_of(Limit limit);

class Scope;

struct Wait {
  TimePoint not_before{};  ///< `never` where only an event can end it (a connection given back)
  Limit limit = Limit::None;
  Scope const* scope = nullptr;  ///< whose limit it is; null: the site's own
  [[nodiscard]] bool is_over() const { return limit == Limit::None; }
};

/// Stops a site (or a domain) on the word of an operator or a rule, until a time.
struct Suspension {
  TimePoint until = never;
  std::string reason;
  std::string by;
  WallTime since{};
};

enum class SiteState : std::uint8_t {
  Open,
  Limited,     ///< something waits for a limit
  BackingOff,  ///< every endpoint that is wanted failed lately
  Suspended,
  Failing,  ///< nothing is delivered: trouble.h
};
[[nodiscard]] std::string_view name_of(SiteState state);

}  // namespace mailpool::site
