#pragma once
// The settings as plain structs: what modules are given. Where they come from (one table of
// options, TOML) is in options.h and load.h.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.h"
#include "core/base/log.h"
#include "core/base/time.h"
#include "core/config/events_settings.h"
#include "core/config/imap_settings.h"
#include "core/config/level_settings.h"
#include "core/config/login_settings.h"
#include "core/config/milter_settings.h"
#include "core/config/rate.h"
#include "core/config/rule_settings.h"
#include "core/config/tls_settings.h"

namespace mailpool {

enum class IpPreference : std::uint8_t { Any, Only4, Only6, Prefer4, Prefer6 };
enum class EightBit : std::uint8_t { Send, Refuse };
enum class DsnOffer : std::uint8_t { Auto, Always, Never };
enum class Fallback : std::uint8_t { Smtp, Defer };
/// What a site's limits are counted for: each source by itself, or all of them together.
enum class CountedPer : std::uint8_t { Path, Site };

/// The words of the configuration file, of logs and of poolctl.
[[nodiscard]] std::string_view name_of(IpPreference preference);
[[nodiscard]] std::string_view name_of(EightBit choice);
[[nodiscard]] std::string_view name_of(DsnOffer offer);
[[nodiscard]] std::string_view name_of(Fallback fallback);
[[nodiscard]] std::string_view name_of(CountedPer per);
[[nodiscard]] std::string_view name_of(LogLevel level);

/// The networks that no MX host of the Internet can rightly be in: this host, and the link it is
/// on.
[[nodiscard]] std::vector<IpNetwork> networks_never_meant_by_mx();

/// Options of a site; [smtp] holds the defaults, [site.NAME] what differs.
struct SiteSettings {
  std::uint32_t max_connections = 10;
  std::uint32_t max_connections_per_host = 0;  ///< 0: no limit
  std::uint32_t min_idle = 0;
  Duration idle_timeout = std::chrono::seconds(60);
  Duration max_lifetime = std::chrono::minutes(5);
  Duration check_after = std::chrono::seconds(30);  ///< idle for longer: RSET proves it alive first
  std::uint32_t max_messages = 100;
  Duration connect_timeout = std::chrono::seconds(30);
  Rate rate;
  Rate recipient_rate;
  Rate connect_rate;
  Rate accept_rate = {};  ///< recipients taken at the front door
  CountedPer per = CountedPer::Path;
  // Over all sources together.
  std::uint32_t site_max_connections = 0;  ///< 0: no limit
  Rate site_rate = {};
  Rate site_recipient_rate = {};
  Rate site_connect_rate = {};
  bool adaptive = true;  ///< limits follow throttling replies
  std::uint32_t max_waiting = 200;
  std::uint32_t max_recipients = 100;
  IpPreference ip = IpPreference::Any;
  TlsLevel tls = TlsLevel::Auto;
  TlsSettings tls_settings;  ///< from [tls], unless [site.NAME] says otherwise
  EightBit eight_bit = EightBit::Send;
  Duration one_flight_within = std::chrono::seconds(5);
  Duration greeting_timeout = std::chrono::minutes(5);
  Duration ehlo_timeout = std::chrono::minutes(5);
  Duration starttls_timeout = std::chrono::minutes(2);
  Duration auth_timeout = std::chrono::minutes(2);
  Duration mail_timeout = std::chrono::minutes(5);
  Duration rcpt_timeout = std::chrono::minutes(5);
  Duration data_timeout = std::chrono::minutes(2);
  Duration body_timeout = std::chrono::minutes(3);
  Duration end_of_data_timeout = std::chrono::minutes(10);
  bool pipelining = true;
  bool chunking = true;
  std::uint16_t port = 25;
  std::string source;  ///< a [source.NAME] or [pool.NAME]; "" lets the kernel choose
  std::vector<IpNetwork> prohibited =
      networks_never_meant_by_mx();    ///< of hosts found by MX, not of [route]
  Fallback fallback = Fallback::Smtp;  ///< from [postfix], unless [site.NAME] says otherwise

  bool operator==(SiteSettings const&) const = default;
};

/// [site.NAME]: who belongs to it, and its options (already merged over [smtp]).
struct NamedSite {
  std::string name;
  std::vector<std::string> mx;       ///< suffixes of MX host names, each with its leading dot
  std::vector<std::string> domains;  ///< exact
  SiteSettings settings;
  bool operator==(NamedSite const&) const = default;
};

/// A host of [route]: "192.0.2.1:25", "[2001:db8::1]:25", "host:port".
struct RouteHost {
  std::string host;  ///< name, or address without brackets
  std::uint16_t port = 25;
  bool operator==(RouteHost const&) const = default;
};

struct LmtpSettings {
  std::vector<std::string> listen{"/run/mailpool/lmtp.sock"};
  std::uint32_t socket_mode = 0660;
  std::string socket_group = "postfix";
  std::vector<std::string> allow_users{"root", "postfix"};
  std::uint32_t max_connections = 1000;
  std::uint64_t max_message_size = 50U << 20U;
  std::uint64_t spill_above = 1U << 20U;
  std::uint64_t memory_limit = 512U << 20U;
  Duration max_wait = std::chrono::seconds(30);
  std::uint32_t slots = 500;
  std::uint32_t max_parked = 200'000;
  bool trust_unsigned_tenant = false;
  std::string campaign_header = "X-Mailpool-Campaign";
  DsnOffer dsn = DsnOffer::Auto;
  bool operator==(LmtpSettings const&) const = default;
};

struct ControlSettings {
  std::string listen = "/run/mailpool/control.sock";
  std::vector<std::string> read_users{"root", "postfix"};
  std::vector<std::string> write_users{"root"};
  bool operator==(ControlSettings const&) const = default;
};

struct PostfixSettings {
  std::string map = "/var/spool/postfix/mailpool/map";
  bool wake = true;
  std::vector<std::string> queue_directory;
  Fallback fallback = Fallback::Smtp;
  Duration short_absence = std::chrono::minutes(5);
  std::vector<std::string> exclude_domains;
  bool operator==(PostfixSettings const&) const = default;
};

struct DnsSettings {
  std::vector<std::string>
      servers;  ///< always with a port: "127.0.0.1:53", "[::1]:5353"; empty: /etc/resolv.conf
  std::string trust_anchor = "/usr/share/dns/root.key";
  Duration timeout = std::chrono::seconds(10);
  bool operator==(DnsSettings const&) const = default;
};

struct LogSettings {
  std::string to = "syslog";
  LogLevel level = LogLevel::Info;
  bool operator==(LogSettings const&) const = default;
};

struct MetricsSettings {
  std::string listen;
  std::uint32_t sites = 50;  ///< that have labels of their own
  bool operator==(MetricsSettings const&) const = default;
};

struct Settings {
  std::string
      hostname;  ///< "" in the file: the manager fills in the machine's fully qualified name
  std::string state_dir = "/var/lib/mailpool";
  std::vector<std::string> include{"providers.toml"};  ///< as written; see included.h
  Duration drain_timeout = std::chrono::seconds(30);
  LmtpSettings lmtp;
  ControlSettings control;
  PostfixSettings postfix;
  DnsSettings dns;
  SiteSettings smtp;  ///< defaults for every site
  TotalSettings total;
  std::map<std::string, DomainSettings> domains;
  std::map<std::string, NamedSite> sites;
  std::map<std::string, SourceSettings> sources;
  std::map<std::string, PoolSettings> pools;
  std::map<std::string, SenderDomainSettings> sender_domains;
  std::map<std::string, TenantSettings> tenants;
  std::vector<RuleSettings> rules;                       ///< the first that matches counts
  std::map<std::string, std::vector<RouteHost>> routes;  ///< exact domain, ".parent" or "*"
  std::map<std::string, std::string> route_logins;       ///< by the same keys: a [login.NAME]
  std::map<std::string, LoginSettings> logins;
  std::map<std::string, ImapSettings> imap;  ///< [imap.NAME]
  ImapDynamicSettings imap_dynamic;
  MilterSettings milter;
  LogSettings log;
  MetricsSettings metrics;
  EventsSettings events;
  MtaStsSettings mta_sts;

  bool operator==(Settings const&) const = default;
};

}  // namespace mailpool
