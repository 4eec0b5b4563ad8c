#pragma once
// Limits that rules have set for a time, of a path or of all paths of a site together. They only
// ever tighten.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/rule_settings.h"
#include "core/delivery/context.h"
#include "core/delivery/path_name.h"
#include "core/site/wait.h"

namespace mailpool::delivery {

/// One that is no limit is the fastest.
[[nodiscard]] bool is_slower(Rate const& a, Rate const& than);

/// A number of a record of state.db; nothing where it is no limit.
[[nodiscard]] std::optional<std::uint32_t> kept_limit(std::string const& text);

struct Override {
  RuleLimits limits;
  site::Suspension why;  ///< until, reason, by
  std::string rule;      ///< FILE:LINE
};

class Overrides {
 public:
  static constexpr std::size_t most = 8;

  /// Takes over what was kept of the path, and keeps what is set. Both must outlive it.
  Overrides(PathName const& of, Context& context);

  /// Instead of what the same rule has set before; where there are too many the eldest goes.
  void set(Override override);
  /// True: some are over.
  bool expire(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;
  void clear();

  [[nodiscard]] Rate tightened(Rate rate) const;
  [[nodiscard]] std::optional<std::uint32_t> tightened_connections(
      std::optional<std::uint32_t> allowed) const;
  [[nodiscard]] std::uint32_t tightened_messages(std::uint32_t allowed) const;
  /// By whom and why, in words.
  [[nodiscard]] std::string words() const;
  [[nodiscard]] std::vector<Override> const& all() const { return all_; }
  [[nodiscard]] bool is_empty() const { return all_.empty(); }

 private:
  void keep(Override const& override) const;
  void recall();

  PathName const& of_;
  Context& context_;
  std::vector<Override> all_;
};

}  // namespace mailpool::delivery
