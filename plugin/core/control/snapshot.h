#pragma once
// What an operator can see: plain structs that the manager fills and poolctl shows. They know no
// JSON (json.h does).
//
// States are the words of name_of(): "open", "limited", "backing_off", "suspended", "failing" for
// sites, "no_route" too for domains,
// "connecting", "idle", "busy", "checking", "closing" for connections. Text that came from a remote
// goes in as it is; it is made printable when it becomes JSON.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/control/counted_reason.h"
#include "core/control/imap_status.h"

namespace mailpool::control {

/// A moment to come, for people and for scripts: as a span from now and by the wall clock.
struct Moment {
  Duration in{};
  WallTime at{};
};

/// Pooled connections by state.
struct ConnectionCounts {
  std::uint32_t connecting = 0;
  std::uint32_t idle = 0;
  std::uint32_t busy = 0;
  std::uint32_t checking = 0;
  std::uint32_t closing = 0;
  [[nodiscard]] std::uint32_t open() const { return connecting + idle + busy + checking + closing; }
};

/// Recipients by outcome and messages, over the span that the holder says.
struct Counts {
  std::uint64_t messages = 0;
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
};

/// Where a connection is made to, and how that has been going.
struct EndpointStatus {
  std::string host;
  std::string address;
  std::uint16_t port = 25;
  std::string state = "open";  ///< or backing_off
  ConnectionCounts connections;
  std::uint32_t failures = 0;        ///< in a row
  std::optional<Moment> not_before;  ///< the end of its back-off
  std::string last_error;            ///< "" when the last attempt was a success
  /// Of an explanation: what is required of this host, and why. Of a site: what its newest
  /// connection there is protected by.
  std::string tls;
  /// Of an explanation: whether mail with REQUIRETLS (RFC 8689) could go there, and what that
  /// needs.
  std::string require_tls;
  std::string tls_now;       ///< of an explanation: of its newest connection, "" for none
  bool tls_resumed = false;  ///< of that connection: without a full handshake
  std::optional<std::uint32_t> certificate_days;  ///< until that server's certificate ends
  /// Announced or shown by the server, where lower than the option.
  std::optional<std::uint32_t> max_messages;
};

/// What a site is given of its limits for the time being: after throttling replies, by a rule, or
/// below a learned cap.
struct AllowanceStatus {
  std::string rate;  ///< "" for none
  std::uint32_t max_connections = 0;
  std::uint32_t max_messages = 0;
  std::string why;
};

/// A site as seen from one source: what providers count by.
struct PathStatus {
  std::string source;
  std::uint32_t connections = 0;
  std::uint32_t max_connections = 0;  ///< allowed now
  std::string rate;                   ///< allowed now; "" for none
  std::uint32_t max_messages = 0;     ///< likewise
  std::optional<std::string> blocked_by = {};
  std::optional<Moment> not_before = {};
  std::string reason = {};
  std::string why_less = {};  ///< than configured is allowed; "" where it is not
};

/// Where the warm-up of a source stands at one site today.
struct WarmUpStatus {
  std::string source;
  std::string site;
  std::uint32_t day = 0;      ///< of the plan's calendar, from 1
  std::uint32_t step = 0;     ///< of the plan, from 1
  std::uint32_t steps = 0;    ///< that the plan has
  std::uint32_t most = 0;     ///< messages that the step allows today
  std::uint32_t sent = 0;     ///< of these
  std::uint32_t taken = 0;    ///< answered so today
  std::uint32_t put_off = 0;  ///< likewise: too much, or not trusted
  std::uint32_t held = 0;     ///< days so far on which a step was done again
  std::string reason = {};    ///< why today's step is yesterday's; "" where it is not
};

struct SiteStatus {
  std::string site;
  std::string state = "open";
  bool is_named = false;  ///< has a [site.NAME]
  std::string why_this_site;
  std::string door;
  std::uint64_t domains = 0;
  ConnectionCounts connections;
  std::uint64_t in_flight = 0;  ///< transactions that hold a connection
  std::uint64_t waiting = 0;    ///< transactions
  std::uint64_t parked = 0;     ///< messages that wait in the MTA's queue, as far as remembered
  Duration longest_wait{};      ///< of those that wait now
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::uint64_t opened = 0;  ///< connections
  std::uint64_t reused = 0;  ///< transactions on a connection that had carried one before
  std::uint64_t tls_handshakes = 0;
  std::uint64_t tls_resumed = 0;  ///< of these, those that resumed a session
  Counts recent;                  ///< in the last minute
  Counts this_hour;               ///< of UTC; these two survive a restart
  Counts today;
  // The limits as configured, rates as the operator writes them, "" for none.
  std::uint32_t max_connections = 0;
  std::uint32_t max_messages = 0;
  std::uint32_t max_waiting = 0;
  std::string tls;  ///< the level that the option asks for
  std::string rate;
  std::string connect_rate;
  std::optional<AllowanceStatus> allowed_now = {};  ///< where it is less than configured
  /// The option that something waits for, or suspended, backing_off.
  std::optional<std::string> blocked_by;
  std::optional<Moment> not_before;  ///< when the next one may go, where known
  std::string reason;                ///< of a suspension or a back-off, in words
  std::string last_reply;
  std::string last_error;  ///< the last connection that could not be made or broke, in words
  std::string trouble;     ///< of a failing one: since when nothing is delivered, and why
  std::string cure;        ///< what an operator can do about that
  std::vector<CountedReason> closes;
  std::vector<CountedReason> replies;       ///< of the last hour, by class, the most frequent first
  std::vector<EndpointStatus> endpoints;    ///< only when asked for this site
  std::vector<PathStatus> paths = {};       ///< likewise, where it is sent to from several sources
  std::uint64_t guest_connections = 0;      ///< of sites some of whose hosts belong here
  std::vector<WarmUpStatus> warm_ups = {};  ///< likewise, of sources with a plan
};

struct DomainStatus {
  std::string domain;
  std::string site;  ///< "" while its MX is not known
  std::string door;
  std::string state = "open";
  std::uint64_t in_flight = 0;
  std::uint64_t waiting = 0;
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::optional<std::uint32_t> max_connections;  ///< of [domain."x"]
  std::string rate;
  std::optional<std::string> blocked_by;
  std::optional<Moment> not_before;
  std::string reason;
  std::optional<Moment> route_expires;  ///< when its MX is asked for again
};

/// One tenant of the configuration, or one that is suspended.
struct TenantStatus {
  std::string tenant;
  std::string state = "open";
  std::uint32_t priority = 0;
  std::uint64_t in_flight = 0;  ///< transactions
  std::uint64_t waiting = 0;
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::optional<std::uint32_t> max_connections;
  std::string rate;
  std::optional<std::string> blocked_by;
  std::optional<Moment> not_before;
  std::string reason;
};

/// One campaign: a label of messages.
struct CampaignStatus {
  std::string campaign;
  std::string state = "open";   ///< or "suspended"
  std::uint64_t in_flight = 0;  ///< transactions
  std::uint64_t waiting = 0;    ///< in delivery slots of the MTA
  std::uint64_t parked = 0;     ///< in the MTA's queue, as far as remembered
  std::uint64_t delivered = 0;  ///< recipients, since it was first seen
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::optional<Moment> not_before;
  std::string reason;
};

/// One [source.NAME].
struct SourceStatus {
  std::string source;
  std::string address;  ///< its addresses, with a blank between; "": the system chooses
  std::string ehlo_name;
  std::uint64_t connections = 0;  ///< open
  std::optional<std::uint32_t> max_connections;
  std::string rate;
  /// Messages that a site may get of it today that holds nothing.
  std::optional<std::uint32_t> warm_up;
  std::uint64_t warm_ups_held = 0;  ///< sites where today's step is yesterday's
  std::optional<std::string> blocked_by;
  std::optional<Moment> not_before;
};

/// A suspension of a site, of one domain or tenant, or of all mail, by an operator or a rule.
struct SuspensionStatus {
  std::string name;
  bool is_domain = false;
  Moment until;
  std::string reason;
  std::string by;  ///< who asked for it: "root", "uid 1000", a rule
  WallTime since{};
  bool is_tenant = false;
  /// Of the site's mail only that of "sender_domain example.org" or "source west"; "" for all.
  std::string scope = {};
  bool is_all = false;     ///< of all mail; it has no name then
  bool is_source = false;  ///< of what leaves from this source, to all sites
  bool is_campaign = false;
};

/// What survives a restart, and how writing it goes.
struct StateFileStatus {
  std::string file;
  std::string problem;                 ///< why nothing is written now, "" while all is well
  std::vector<std::string> set_aside;  ///< damaged files, since the start
  std::uint64_t octets = 0;
  std::uint64_t records = 0;
  std::uint64_t waiting = 0;  ///< changes that are not written yet
  std::uint64_t written = 0;  ///< changes since the start
  std::uint64_t dropped =
      0;  ///< changes for which there was no room while nothing could be written
  WallTime last_written{};
};

/// One place where events are told, and how that goes.
struct EventOutputStatus {
  std::string output;  ///< the option: "file"
  std::string place;
  std::string problem;  ///< why nothing is told now, "" while all is well
  std::uint64_t written = 0;
  std::uint64_t dropped = 0;
};

/// The configuration file and how the last attempt to read it went.
struct ConfigurationStatus {
  std::string file;
  WallTime loaded{};  ///< of the settings in force
  /// Of the last reload; the settings before it are in force then.
  std::vector<std::string> mistakes;
  /// Names of users that do not exist, a socket without its group.
  std::vector<std::string> warnings;
};

/// Counters of the whole manager since its start. Of recipients for the outcomes, of messages for
/// `messages`, of transactions for in_flight, waiting and connections_reused.
struct Totals {
  std::uint64_t messages = 0;
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t waiting = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_reused = 0;
  std::uint64_t connections_open = 0;
  std::uint64_t tls_handshakes = 0;
  std::uint64_t tls_resumed = 0;  ///< of these, those that resumed a session
};

/// Recipients that the milter has asked about since the start; what it remembers by itself is not
/// among them.
struct AdmissionStatus {
  std::uint64_t asked = 0;
  std::uint64_t full = 0;       ///< answered "beyond an accept_rate"
  std::uint64_t suspended = 0;  ///< answered "suspended"
};

/// One [login.NAME]. Nothing of its secret.
struct LoginStatus {
  std::string login;
  std::string user;
  std::string state =
      "usable";  ///< reading (its secret is on its way), missing (it has none), refused
  std::uint64_t connections = 0;     ///< logged in with it, or about to be
  std::optional<Moment> not_before;  ///< a refused one: when it is tried again
  std::string last_error;            ///< why it has no secret, or what the server said
};

/// Whether messages that wait in one of the MTA's queues can be woken.
struct WakingStatus {
  std::string directory;
  bool works = false;
  std::string trouble;  ///< why not, in words; "" too where it was not tried yet
};

/// Messages that wait in the MTA's queue for one site, as far as they are remembered.
struct ParkedRow {
  std::string site;           ///< "@domain" while its site is not known
  std::uint64_t waiting = 0;  ///< those that rest included
  std::uint64_t coming = 0;   ///< woken, on their way
  std::uint64_t limit = 0;    ///< of those that wait, by why
  std::uint64_t suspended = 0;
  std::uint64_t backing_off = 0;
  std::uint64_t draining = 0;
  std::uint64_t route = 0;
  std::optional<WallTime> oldest;
  std::optional<Duration> empty_in;  ///< at what is allowed now
};

struct ParkedMessage {
  std::string queue_id;
  std::string site;
  std::string tenant;
  std::string campaign;
  std::string why;  ///< parking::name_of
  WallTime since{};
};

/// What is remembered of the MTA's queue.
struct QueueStatus {
  std::vector<WakingStatus> queues;
  std::uint64_t slots = 0;          ///< deliveries that the MTA makes at once
  std::uint64_t slots_waiting = 0;  ///< of these, those that wait in here
  std::uint64_t parked = 0;         ///< messages that are remembered
  std::uint64_t max_parked = 0;
  std::uint64_t turned_away = 0;        ///< since the start: the register was full
  std::uint64_t woken = 0;              ///< since the start
  std::uint64_t unheard = 0;            ///< of these, those that nobody followed
  std::vector<ParkedRow> sites;         ///< the longest first, at most as many as were asked for
  std::vector<ParkedMessage> messages;  ///< of a list: one page
  std::optional<std::uint64_t> next;    ///< of a list: where the next page begins
};

/// What waits in the MTA's queue, as far as it is remembered, and how it is woken; counts since
/// the start where nothing else is said.
struct ParkingStatus {
  std::uint64_t slots = 0;          ///< deliveries that the MTA makes at once
  std::uint64_t slots_waiting = 0;  ///< of these, those that wait in here now
  std::uint64_t limit = 0;          ///< messages that wait now, by why (parking::Why)
  std::uint64_t suspended = 0;
  std::uint64_t backing_off = 0;
  std::uint64_t draining = 0;
  std::uint64_t route = 0;
  std::uint64_t max_parked = 0;
  std::uint64_t turned_away = 0;  ///< not remembered: max_parked
  std::uint64_t woken = 0;
  std::uint64_t came = 0;      ///< of those that were woken
  std::uint64_t unheard = 0;   ///< of those that were woken, those that did not come in time
  std::uint64_t given_up = 0;  ///< forgotten, for they never came
  Duration wake_latency{};     ///< from waking to coming, of late
};

struct ManagerStatus {
  std::string version;
  std::string state = "starting";  ///< starting, running, draining
  Duration uptime{};
  WallTime now{};
  Totals totals;
  Counts recent;  ///< in the last minute
  ConnectionCounts connections;
  std::uint64_t lmtp_connections = 0;  ///< from the MTA, now
  std::uint64_t lmtp_max_connections = 0;
  std::uint64_t lmtp_peers_refused = 0;  ///< not among [lmtp] allow_users
  std::uint64_t bodies = 0;              ///< octets of message bodies in memory
  std::uint64_t memory_limit = 0;
  std::uint64_t spilled = 0;         ///< octets of bodies in temporary files
  std::uint64_t bodies_refused = 0;  ///< messages answered 452, since the start
  std::string bodies_problem;        ///< why, where it was within the last ten minutes
  /// Recipients whose end is not known: the commit point was passed, no reply came.
  std::uint64_t ambiguous = 0;
  std::uint64_t cancelled = 0;    ///< messages whose client went away before the commit point
  std::string dns_validation;     ///< "on", or why it is off
  bool dnssec_expected = true;    ///< false: the operator knows that it is off
  std::uint64_t log_dropped = 0;  ///< lines
  std::uint64_t loop_worst_us =
      0;                 ///< the longest turn of the event loop in the last minute, microseconds
  std::string map_file;  ///< what the Postfix table reads, "" without one
  std::uint64_t map_generation = 0;
  ConfigurationStatus configuration;
  StateFileStatus state_file;
  std::vector<EventOutputStatus> events;
  AdmissionStatus admission;
  std::vector<SuspensionStatus> suspensions;  ///< at most as many as were asked for
  std::uint64_t suspensions_known = 0;        ///< all of them
  std::vector<TenantStatus> tenants;
  /// Suspended ones first, then those whose mail was seen last; at most as many as were asked for.
  std::vector<CampaignStatus> campaigns;
  std::uint64_t campaigns_known = 0;
  std::vector<SourceStatus> sources;
  /// Held ones first, then the fullest; at most as many as were asked for.
  std::vector<WarmUpStatus> warm_ups;
  std::uint64_t warm_ups_known = 0;
  std::vector<LoginStatus> logins;
  /// Most urgent first (urgency.h), at most as many as were asked for.
  std::vector<SiteStatus> sites;
  std::uint64_t sites_known = 0;  ///< all of them
  std::uint64_t domains_known = 0;
  std::vector<WakingStatus> queues;  ///< of the MTA
  std::uint64_t parked = 0;          ///< messages that wait there, as far as remembered
  ParkingStatus parking;
  /// Domains that DNS gave no host for within the last hour; at most as many as were asked for.
  std::vector<DomainStatus> unrouted;
  std::uint64_t unrouted_known = 0;
  ImapStatus imap;
};

struct ConnectionStatus {
  std::uint64_t id = 0;
  std::string site;
  std::string host;
  std::string address;
  std::uint16_t port = 25;
  std::string source;  ///< NAME or NAME[ADDRESS] of a [source.NAME]; "" where the kernel chose
  std::string state;
  Duration age{};
  Duration in_state{};  ///< how long it has been in `state`: the idle time of an idle one
  std::uint64_t messages = 0;
  std::uint32_t max_messages = 0;
  std::string tls;  ///< "none", or "TLSv1.3 TLS_AES_256_GCM_SHA384 verified by DANE-EE"
  // The same, apart; "" without TLS.
  std::string tls_version;
  std::string tls_cipher;
  std::string tls_verified;   ///< how; or why not
  bool tls_resumed = false;   ///< without a full handshake
  std::string tls_requested;  ///< what the domain requires that it was opened for
  std::optional<std::uint32_t> certificate_days;  ///< until the server's certificate ends
  std::string login;   ///< the [login.NAME] that it is logged in with, "" for none
  std::string doing;   ///< a busy one's step: "waiting for the reply to end of data"
  std::string domain;  ///< a busy one's recipient domain
  std::string last_reply;
};

/// Everything about one name: a site, a domain or a door.
struct NameStatus {
  std::string name;
  std::string kind;  ///< site, domain, door
  /// The site itself, the domain's, or those behind the door; with endpoints.
  std::vector<SiteStatus> sites;
  std::vector<DomainStatus> domains;  ///< at most as many as were asked for
  std::uint64_t domains_known = 0;
  std::vector<SuspensionStatus> suspensions;
};

/// One limit that a recipient's way passes.
struct LimitUse {
  /// "site google", "domain example.org", "endpoint mx1.example.org[192.0.2.1]:25", "[lmtp]".
  std::string scope;
  std::string option;   ///< "max_connections"
  std::string ceiling;  ///< as configured: "5", "100/s"; "none"
  std::string use;      ///< "3", "2 tokens left"
  bool is_reached = false;
  std::optional<Moment> not_before;  ///< when it has room again, where known
};

/// The way a recipient would take now.
struct Explanation {
  std::string address;
  std::string domain;
  std::string door;
  std::string site;
  std::string site_state;
  std::string why_this_site;
  std::string tenant;              ///< "" for nobody's
  std::string campaign;            ///< "" for none
  std::string source;              ///< "west", "pool both: west, east"; "" where the kernel chooses
  std::vector<std::string> hosts;  ///< MX host names, most preferred first
  std::vector<EndpointStatus> targets;  ///< in the order to try
  std::vector<LimitUse> limits;
  std::string no_route;  ///< the answer that every recipient there gets, "" when there is a way
  std::optional<std::string> blocked_by;  ///< what it would wait for; empty: it would go at once
  std::optional<Moment> not_before;
  std::string reason;
  std::string would;  ///< one sentence: "goes at once on an idle connection to mx1.example.org"
};

/// One line of `poolctl check`.
struct Finding {
  enum class Level : std::uint8_t {
    Good,
    Note,     ///< worth knowing, nothing to mend
    Warning,  ///< works, but not as one would want
    Mistake,  ///< mail or operators suffer
  };
  Level level = Level::Good;
  std::string area;  ///< configuration, manager, socket, dns, postfix, sendmail
  std::string text;
  std::string mend;  ///< the command or edit that mends it, "" for none
};

[[nodiscard]] constexpr char const* name_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::Good:
      return "good";
    case Finding::Level::Note:
      return "note";
    case Finding::Level::Warning:
      return "warning";
    case Finding::Level::Mistake:
      break;
  }
  return "mistake";
}

}  // namespace mailpool::control
