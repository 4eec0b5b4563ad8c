#pragma once
// Whether there is room for one more recipient at the MTA's front door: accept_rate of its domain,
// its site and its tenant, and what is suspended.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/admission/protocol.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/site/rate_limit.h"
#include "core/state/store.h"

namespace mailpool::admission {

/// What is known of a domain at once, without a question to DNS.
struct Place {
  bool is_routed = true;  ///< false: mailpool never carries mail there, so it has no say
  std::string site;       ///< "" while its site is not known
  Rate site_rate = {};    ///< accept_rate of that site
  std::string suspended;  ///< "NAME: suspended until TIME: REASON"; "" where it is not
};

class Places {
 public:
  virtual ~Places() = default;
  [[nodiscard]] virtual Place place_of(std::string const& domain, TimePoint now) const = 0;
};

/// Recipients since the start.
struct Counts {
  std::uint64_t asked = 0;
  std::uint64_t full = 0;       ///< answered "beyond an accept_rate"
  std::uint64_t suspended = 0;  ///< answered "suspended"
};

class Desk {
 public:
  /// `places` and `store` must outlive the desk; `settings` is copied where it is needed.
  Desk(Settings const& settings, Places const& places, state::Store& store);

  /// Takes over what the store kept: once, before the first question.
  void restore(WallTime wall_now, TimePoint now);
  /// Tells the store what was used of rates by the minute, the hour and the day, of at most `most`
  /// of them.
  void keep_use(std::size_t most, WallTime wall_now, TimePoint now);

  /// Counts the recipients against every limit if none of them is exceeded, else against none:
  /// tokens are never given back, so nothing is taken in vain.
  [[nodiscard]] Answer ask(Question const& question, TimePoint now);
  enum class Level : std::uint8_t { Site, Domain, Tenant };
  /// As if nobody had asked for it; true: somebody had.
  bool forget_use(Level level, std::string const& name);
  /// Keeps what was used.
  void reconfigure(Settings const& settings);
  [[nodiscard]] Counts const& counts() const { return counts_; }

 private:
  using Limits = std::unordered_map<std::string, site::RateLimit>;
  using Name = std::pair<Level, std::string>;
  struct Gate {
    site::RateLimit* limit;
    std::string section;  ///< of the option: "[domain.\"example.org\"]"
    Name name;
  };

  [[nodiscard]] Limits& limits_at(Level level);
  [[nodiscard]] Gate gate(Level level, std::string const& name, Rate const& rate, TimePoint now);
  site::RateLimit* limit_of(Level level, std::string const& name, Rate const& rate, TimePoint now);
  static void forget_rested(Limits& limits, TimePoint now);

  Places const& places_;
  MilterReply on_suspended_ = MilterReply::Accept;
  std::map<std::string, Rate> domain_rates_;
  std::map<std::string, Rate> tenant_rates_;
  Limits domains_;
  Limits sites_;
  Limits tenants_;
  state::Store& store_;
  std::set<Name> used_;  ///< of rates by the minute, the hour and the day: not kept yet
  std::map<Name, std::string> loaded_;  ///< what was kept of those that nobody has asked for yet
  WallTime::duration wall_offset_{};    ///< between wall and monotonic clock, at the start
  Counts counts_;
};

}  // namespace mailpool::admission
