#pragma once
// Every key that JSON has for a struct of snapshot.h, once, for writing and for reading. A visitor
// V has field(key, member); S is the struct or the const struct.

#include <type_traits>

#include "core/control/json.h"

namespace mailpool::control {

/// S is T, whether const or not.
template <class S, class T>
concept Of = std::is_same_v<std::remove_const_t<S>, T>;

template <class V, Of<ConnectionCounts> S>
void fields(V& v, S& s) {
  v.field("connecting", s.connecting);
  v.field("idle", s.idle);
  v.field("busy", s.busy);
  v.field("checking", s.checking);
  v.field("closing", s.closing);
}

/// Recipients by how they ended.
template <class V, class S>
void outcome_fields(V& v, S& s) {
  v.field("delivered", s.delivered);
  v.field("deferred", s.deferred);
  v.field("refused", s.refused);
}

/// What holds something back.
template <class V, class S>
void wait_fields(V& v, S& s) {
  v.field("blocked_by", s.blocked_by);
  v.field("not_before", s.not_before);
  v.field("reason", s.reason);
}

template <class V, Of<Counts> S>
void fields(V& v, S& s) {
  v.field("messages", s.messages);
  outcome_fields(v, s);
}

template <class V, Of<CountedReason> S>
void fields(V& v, S& s) {
  v.field("reason", s.reason);
  v.field("count", s.count);
}

template <class V, Of<Totals> S>
void fields(V& v, S& s) {
  v.field("messages", s.messages);
  outcome_fields(v, s);
  v.field("in_flight", s.in_flight);
  v.field("waiting", s.waiting);
  v.field("connections_opened", s.connections_opened);
  v.field("connections_reused", s.connections_reused);
  v.field("connections_open", s.connections_open);
  v.field("tls_handshakes", s.tls_handshakes);
  v.field("tls_resumed", s.tls_resumed);
}

template <class V, Of<EndpointStatus> S>
void fields(V& v, S& s) {
  v.field("host", s.host);
  v.field("address", s.address);
  v.field("port", s.port);
  v.field("state", s.state);
  v.field("connections", s.connections);
  v.field("failures", s.failures);
  v.field("not_before", s.not_before);
  v.field("last_error", s.last_error);
  v.field("max_messages", s.max_messages);
  v.field("tls", s.tls);
  v.field("require_tls", s.require_tls);
  v.field("tls_now", s.tls_now);
  v.field("tls_resumed", s.tls_resumed);
  v.field("certificate_days", s.certificate_days);
}

template <class V, Of<AllowanceStatus> S>
void fields(V& v, S& s) {
  v.field("rate", s.rate);
  v.field("max_connections", s.max_connections);
  v.field("max_messages", s.max_messages);
  v.field("why", s.why);
}

template <class V, Of<PathStatus> S>
void fields(V& v, S& s) {
  v.field("source", s.source);
  v.field("connections", s.connections);
  v.field("max_connections", s.max_connections);
  v.field("rate", s.rate);
  v.field("max_messages", s.max_messages);
  wait_fields(v, s);
  v.field("why_less", s.why_less);
}

template <class V, Of<WarmUpStatus> S>
void fields(V& v, S& s) {
  v.field("source", s.source);
  v.field("site", s.site);
  v.field("day", s.day);
  v.field("step", s.step);
  v.field("steps", s.steps);
  v.field("most", s.most);
  v.field("sent", s.sent);
  v.field("taken", s.taken);
  v.field("put_off", s.put_off);
  v.field("held", s.held);
  v.field("reason", s.reason);
}

template <class V, Of<SiteStatus> S>
void fields(V& v, S& s) {
  v.field("site", s.site);
  v.field("state", s.state);
  v.field("domains", s.domains);
  v.field("connections", s.connections);
  v.field("max_connections", s.max_connections);
  v.field("in_flight", s.in_flight);
  v.field("waiting", s.waiting);
  outcome_fields(v, s);
  v.field("opened", s.opened);
  v.field("reused", s.reused);
  v.field("rate", s.rate);
  v.field("blocked_by", s.blocked_by);
  v.field("not_before", s.not_before);
  v.field("last_reply", s.last_reply);
  v.field("is_named", s.is_named);
  v.field("why_this_site", s.why_this_site);
  v.field("door", s.door);
  v.field("parked", s.parked);
  v.field("longest_wait", s.longest_wait);
  v.field("recent", s.recent);
  v.field("this_hour", s.this_hour);
  v.field("today", s.today);
  v.field("max_messages", s.max_messages);
  v.field("max_waiting", s.max_waiting);
  v.field("tls", s.tls);
  v.field("tls_handshakes", s.tls_handshakes);
  v.field("tls_resumed", s.tls_resumed);
  v.field("connect_rate", s.connect_rate);
  v.field("allowed_now", s.allowed_now);
  v.field("reason", s.reason);
  v.field("last_error", s.last_error);
  v.field("trouble", s.trouble);
  v.field("cure", s.cure);
  v.field("closes", s.closes);
  v.field("replies", s.replies);
  v.field("endpoints", s.endpoints);
  v.field("paths", s.paths);
  v.field("guest_connections", s.guest_connections);
  v.field("warm_ups", s.warm_ups);
}

template <class V, Of<DomainStatus> S>
void fields(V& v, S& s) {
  v.field("domain", s.domain);
  v.field("site", s.site);
  v.field("door", s.door);
  v.field("state", s.state);
  v.field("in_flight", s.in_flight);
  v.field("waiting", s.waiting);
  outcome_fields(v, s);
  v.field("max_connections", s.max_connections);
  v.field("rate", s.rate);
  wait_fields(v, s);
  v.field("route_expires", s.route_expires);
}

template <class V, Of<TenantStatus> S>
void fields(V& v, S& s) {
  v.field("tenant", s.tenant);
  v.field("state", s.state);
  v.field("priority", s.priority);
  v.field("in_flight", s.in_flight);
  v.field("waiting", s.waiting);
  outcome_fields(v, s);
  v.field("max_connections", s.max_connections);
  v.field("rate", s.rate);
  wait_fields(v, s);
}

template <class V, Of<CampaignStatus> S>
void fields(V& v, S& s) {
  v.field("campaign", s.campaign);
  v.field("state", s.state);
  v.field("in_flight", s.in_flight);
  v.field("waiting", s.waiting);
  v.field("parked", s.parked);
  outcome_fields(v, s);
  v.field("not_before", s.not_before);
  v.field("reason", s.reason);
}

template <class V, Of<SourceStatus> S>
void fields(V& v, S& s) {
  v.field("source", s.source);
  v.field("address", s.address);
  v.field("ehlo_name", s.ehlo_name);
  v.field("connections", s.connections);
  v.field("max_connections", s.max_connections);
  v.field("rate", s.rate);
  v.field("warm_up", s.warm_up);
  v.field("warm_ups_held", s.warm_ups_held);
  v.field("blocked_by", s.blocked_by);
  v.field("not_before", s.not_before);
}

template <class V, Of<LoginStatus> S>
void fields(V& v, S& s) {
  v.field("login", s.login);
  v.field("user", s.user);
  v.field("state", s.state);
  v.field("connections", s.connections);
  v.field("not_before", s.not_before);
  v.field("last_error", s.last_error);
}

template <class V, Of<SuspensionStatus> S>
void fields(V& v, S& s) {
  v.field("name", s.name);
  v.field("is_domain", s.is_domain);
  v.field("until", s.until);
  v.field("reason", s.reason);
  v.field("by", s.by);
  v.field("since", s.since);
  v.field("is_tenant", s.is_tenant);
  v.field("scope", s.scope);
  v.field("is_all", s.is_all);
  v.field("is_source", s.is_source);
  v.field("is_campaign", s.is_campaign);
}

template <class V, Of<StateFileStatus> S>
void fields(V& v, S& s) {
  v.field("file", s.file);
  v.field("problem", s.problem);
  v.field("set_aside", s.set_aside);
  v.field("octets", s.octets);
  v.field("records", s.records);
  v.field("waiting", s.waiting);
  v.field("written", s.written);
  v.field("dropped", s.dropped);
  v.field("last_written", s.last_written);
}

template <class V, Of<ConfigurationStatus> S>
void fields(V& v, S& s) {
  v.field("file", s.file);
  v.field("loaded", s.loaded);
  v.field("mistakes", s.mistakes);
  v.field("warnings", s.warnings);
}

template <class V, Of<AdmissionStatus> S>
void fields(V& v, S& s) {
  v.field("asked", s.asked);
  v.field("full", s.full);
  v.field("suspended", s.suspended);
}

template <class V, Of<WakingStatus> S>
void fields(V& v, S& s) {
  v.field("directory", s.directory);
  v.field("works", s.works);
  v.field("trouble", s.trouble);
}

template <class V, Of<ParkedRow> S>
void fields(V& v, S& s) {
  v.field("site", s.site);
  v.field("waiting", s.waiting);
  v.field("coming", s.coming);
  v.field("limit", s.limit);
  v.field("suspended", s.suspended);
  v.field("backing_off", s.backing_off);
  v.field("draining", s.draining);
  v.field("route", s.route);
  v.field("oldest", s.oldest);
  v.field("empty_in", s.empty_in);
}

template <class V, Of<ParkedMessage> S>
void fields(V& v, S& s) {
  v.field("queue_id", s.queue_id);
  v.field("site", s.site);
  v.field("tenant", s.tenant);
  v.field("campaign", s.campaign);
  v.field("why", s.why);
  v.field("since", s.since);
}

template <class V, Of<QueueStatus> S>
void fields(V& v, S& s) {
  v.field("queues", s.queues);
  v.field("slots", s.slots);
  v.field("slots_waiting", s.slots_waiting);
  v.field("parked", s.parked);
  v.field("max_parked", s.max_parked);
  v.field("turned_away", s.turned_away);
  v.field("woken", s.woken);
  v.field("unheard", s.unheard);
  v.field("sites", s.sites);
  v.field("messages", s.messages);
  v.field("next", s.next);
}

template <class V, Of<ParkingStatus> S>
void fields(V& v, S& s) {
  v.field("slots", s.slots);
  v.field("slots_waiting", s.slots_waiting);
  v.field("limit", s.limit);
  v.field("suspended", s.suspended);
  v.field("backing_off", s.backing_off);
  v.field("draining", s.draining);
  v.field("route", s.route);
  v.field("max_parked", s.max_parked);
  v.field("turned_away", s.turned_away);
  v.field("woken", s.woken);
  v.field("came", s.came);
  v.field("unheard", s.unheard);
  v.field("given_up", s.given_up);
  v.field("wake_latency", s.wake_latency);
}

template <class V, Of<EventOutputStatus> S>
void fields(V& v, S& s) {
  v.field("output", s.output);
  v.field("place", s.place);
  v.field("problem", s.problem);
  v.field("written", s.written);
  v.field("dropped", s.dropped);
}

template <class V, Of<ManagerStatus> S>
void fields(V& v, S& s) {
  v.field("version", s.version);
  v.field("state", s.state);
  v.field("uptime", s.uptime);
  v.field("now", s.now);
  v.field("totals", s.totals);
  v.field("sites", s.sites);
  v.field("sites_known", s.sites_known);
  v.field("domains_known", s.domains_known);
  v.field("unrouted", s.unrouted);
  v.field("unrouted_known", s.unrouted_known);
  v.field("suspensions", s.suspensions);
  v.field("suspensions_known", s.suspensions_known);
  v.field("tenants", s.tenants);
  v.field("campaigns", s.campaigns);
  v.field("campaigns_known", s.campaigns_known);
  v.field("sources", s.sources);
  v.field("warm_ups", s.warm_ups);
  v.field("warm_ups_known", s.warm_ups_known);
  v.field("logins", s.logins);
  v.field("recent", s.recent);
  v.field("connections", s.connections);
  v.field("lmtp_connections", s.lmtp_connections);
  v.field("lmtp_max_connections", s.lmtp_max_connections);
  v.field("lmtp_peers_refused", s.lmtp_peers_refused);
  v.field("bodies", s.bodies);
  v.field("memory_limit", s.memory_limit);
  v.field("spilled", s.spilled);
  v.field("bodies_refused", s.bodies_refused);
  v.field("bodies_problem", s.bodies_problem);
  v.field("ambiguous", s.ambiguous);
  v.field("cancelled", s.cancelled);
  v.field("dns_validation", s.dns_validation);
  v.field("dnssec_expected", s.dnssec_expected);
  v.field("admission", s.admission);
  v.field("log_dropped", s.log_dropped);
  v.field("loop_worst_us", s.loop_worst_us);
  v.field("map_file", s.map_file);
  v.field("map_generation", s.map_generation);
  v.field("configuration", s.configuration);
  v.field("state_file", s.state_file);
  v.field("events", s.events);
  v.field("queues", s.queues);
  v.field("parked", s.parked);
  v.field("parking", s.parking);
  v.field("imap", s.imap);
}

template <class V, Of<ConnectionStatus> S>
void fields(V& v, S& s) {
  v.field("id", s.id);
  v.field("site", s.site);
  v.field("host", s.host);
  v.field("address", s.address);
  v.field("port", s.port);
  v.field("source", s.source);
  v.field("state", s.state);
  v.field("age", s.age);
  v.field("in_state", s.in_state);
  v.field("messages", s.messages);
  v.field("max_messages", s.max_messages);
  v.field("tls", s.tls);
  v.field("tls_version", s.tls_version);
  v.field("tls_cipher", s.tls_cipher);
  v.field("tls_verified", s.tls_verified);
  v.field("tls_resumed", s.tls_resumed);
  v.field("tls_requested", s.tls_requested);
  v.field("certificate_days", s.certificate_days);
  v.field("login", s.login);
  v.field("doing", s.doing);
  v.field("domain", s.domain);
  v.field("last_reply", s.last_reply);
}

template <class V, Of<NameStatus> S>
void fields(V& v, S& s) {
  v.field("name", s.name);
  v.field("kind", s.kind);
  v.field("sites", s.sites);
  v.field("domains", s.domains);
  v.field("domains_known", s.domains_known);
  v.field("suspensions", s.suspensions);
}

template <class V, Of<LimitUse> S>
void fields(V& v, S& s) {
  v.field("scope", s.scope);
  v.field("option", s.option);
  v.field("ceiling", s.ceiling);
  v.field("use", s.use);
  v.field("is_reached", s.is_reached);
  v.field("not_before", s.not_before);
}

template <class V, Of<Explanation> S>
void fields(V& v, S& s) {
  v.field("address", s.address);
  v.field("domain", s.domain);
  v.field("door", s.door);
  v.field("site", s.site);
  v.field("site_state", s.site_state);
  v.field("why_this_site", s.why_this_site);
  v.field("tenant", s.tenant);
  v.field("campaign", s.campaign);
  v.field("source", s.source);
  v.field("hosts", s.hosts);
  v.field("targets", s.targets);
  v.field("limits", s.limits);
  v.field("no_route", s.no_route);
  wait_fields(v, s);
  v.field("would", s.would);
}

template <class V, Of<Finding> S>
void fields(V& v, S& s) {
  v.field("level", s.level);
  v.field("area", s.area);
  v.field("text", s.text);
  v.field("mend", s.mend);
}

template <class V, Of<ReloadReport> S>
void fields(V& v, S& s) {
  v.field("is_applied", s.is_applied);
  v.field("mistakes", s.mistakes);
  v.field("needs_restart", s.needs_restart);
  v.field("warnings", s.warnings);
}

template <class V, Of<Done> S>
void fields(V& v, S& s) {
  v.field("done", s.sentence);
}

}  // namespace mailpool::control
