#pragma once
// What has to change in a Postfix so that it delivers through mailpool, and what stands in the way.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "poolctl/postfix_config.h"

namespace mailpool::poolctl {

inline constexpr char const* mailpool_table = "mailpool:mailpool/map";
inline constexpr char const* mailpool_service = "mailpool/unix";
/// For doors whose mail waits in the queue; the table answers it (plugin/postfix/table.cc).
inline constexpr char const* backlog_service = "mailpool-backlog/unix";
inline constexpr char const* simple_transport = "mailpool:unix:mailpool/lmtp.sock";

enum class WiringMode {
  Table,   // the table decides; a queue per door
  Simple,  // default_transport; one queue for everything
};

/// Something an operator should know, and what to do about it.
struct Obstacle {
  std::string what;
  std::string mend;
};

/// A service that master.cf is to get.
struct ServiceToAdd {
  std::string name;  // "mailpool/unix"
  std::string entry;
  std::vector<std::string> overrides;
};

struct WiringPlan {
  std::vector<ParameterChange> parameters;  // only what is not so already
  std::vector<ServiceToAdd> services;       // likewise
  std::vector<Obstacle> refusals;           // any of these: nothing may be changed
  std::vector<Obstacle> warnings;
  std::vector<std::string> reasons;  // why the values are what they are, for people

  [[nodiscard]] bool is_done_already() const { return parameters.empty() && services.empty(); }
};

/// Asks Postfix, changes nothing.
[[nodiscard]] WiringPlan plan_wiring(PostfixConfig& postfix, WiringMode mode);

/// "table", "simple" or "" (neither), by what main.cf says now.
[[nodiscard]] std::string wired_mode(PostfixConfig& postfix);
/// Where the manager takes this Postfix to make more deliveries at once ([lmtp] slots) than it
/// does.
[[nodiscard]] std::optional<Obstacle> too_many_slots(PostfixConfig& postfix, std::uint64_t slots);

}  // namespace mailpool::poolctl
