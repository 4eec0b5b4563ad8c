#include "core/control/metric_families.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace mailpool::control {
namespace {

// In the order of the page.
constexpr std::array families{std::to_array<MetricFamily>({
    {"info", MetricType::Gauge, "version", "The running version."},
    {"state", MetricType::Gauge, "state", "1 for the state that the manager is in."},
    {"uptime_seconds", MetricType::Gauge, "", "Since the start of the manager."},
    {"messages_total", MetricType::Counter, "", "Messages handed over by the MTA."},
    {"recipients_total", MetricType::Counter, "outcome", "Recipients by outcome."},
    {"ambiguous_total", MetricType::Counter, "",
     "Recipients whose end is not known: the commit point was passed and no reply came."},
    {"cancelled_total", MetricType::Counter, "",
     "Messages whose client left before the commit point."},
    {"transactions_in_flight", MetricType::Gauge, "", "Transactions that hold a connection."},
    {"transactions_waiting", MetricType::Gauge, "",
     "Transactions that wait for a limit or a connection."},
    {"connections_opened_total", MetricType::Counter, "", "Connections made to remote servers."},
    {"connections_reused_total", MetricType::Counter, "",
     "Transactions on a connection that had carried one before."},
    {"tls_handshakes_total", MetricType::Counter, "resumed",
     "TLS handshakes with remote servers, by whether they resumed a session."},
    {"connections", MetricType::Gauge, "state", "Pooled connections by state."},
    {"lmtp_connections", MetricType::Gauge, "", "Connections from the MTA."},
    {"lmtp_peers_refused_total", MetricType::Counter, "",
     "Connections of users that are not among [lmtp] allow_users."},
    {"bodies_bytes", MetricType::Gauge, "", "Message bodies in memory."},
    {"bodies_limit_bytes", MetricType::Gauge, "", "[lmtp] memory_limit."},
    {"spilled_bytes", MetricType::Gauge, "", "Message bodies in temporary files."},
    {"bodies_refused_total", MetricType::Counter, "",
     "Messages answered 452: memory_limit, or no room on the disk."},
    {"admission_asked_total", MetricType::Counter, "", "Recipients that the milter asked about."},
    {"admission_full_total", MetricType::Counter, "", "Of these, those beyond an accept_rate."},
    {"admission_suspended_total", MetricType::Counter, "",
     "Of these, those whose domain or site is suspended."},
    {"log_dropped_total", MetricType::Counter, "",
     "Log lines that the destination did not take in time."},
    {"events_written_total", MetricType::Counter, "output",
     "Events that were told, by the option of [events] that says where."},
    {"events_dropped_total", MetricType::Counter, "output",
     "Events that were lost, since the place did not take them."},
    {"dns_validation", MetricType::Gauge, "", "1 while DNSSEC validation works."},
    {"configuration_mistakes", MetricType::Gauge, "",
     "Mistakes of the last reload; the settings before it are in force."},
    {"loop_worst_seconds", MetricType::Gauge, "",
     "The longest turn of the event loop in the last minute."},
    {"domains_unrouted", MetricType::Gauge, "",
     "Domains that DNS gave no host for within the last hour."},
    {"sites", MetricType::Gauge, "", "Known sites."},
    {"domains", MetricType::Gauge, "", "Known domains."},
    {"suspensions", MetricType::Gauge, "", "Sites and domains that an operator suspended."},
    {"sites_by_state", MetricType::Gauge, "state",
     "Sites that are not open, among those looked at."},
    {"warm_ups_held", MetricType::Gauge, "source",
     "Sites where a source's warm_up does yesterday's step again, since too much was put off."},
    {"parked", MetricType::Gauge, "why",
     "Messages that wait in the MTA's queue, as far as they are remembered, by what they wait "
     "for."},
    {"parked_limit", MetricType::Gauge, "", "[lmtp] max_parked."},
    {"parked_turned_away_total", MetricType::Counter, "",
     "Messages that were told to wait and are not remembered: max_parked."},
    {"woken_total", MetricType::Counter, "", "Messages that the MTA was asked to try now."},
    {"woken_came_total", MetricType::Counter, "", "Of these, those that came."},
    {"woken_unheard_total", MetricType::Counter, "",
     "Of these, those that did not come in time: held or removed in the queue, or the MTA is "
     "busy."},
    {"woken_given_up_total", MetricType::Counter, "",
     "Messages that never came and were forgotten."},
    {"wake_latency_seconds", MetricType::Gauge, "",
     "From waking a message to its coming, of late; messages are woken ahead by twice as much."},
    {"slots", MetricType::Gauge, "", "Deliveries that the MTA makes at once: [lmtp] slots."},
    {"slots_waiting", MetricType::Gauge, "", "Of these, those that wait in the manager."},
    {"imap_connections", MetricType::Gauge, "profile, state",
     "Connections to IMAP servers by state."},
    {"imap_logins_total", MetricType::Counter, "profile",
     "Connections that were opened and logged in."},
    {"imap_reused_total", MetricType::Counter, "profile",
     "Loans of a connection that was lent before."},
    {"imap_logins_refused_total", MetricType::Counter, "profile",
     "Logins that the server refused."},
    {"imap_discarded_total", MetricType::Counter, "profile, reason",
     "Connections that were not kept, by reason."},
    {"imap_clients", MetricType::Gauge, "profile", "Programs that are connected."},
    {"imap_waiting", MetricType::Gauge, "profile", "Programs that wait for a connection."},
    {"imap_peers_refused_total", MetricType::Counter, "",
     "Programs of users that are not among allow_users."},
    {"invariant_violations", MetricType::Gauge, "rule",
     "Sites that break a rule now: max_connections (a reload may lower it below what is open), "
     "lease (a transaction without a busy connection)."},
    {"loop_turn_seconds", MetricType::Histogram, "", "Turns of the event loop."},
    {"process_cpu_seconds_total", MetricType::Counter, "", "CPU time of the manager, all threads."},
    {"process_resident_memory_bytes", MetricType::Gauge, "", "Memory of the manager."},
    {"process_open_fds", MetricType::Gauge, "", "File descriptors that are open."},
    {"process_max_fds", MetricType::Gauge, "", "File descriptors that may be open."},
    {"process_start_time_seconds", MetricType::Gauge, "",
     "When the manager was started, in seconds of the epoch."},
    {"wait_seconds", MetricType::Histogram, "",
     "Transactions that were begun: how long they waited for their turn."},
    {"connect_seconds", MetricType::Histogram, "",
     "Connections that became ready for mail: how long TCP took."},
    {"handshake_seconds", MetricType::Histogram, "", "Likewise, how long the TLS handshake took."},
    {"transaction_seconds", MetricType::Histogram, "",
     "Transactions, from MAIL to the last reply."},
    {"delivery_seconds", MetricType::Histogram, "",
     "Recipients that were delivered: since the MTA handed them over."},
    {"rule_acted_total", MetricType::Counter, "rule",
     "How often each [[rule]] acted, by file and line."},
    {"tenant_recipients_total", MetricType::Counter, "tenant, outcome",
     "Recipients by tenant, of those of the configuration and those suspended."},
    {"campaign_recipients_total", MetricType::Counter, "campaign, outcome",
     "Recipients by campaign, of as many as [metrics] sites has sites."},
    {"site_recipients_total", MetricType::Counter, "site, outcome",
     "Recipients by site and outcome."},
    {"site_connections_opened_total", MetricType::Counter, "site", "Connections made, by site."},
    {"site_connections_reused_total", MetricType::Counter, "site",
     "Transactions on a used connection, by site."},
    {"site_connections", MetricType::Gauge, "site, state", "Pooled connections by site and state."},
    {"site_waiting", MetricType::Gauge, "site", "Transactions that wait, by site."},
    {"site_trouble", MetricType::Gauge, "site",
     "0 open, 1 limited, 2 backing_off, 3 suspended, 4 failing."},
    {"site_refusals_total", MetricType::Counter, "site, class",
     "Recipients that were refused or put off, by class of the reply (mailpool-replies(7))."},
    {"path_recipients_total", MetricType::Counter, "site, source, outcome",
     "Recipients by site and source; what has no source is told of its site alone."},
    {"path_connections", MetricType::Gauge, "site, source", "Connections by site and source."},
    {"path_connections_limit", MetricType::Gauge, "site, source",
     "Connections that a path may have open now."},
    {"path_rate_limit", MetricType::Gauge, "site, source",
     "Messages a second that a path may send now; no sample without a limit."},
    {"path_level", MetricType::Gauge, "site, source",
     "What adaptive limits leave a path of what is configured: 1 for all of it."},
    {"site_wait_seconds", MetricType::Histogram, "site",
     "As wait_seconds, of a site since it rested last; so the four below."},
    {"site_connect_seconds", MetricType::Histogram, "site", "As connect_seconds."},
    {"site_handshake_seconds", MetricType::Histogram, "site", "As handshake_seconds."},
    {"site_transaction_seconds", MetricType::Histogram, "site", "As transaction_seconds."},
    {"site_delivery_seconds", MetricType::Histogram, "site", "As delivery_seconds."},
})};

}  // namespace

std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
  }
  return "";
}

std::span<MetricFamily const> metric_families() {
  return families;
}

std::string full_name(MetricFamily const& family) {
  return (family.name.starts_with("process_") ? "" : "mailpool_") + std::string(family.name);
}

MetricFamily const& metric_family(std::string_view name) {
  auto const* const found = std::find_if(families.begin(), families.end(),
                                         [&](MetricFamily const& f) { return f.name == name; });
  assert(found != families.end() && "whatever is written stands in the table");
  return *found;
}

std::string metrics_as_mdoc() {
  std::string text = ".Bl -tag -width Ds\n";
  for (auto const& family : families) {
    text += fmt::format(".It Ic {} Pq {}\n", full_name(family), name_of(family.type));
    text += fmt::format("{}\n", family.help);
    if (!family.labels.empty()) text += fmt::format("Labels: {}.\n", family.labels);
  }
  return text + ".El\n";
}

}  // namespace mailpool::control
