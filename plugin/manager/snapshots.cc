#include "manager/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/map/writer.h"

namespace mailpool::manager {

using delivery::Clock;
using delivery::Site;
using delivery::SmtpConnection;
using pool::ConnectionState;

namespace {

constexpr std::array all_states{ConnectionState::Connecting, ConnectionState::Idle,
                                ConnectionState::Busy, ConnectionState::Checking,
                                ConnectionState::Closing};

void count_one(control::ConnectionCounts& counts, ConnectionState state) {
  switch (state) {
    case ConnectionState::Connecting:
      ++counts.connecting;
      break;
    case ConnectionState::Idle:
      ++counts.idle;
      break;
    case ConnectionState::Busy:
      ++counts.busy;
      break;
    case ConnectionState::Checking:
      ++counts.checking;
      break;
    case ConnectionState::Closing:
      ++counts.closing;
      break;
  }
}

std::uint32_t days_until(WallTime end, WallTime now) {
  using Days = std::chrono::duration<std::int64_t, std::ratio<86'400>>;
  if (end <= now) return 0;
  return static_cast<std::uint32_t>(std::chrono::floor<Days>(end - now).count());
}

void add_connection(control::EndpointStatus& status, SmtpConnection const& connection) {
  count_one(status.connections, connection.state());
  if (auto const most = connection.session().capabilities().mail_max) status.max_messages = most;
}

// Of several paths the one that is to be left alone for longest tells.
control::EndpointStatus endpoint_status_of(Site const& site, site::EndpointName const& name,
                                           Clock const& clock) {
  site::EndpointHealth::Record const* worst = nullptr;
  delivery::Path const* of = nullptr;
  site.paths().visit_used([&](delivery::Path const& path) {
    auto const* record = path.health.find(name);
    if (record == nullptr || (worst != nullptr && record->not_before <= worst->not_before)) return;
    worst = record;
    of = &path;
  });
  auto status = status_of(name, worst, clock);
  if (of != nullptr && !of->name().source.empty() && !status.last_error.empty())
    status.last_error = fmt::format("from {}: {}", of->name().source, status.last_error);
  return status;
}

std::vector<control::EndpointStatus> endpoints_of(Site const& site, Clock const& clock) {
  std::map<site::EndpointName, control::EndpointStatus> found;
  auto row = [&](site::EndpointName const& name) -> control::EndpointStatus& {
    auto const [it, is_new] = found.try_emplace(name);
    if (is_new) it->second = endpoint_status_of(site, name, clock);
    return it->second;
  };
  for (auto state : all_states)
    for (auto const& c : site.connections().in(state)) {
      auto const& connection = static_cast<SmtpConnection const&>(*c);
      add_connection(row(connection.endpoint()), connection);
    }
  site.paths().visit_used([&](delivery::Path const& path) {
    for (auto const& [name, record] : path.health.records()) row(name);
  });
  std::vector<control::EndpointStatus> all;
  all.reserve(found.size());
  for (auto& [name, status] : found) {
    status.tls = add_newest_tls(status, site, clock);
    all.push_back(std::move(status));
  }
  return all;
}

void add_wait(control::SiteStatus& status, Site const& site, Clock const& clock) {
  auto const now = clock.now();
  if (auto const& suspension = site.suspension()) {
    status.blocked_by = name_of(site::Limit::Suspended);
    status.not_before = moment_to_come(suspension->until, clock);
    status.reason = suspension->reason;
    return;
  }
  if (auto const until = site.backs_off_until(now); until > now) {
    status.blocked_by = name_of(site::Limit::BackingOff);
    status.not_before = moment_to_come(until, clock);
    status.reason = site.last_error();
    return;
  }
  bool const waits = !site.waiting().is_empty() || site.parked_now() != 0;
  if (!waits || site.blocked().is_over()) return;
  status.blocked_by = name_of(site.blocked().limit);
  status.not_before = moment_to_come(site.blocked().not_before, clock);
  status.reason = site.words_for(site.blocked(), now);
}

control::Counts counts_of(site::OutcomeCounts const& counts) {
  return {counts.delivered + counts.deferred + counts.refused, counts.delivered, counts.deferred,
          counts.refused};
}

std::string source_text(SmtpConnection const& connection) {
  auto const* source = connection.source();
  if (source == nullptr) return {};
  auto const& address = connection.key().source;
  return address == IpAddress{} ? source->name()
                                : fmt::format("{}[{}]", source->name(), address.to_string());
}

}  // namespace

void add_connections(control::EndpointStatus& status, Site const& site) {
  site.connections().for_each([&](pool::Connection const& c) {
    auto const& connection = static_cast<SmtpConnection const&>(c);
    auto const& to = connection.target();
    if (to.host == status.host && to.port == status.port &&
        to.address.to_string() == status.address)
      add_connection(status, connection);
  });
}

std::string add_newest_tls(control::EndpointStatus& status, Site const& site, Clock const& clock) {
  SmtpConnection const* newest = nullptr;
  for (auto state : all_states)
    for (auto const& c : site.connections().in(state)) {
      auto const& connection = static_cast<SmtpConnection const&>(*c);
      auto const& to = connection.target();
      if (connection.tls().is_encrypted() && to.host == status.host && to.port == status.port &&
          to.address.to_string() == status.address &&
          (newest == nullptr || newest->id() < connection.id()))
        newest = &connection;
    }
  if (newest == nullptr) return {};
  auto const& tls = newest->tls();
  status.tls_resumed = tls.resumed;
  if (tls.certificate)
    status.certificate_days = days_until(tls.certificate->not_after, clock.wall(clock.now()));
  return tls::summary_of(tls, status.host);
}

control::Moment moment_of(TimePoint t, Clock const& clock) {
  return {std::max(t - clock.now(), Duration::zero()), clock.wall(t)};
}

std::optional<control::Moment> moment_to_come(TimePoint t, Clock const& clock) {
  if (t == never || t <= clock.now()) return std::nullopt;
  return moment_of(t, clock);
}

control::EndpointStatus status_of(site::EndpointName const& endpoint,
                                  site::EndpointHealth::Record const* record, Clock const& clock) {
  control::EndpointStatus s;
  s.host = endpoint.host;
  s.address = endpoint.address.to_string();
  s.port = endpoint.port;
  if (record == nullptr) return s;
  s.failures = record->failures;
  s.not_before = moment_to_come(record->not_before, clock);
  if (s.not_before) s.state = "backing_off";
  if (record->last_failure) s.last_error = record->last_failure->text;
  return s;
}

control::ConnectionCounts counts_of(pool::Pool const& pool) {
  auto n = [&](ConnectionState state) { return static_cast<std::uint32_t>(pool.count(state)); };
  return {n(ConnectionState::Connecting), n(ConnectionState::Idle), n(ConnectionState::Busy),
          n(ConnectionState::Checking), n(ConnectionState::Closing)};
}

static double per_second(Rate const& rate) {
  return rate.is_limited() ? static_cast<double>(rate.count) / seconds(rate.per) : 0;
}

control::MeasuredSite measured_of(Site const& site, Clock const& clock) {
  control::MeasuredSite measured;
  if (auto const* times = site.times()) measured.times = *times;
  for (auto const& [which, total, last_hour] : site.reply_classes().counts(clock.now()))
    measured.refusals[std::string(replies::name_of(which))] = total;
  site.paths().visit_used([&](delivery::Path const& path) {
    auto const counts = path.counts ? *path.counts : delivery::OutcomeCounts();
    measured.paths.push_back({std::string(path.name().source),
                              {counts.delivered, counts.deferred, counts.refused},
                              path.scope.connections.in_use(),
                              path.reactions.max_connections(),
                              per_second(path.reactions.rate()),
                              path.reactions.adaptive().level()});
  });
  std::sort(measured.paths.begin(), measured.paths.end(),
            [](auto const& a, auto const& b) { return a.source < b.source; });
  return measured;
}

std::string door_of(Site const& site) {
  return map::door_of_site(site.name(), site.is_named());
}

std::string why_less(Site const& site, delivery::Path const& path) {
  auto why = path.reactions.why_lowered();
  if (path.reactions.max_messages() < site.settings().max_messages && why.empty())
    why = "learned from how the server's connections end";
  return why;
}

// Of several paths the one that is given least; status of the site alone has all of them.
std::optional<control::AllowanceStatus> allowance_of(Site const& site) {
  std::optional<control::AllowanceStatus> least;
  auto lowest = std::pair(2.0, std::uint32_t{0});
  site.paths().visit_used([&](delivery::Path const& path) {
    auto const& reactions = path.reactions;
    auto why = why_less(site, path);
    auto const here = std::pair(reactions.adaptive().level(), reactions.max_connections());
    if (why.empty() || (least && here >= lowest)) return;
    lowest = here;
    if (!path.name().source.empty()) why = fmt::format("from {}: {}", path.name().source, why);
    least = control::AllowanceStatus{reactions.rate().to_string(), reactions.max_connections(),
                                     reactions.max_messages(), std::move(why)};
  });
  return least;
}

control::PathStatus status_of(Site const& site, delivery::Path const& path, Clock const& clock) {
  auto const now = clock.now();
  auto const& scope = path.scope;
  control::PathStatus s;
  s.source = path.name().source;
  s.connections = scope.connections.in_use();
  s.max_connections = scope.connections.most().value_or(0);
  s.rate = scope.rate.rate().to_string();
  s.max_messages = path.reactions.max_messages();
  s.why_less = why_less(site, path);
  if (auto const wait = site.blocked_on(path, now); !wait.is_over()) {
    s.blocked_by = name_of(wait.limit);
    s.not_before = moment_to_come(wait.not_before, clock);
    s.reason = site.words_for(wait, now);
  }
  return s;
}

std::vector<control::PathStatus> paths_of(Site const& site, Clock const& clock) {
  std::vector<control::PathStatus> all;
  if (site.paths().used() == 1) return all;
  site.paths().visit_used(
      [&](delivery::Path const& path) { all.push_back(status_of(site, path, clock)); });
  std::sort(all.begin(), all.end(),
            [](auto const& a, auto const& b) { return a.source < b.source; });
  return all;
}

control::SiteStatus status_of(Site const& site, Clock const& clock, bool in_full) {
  auto const now = clock.now();
  auto const& counters = site.counters();
  control::SiteStatus s;
  s.site = site.name();
  s.state = name_of(site.state(now));
  s.is_named = site.is_named();
  s.why_this_site = site.why();
  s.door = door_of(site);
  s.domains = site.domains;
  s.connections = counts_of(site.connections());
  s.in_flight = site.in_flight();
  s.waiting = site.waiting().size();
  s.parked = site.parked_now();
  site.waiting().for_each([&](delivery::Transaction const& t) {
    s.longest_wait = std::max(s.longest_wait, now - t.timing.accepted);
  });
  s.delivered = counters.delivered;
  s.deferred = counters.deferred;
  s.refused = counters.refused;
  s.opened = counters.opened;
  s.reused = counters.reused;
  s.tls_handshakes = counters.handshakes;
  s.tls_resumed = counters.resumed;
  s.recent = {counters.recent_delivered.count(now) + counters.recent_deferred.count(now) +
                  counters.recent_refused.count(now),
              counters.recent_delivered.count(now), counters.recent_deferred.count(now),
              counters.recent_refused.count(now)};
  s.this_hour = counts_of(site.periods().hour(clock.wall(now)));
  s.today = counts_of(site.periods().day(clock.wall(now)));
  s.max_connections = site.settings().max_connections;
  s.max_messages = site.settings().max_messages;
  s.max_waiting = site.settings().max_waiting;
  s.tls = name_of(site.settings().tls);
  s.rate = site.settings().rate.to_string();
  s.connect_rate = site.settings().connect_rate.to_string();
  s.allowed_now = allowance_of(site);
  add_wait(s, site, clock);
  if (site.state(now) == site::SiteState::Failing) {
    s.trouble = site.trouble().words();
    s.cure = site.trouble().cure(site.name());
  }
  s.last_reply = site.last_reply();
  s.last_error = site.last_error();
  for (auto const& [reason, count] : counters.closed) s.closes.push_back({reason, count});
  for (auto const& [which, total, last_hour] : site.reply_classes().counts(now))
    if (last_hour > 0) s.replies.push_back({std::string(replies::name_of(which)), last_hour});
  if (in_full) s.endpoints = endpoints_of(site, clock);
  if (in_full) s.paths = paths_of(site, clock);
  s.guest_connections = site.guest_connections();
  return s;
}

control::ConnectionStatus status_of(SmtpConnection const& connection, Site const& site,
                                    TimePoint now, WallTime wall) {
  control::ConnectionStatus s;
  s.id = connection.id();
  s.site = site.name();
  s.host = connection.target().host;
  s.address = connection.target().address.to_string();
  s.port = connection.target().port;
  s.source = source_text(connection);
  s.state = name_of(connection.state());
  s.age = now - connection.opened_at();
  auto const* transaction = connection.transaction();
  auto const since = connection.state() == ConnectionState::Idle ? connection.idle_since()
                     : transaction != nullptr                    ? transaction->timing.started
                     : connection.state() == ConnectionState::Connecting ? connection.opened_at()
                                                                         : connection.last_heard();
  s.in_state = now - since;
  s.messages = connection.uses();
  s.max_messages = site.settings().max_messages;
  auto const& tls = connection.tls();
  s.tls = tls::summary_of(tls, connection.target().host);
  s.tls_requested = name_of(connection.policy().level);
  if (connection.policy().require_tls) s.tls_requested += " (REQUIRETLS)";
  if (connection.policy().tls_required_no) s.tls_requested += " (TLS-Required: No)";
  s.login = connection.login_use().name;
  if (tls.is_encrypted()) {
    s.tls_version = tls.version;
    s.tls_cipher = tls.cipher;
    s.tls_verified = tls::verified_how(tls, connection.target().host);
    s.tls_resumed = tls.resumed;
    if (tls.certificate) s.certificate_days = days_until(tls.certificate->not_after, wall);
  }
  if (connection.state() != ConnectionState::Idle) s.doing = connection.doing();
  if (transaction != nullptr) s.domain = transaction->domain;
  s.last_reply = connection.session().last_reply();
  return s;
}

control::DomainStatus status_of(std::string const& domain, delivery::Dispatcher const& dispatcher,
                                Clock const& clock) {
  control::DomainStatus s;
  s.domain = domain;
  if (auto const* site = dispatcher.site_of_domain(domain)) {
    s.site = site->name();
    s.door = door_of(*site);
    site->waiting().for_each(
        [&](delivery::Transaction const& t) { s.waiting += t.domain == domain ? 1U : 0U; });
    for (auto const& c : site->connections().in(ConnectionState::Busy)) {
      auto const* transaction = static_cast<SmtpConnection const&>(*c).transaction();
      if (transaction != nullptr && transaction->domain == domain) ++s.in_flight;
    }
  } else {
    s.door = map::door_of_site(domain, false);
  }
  if (auto const* counted = dispatcher.context().domains.find(domain)) {
    s.delivered = counted->delivered;
    s.deferred = counted->deferred;
    s.refused = counted->refused;
    if (delivery::DomainTally::is_listed(*counted, clock.now())) {
      s.state = "no_route";
      s.reason = counted->no_route;
    }
  }
  auto const* limits = dispatcher.limits_of(domain);
  if (limits == nullptr) return s;
  s.max_connections = limits->connections.most();
  s.rate = limits->rate.rate().to_string();
  if (limits->suspension && limits->suspension->until > clock.now()) {
    s.state = name_of(site::SiteState::Suspended);
    s.blocked_by = name_of(site::Limit::Suspended);
    s.not_before = moment_to_come(limits->suspension->until, clock);
    s.reason = limits->suspension->reason;
  } else if (auto const t = limits->rate.earliest(clock.now()); t > clock.now()) {
    s.state = name_of(site::SiteState::Limited);
    s.blocked_by = name_of(site::Limit::Rate);
    s.not_before = moment_to_come(t, clock);
    s.reason = limits->words_for(site::Limit::Rate);
  }
  return s;
}

}  // namespace mailpool::manager
