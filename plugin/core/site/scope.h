#pragma once
// What limits are counted for: all together, a site and its paths, a source, a recipient domain, a
// sender domain, a tenant; and the permits of all of them that one transaction or connection holds.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/rare.h"
#include "core/config/level_settings.h"
#include "core/site/concurrency_limit.h"
#include "core/site/rate_limit.h"
#include "core/site/wait.h"
#include "core/state/store.h"

namespace mailpool::site {

enum class Level : std::uint8_t {
  Total,         ///< [total]
  Source,        ///< [source.NAME]
  Domain,        ///< [domain."x"]
  SenderDomain,  ///< [sender_domain."x"]
  Tenant,        ///< [tenant.NAME]
  Site,          ///< of mail without a source, or where limits are counted per site
  Path,          ///< a site as seen from one source
  AllPaths,      ///< of a site, together: site_rate and its like
};
/// As operators read it: "total", "source", "domain", "sender domain", "tenant", "site", "path",
/// "all sources to".
[[nodiscard]] std::string_view name_of(Level level);
/// Whether max_connections counts open connections, idle ones too; else those that a transaction of
/// the scope uses.
[[nodiscard]] constexpr bool counts_open_connections(Level level) {
  return level == Level::Total || level == Level::Source || level == Level::Site ||
         level == Level::Path || level == Level::AllPaths;
}

/// One scope's limits and what is used of them. Must outlive what is taken from it.
class Scope {
 public:
  Scope(Level level, std::string name) : level_(level), name_(std::move(name)) {}

  void reconfigure(LevelSettings const& settings, TimePoint now);

  /// What a transaction with so many recipients has to wait for here.
  [[nodiscard]] Wait may_begin(std::uint32_t recipients, TimePoint now) const;
  /// Only when may_begin() says so. The permit is empty where the level counts open connections.
  [[nodiscard]] Permit begin(std::uint32_t recipients, TimePoint now);
  /// What opening a connection has to wait for; only at a level that counts open connections.
  [[nodiscard]] Wait may_open(TimePoint now) const;
  [[nodiscard]] Permit open(TimePoint now);

  [[nodiscard]] bool is_suspended(TimePoint now) const {
    return suspension && suspension->until > now;
  }
  [[nodiscard]] Level level() const { return level_; }
  [[nodiscard]] std::string const& name() const { return name_; }
  /// "tenant acme", "domain example.org", "total".
  [[nodiscard]] std::string title() const;
  /// "rate reached (5/s)": the option and its value; not for what is no limit of this scope.
  [[nodiscard]] std::string words_for(Limit limit) const;

  // Rates by the minute, the hour and the day, over a restart.
  [[nodiscard]] bool keeps_use() const;
  void keep_use(state::Store& store, WallTime wall_now, TimePoint now) const;
  void restore_use(std::string_view option, std::string_view value, WallTime wall_now,
                   TimePoint now);
  /// As if nothing had been used. True: something had.
  bool forget_use(state::Store& store, TimePoint now);

  ConcurrencyLimit connections;
  RateLimit rate;
  RateLimit recipient_rate;
  RateLimit connect_rate;
  std::optional<std::uint32_t> max_recipients;
  Rare<Suspension> suspension;  ///< by the operator, of this scope alone

 private:
  Level level_;
  std::string name_;
};

/// Of two waits that both must end, the one that ends later.
[[nodiscard]] Wait later_of(Wait const& a, Wait const& b);

/// The scopes of one transaction; null: none of that level with limits of its own.
struct Levels {
  Scope* total = nullptr;
  Scope* source = nullptr;
  Scope* domain = nullptr;
  Scope* sender_domain = nullptr;
  Scope* tenant = nullptr;
};

/// What one transaction holds while it is sent.
class Permits {
 public:
  Permits() = default;
  void give_back() {
    for (auto& permit : held_) permit.give_back();
  }
  [[nodiscard]] bool is_empty() const;

 private:
  friend Permits begin(Levels const& levels, std::uint32_t recipients, TimePoint now);
  std::array<Permit, 3> held_;  ///< domain, sender domain, tenant
};

/// Who is held back along with a transaction.
enum class Reach : std::uint8_t {
  Nothing,
  Domain,  ///< those to the same domain
  Group,   ///< those of the same tenant and sender domain
  All,
};

/// The latest that a transaction has to wait for at any of its levels.
struct Hold {
  Wait wait;
  Reach reach = Reach::Nothing;
};
[[nodiscard]] Hold may_begin(Levels const& levels, std::uint32_t recipients, TimePoint now);
/// All of them at once; only when may_begin() says so.
[[nodiscard]] Permits begin(Levels const& levels, std::uint32_t recipients, TimePoint now);

}  // namespace mailpool::site
