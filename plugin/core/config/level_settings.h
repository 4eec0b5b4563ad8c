#pragma once
// Settings of the levels that limits are counted at, beside the site: all together, a recipient
// domain, a source, a sender domain, a tenant.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ip.h"
#include "core/config/rate.h"
#include "core/config/tls_settings.h"

namespace mailpool {

/// What every level may limit; a section offers those that mean something there.
struct LevelSettings {
  std::optional<std::uint32_t> max_connections;
  Rate rate;            ///< transactions
  Rate recipient_rate;  ///< recipients of these
  Rate connect_rate;
  std::optional<std::uint32_t> max_recipients;  ///< per transaction
  Rate accept_rate = {};                        ///< recipients taken at the front door
  bool operator==(LevelSettings const&) const = default;
};

/// [total]: over all sites together.
struct TotalSettings : LevelSettings {
  bool operator==(TotalSettings const&) const = default;
};

/// [domain."x"]: limits below the site's.
struct DomainSettings : LevelSettings {
  std::optional<TlsLevel> tls;         ///< instead of its site's
  std::vector<std::string> tls_match;  ///< likewise, if not empty
  bool operator==(DomainSettings const&) const = default;
};

/// How many messages a new address may send to each site on each of its first days. At a site that
/// puts too much of it off, a day's number stands for the next day too, and the later ones move.
struct WarmUp {
  std::chrono::sys_days start{};    ///< the day of plan[0], in UTC
  std::vector<std::uint32_t> plan;  ///< by day; empty: no warm-up. After the last day: no limit
  [[nodiscard]] bool is_planned() const { return !plan.empty(); }
  bool operator==(WarmUp const&) const = default;
};

/// [source.NAME]: where mail is sent from.
struct SourceSettings : LevelSettings {
  std::vector<IpAddress> address;  ///< at most one of each family; none: the system chooses
  std::string ehlo_name;           ///< "": `hostname`
  WarmUp warm_up;
  /// Percent of a day's messages that a site may put off before the plan stands still there.
  std::uint32_t warm_up_hold_above = 10;
  bool operator==(SourceSettings const&) const = default;
};

/// One of a pool's sources and its part of the messages.
struct WeightedSource {
  std::string source;
  std::uint32_t weight = 1;
  bool operator==(WeightedSource const&) const = default;
};

/// [pool.NAME]: sources that share the work.
struct PoolSettings {
  std::vector<WeightedSource> sources;
  bool spill = true;  ///< others take over what a source may not send now
  bool operator==(PoolSettings const&) const = default;
};

/// [sender_domain."x"]: the domain of the envelope's sender.
struct SenderDomainSettings : LevelSettings {
  std::string source;  ///< a [source.NAME] or [pool.NAME]; "": as the site says
  std::string login;   ///< a [login.NAME], on routes that have a login; "": that of the route
  bool operator==(SenderDomainSettings const&) const = default;
};

inline constexpr std::uint32_t usual_priority = 10;

/// [tenant.NAME]: somebody who sends through this host.
struct TenantSettings : LevelSettings {
  std::vector<std::string> sender_domains;  ///< whose mail is the tenant's without being marked
  std::vector<std::string> logins;          ///< SMTP logins that are the tenant's, for the milter
  std::vector<IpNetwork> clients;           ///< SMTP clients that are the tenant's, for the milter
  std::uint32_t priority = usual_priority;  ///< its turns among the waiting, in proportion
  std::string source;  ///< a [source.NAME] or [pool.NAME]; "": as sender domain or site say
  bool operator==(TenantSettings const&) const = default;
};

}  // namespace mailpool
