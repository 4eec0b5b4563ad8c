#include "manager/control_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/control/urgency.h"
#include "core/map/writer.h"
#include "core/message/address.h"
#include "manager/snapshots.h"

namespace mailpool::manager {

using control::Explanation;
using control::LimitUse;
using delivery::Site;
using pool::ConnectionState;

namespace {

control::Urgency urgency_of(Site const& site, TimePoint now) {
  auto const& counters = site.counters();
  return {control::urgency_of_state(name_of(site.state(now))), site.waiting().size(),
          site.in_flight(), site.connections().open(),
          counters.delivered + counters.deferred + counters.refused};
}

// The most urgent sites, without making a row for each of 100,000.
std::vector<Site const*> most_urgent(delivery::Dispatcher const& dispatcher, std::size_t most,
                                     TimePoint now) {
  std::vector<std::pair<control::Urgency, Site const*>> all;
  all.reserve(dispatcher.sites().size());
  for (auto const& [name, site] : dispatcher.sites())
    all.emplace_back(urgency_of(*site, now), site.get());
  auto const end = all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](auto const& a, auto const& b) {
    return a.first != b.first ? a.first > b.first : a.second->name() < b.second->name();
  });
  std::vector<Site const*> sites;
  for (auto it = all.begin(); it != end; ++it) sites.push_back(it->second);
  return sites;
}

// "dane: tls = \"auto\"", "secure: the MTA-STS policy of example.org (tls = \"auto\")".
std::string tls_words(tls::Policy const& policy) {
  auto words = fmt::format("{}: {}", name_of(policy.level), policy.because);
  if (!policy.tested_names.empty()) words += "; its MTA-STS policy is in testing";
  if (!policy.impossible.empty()) words += fmt::format("; no mail passes: {}", policy.impossible);
  return words;
}

std::string by_of(control::Requester const& who) {
  return fmt::format("uid {}", who.uid);
}

TimePoint until_of(TimePoint now, Duration how_long) {
  return how_long <= Duration::zero() ? never : after(now, how_long);
}

}  // namespace

control::ManagerStatus ControlDesk::status(std::size_t most) {
  auto const now = clock_.now();
  auto const& totals = dispatcher_.context().totals;
  control::ManagerStatus s;
  sources_.fill(s);
  s.now = clock_.wall(now);
  s.totals = {totals.messages, totals.delivered,        totals.deferred,
              totals.refused,  dispatcher_.in_flight(), dispatcher_.waiting(),
              totals.opened,   totals.reused,           dispatcher_.context().connections_open};
  s.ambiguous = totals.ambiguous;
  s.recent = {totals.recent_messages.count(now), totals.recent_delivered.count(now),
              totals.recent_deferred.count(now), totals.recent_refused.count(now)};
  for (auto const& [name, site] : dispatcher_.sites()) {
    auto const c = counts_of(site->connections());
    s.connections.connecting += c.connecting;
    s.connections.idle += c.idle;
    s.connections.busy += c.busy;
    s.connections.checking += c.checking;
    s.connections.closing += c.closing;
    s.domains_known += site->domains;
  }
  add_suspensions(s.suspensions);
  if (imap_ != nullptr) s.imap = imap_->imap_status(most);
  s.sites_known = dispatcher_.sites().size();
  for (auto const* site : most_urgent(dispatcher_, most, now))
    s.sites.push_back(manager::status_of(*site, clock_, false));
  return s;
}

void ControlDesk::add_suspensions(std::vector<control::SuspensionStatus>& to) const {
  auto add = [&](std::string const& name, bool is_domain, site::Suspension const& suspension) {
    to.push_back({name, is_domain, moment_of(suspension.until, clock_), suspension.reason,
                  suspension.by, suspension.since});
  };
  for (auto const& [name, site] : dispatcher_.sites())
    if (site->suspension()) add(name, false, *site->suspension());
  for (auto const& [domain, limits] : dispatcher_.domain_limits())
    if (limits.suspension && limits.suspension->until > clock_.now())
      add(domain, true, *limits.suspension);
}

Result<control::NameStatus> ControlDesk::status_of(std::string const& name, std::size_t most) {
  control::NameStatus s;
  s.name = name;
  if (auto const* site = dispatcher_.find_site(name)) {
    s.kind = "site";
    s.sites.push_back(manager::status_of(*site, clock_, true));
    s.domains_known = site->domains;
    dispatcher_.visit_domains_of(*site, [&](std::string const& domain) {
      if (s.domains.size() < most)
        s.domains.push_back(manager::status_of(domain, dispatcher_, clock_));
    });
  } else if (auto const domain = canonical_domain(name);
             domain && (dispatcher_.site_of_domain(*domain) != nullptr ||
                        dispatcher_.limits_of(*domain) != nullptr)) {
    s.kind = "domain";
    s.domains.push_back(manager::status_of(*domain, dispatcher_, clock_));
    s.domains_known = 1;
    if (auto const* site_of = dispatcher_.site_of_domain(*domain))
      s.sites.push_back(manager::status_of(*site_of, clock_, true));
  } else {
    for (auto const& [site_name, behind] : dispatcher_.sites())
      if (s.sites.size() < most && door_of(*behind) == name)
        s.sites.push_back(manager::status_of(*behind, clock_, true));
    if (s.sites.empty()) return failed(no_such_site(name));
    s.kind = "door";
  }
  std::vector<control::SuspensionStatus> all;
  add_suspensions(all);
  for (auto& suspension : all)
    if (suspension.name == name) s.suspensions.push_back(std::move(suspension));
  return s;
}

std::string ControlDesk::no_such_site(std::string const& name) const {
  std::vector<std::string> names;
  for (auto const& [site, unused] : dispatcher_.sites()) names.push_back(site);
  for (auto const& [site, unused] : settings_.sites) names.push_back(site);
  auto const near = nearest(name, names);
  return near.empty()
             ? fmt::format("no site, domain or door is called \"{}\"", printable(name, 100))
             : fmt::format("no site, domain or door is called \"{}\"; did you mean {}?",
                           printable(name, 100), near);
}

Result<std::vector<control::ConnectionStatus>> ControlDesk::connections(std::string const& site,
                                                                        std::size_t most) {
  if (!site.empty() && dispatcher_.find_site(site) == nullptr) return failed(no_such_site(site));
  auto const now = clock_.now();
  std::vector<control::ConnectionStatus> rows;
  for (auto const& [name, of_name] : dispatcher_.sites()) {
    if (!site.empty() && name != site) continue;
    for (auto state : {ConnectionState::Busy, ConnectionState::Connecting,
                       ConnectionState::Checking, ConnectionState::Idle, ConnectionState::Closing})
      for (auto const& c : of_name->connections().in(state)) {
        if (rows.size() >= most) return rows;
        rows.push_back(manager::status_of(static_cast<delivery::SmtpConnection const&>(*c),
                                          *of_name, now, clock_.wall(now)));
      }
  }
  return rows;
}

/// An explanation that waits for the resolver.
class Explaining final : public control::Pending, private route::RouteListener {
 public:
  Explaining(ControlDesk& desk, std::string address, std::string domain,
             control::ExplainListener& listener)
      : desk_(desk),
        address_(std::move(address)),
        domain_(std::move(domain)),
        listener_(listener) {}

  /// True when it was answered at once.
  bool begin() {
    question_ = desk_.router_.find(domain_, *this, desk_.clock_.now());
    return is_answered_;
  }

 private:
  void on_route(std::shared_ptr<route::Route const> route) override {
    is_answered_ = true;
    listener_.on_explained(desk_.explain_route(address_, domain_, *route));
  }
  void on_no_route(Outcome outcome) override {
    is_answered_ = true;
    Explanation e;
    e.address = address_;
    e.domain = domain_;
    e.no_route = outcome.reply_line();
    e.would = fmt::format("every recipient at {} is answered {}", domain_, e.no_route);
    listener_.on_explained(std::move(e));
  }

  ControlDesk& desk_;
  std::string address_;
  std::string domain_;
  control::ExplainListener& listener_;
  std::unique_ptr<route::Question> question_;
  bool is_answered_ = false;
};

std::unique_ptr<control::Pending> ControlDesk::explain(std::string const& address,
                                                       control::ExplainListener& listener) {
  auto const domain =
      address.find('@') == std::string::npos ? canonical_domain(address) : domain_of(address);
  if (!domain) {
    listener.on_explained(failed(domain.error().reason));
    return nullptr;
  }
  auto explaining = std::make_unique<Explaining>(*this, address, *domain, listener);
  if (explaining->begin()) return nullptr;
  return explaining;
}

Explanation ControlDesk::explain_route(std::string const& address, std::string const& domain,
                                       route::Route const& route) const {
  auto const now = clock_.now();
  auto const* site = dispatcher_.find_site(route.site);
  auto const& settings = dispatcher_.settings_for(route.site);
  auto const* limits = dispatcher_.limits_of(domain);
  Explanation e;
  e.address = address;
  e.domain = domain;
  e.site = route.site;
  e.why_this_site = route.why_this_site;
  e.hosts = route.hosts;
  e.door = map::door_of_site(route.site, route.is_named_site);
  auto const policies = delivery::policies_of(domain, route, settings, dispatcher_.context().tls);
  e.site_state = site != nullptr ? std::string(name_of(site->state(now))) : "open";
  for (auto const& t : route.targets) {
    control::EndpointStatus target;
    target.host = t.host;
    target.address = t.address.to_string();
    target.port = t.port;
    target.tls = tls_words(policies.of(t.host).policy);
    auto const* record =
        site == nullptr ? nullptr : site->health().find({t.host, t.address, t.port});
    if (record != nullptr) {
      target.failures = record->failures;
      target.not_before = moment_to_come(record->not_before, clock_);
      if (target.not_before) target.state = "backing_off";
      if (record->last_failure) target.last_error = record->last_failure->text;
    }
    e.targets.push_back(std::move(target));
  }

  auto const scope = "site " + route.site;
  auto const open = site == nullptr ? 0 : site->connections().open();
  auto const waiting = site == nullptr ? 0 : site->waiting().size();
  auto add_rate = [&](std::string const& where, std::string option, Rate const& rate,
                      TimePoint next) {
    LimitUse use{where,
                 std::move(option),
                 rate.is_limited() ? rate.to_string() : "none",
                 next > now ? "used up" : "has room",
                 next > now,
                 {}};
    use.not_before = moment_to_come(next, clock_);
    e.limits.push_back(std::move(use));
  };
  auto number = [](auto n) { return fmt::format("{}", n); };
  e.limits.push_back({scope,
                      "max_connections",
                      number(settings.max_connections),
                      number(open),
                      open >= settings.max_connections,
                      {}});
  add_rate(scope, "rate", settings.rate, site == nullptr ? now : site->rate().earliest(now));
  add_rate(scope, "connect_rate", settings.connect_rate,
           site == nullptr ? now : site->connect_rate().earliest(now));
  e.limits.push_back({scope,
                      "max_waiting",
                      number(settings.max_waiting),
                      number(waiting),
                      waiting >= settings.max_waiting,
                      {}});
  e.limits.push_back(
      {scope, "max_messages", number(settings.max_messages), "per connection", false, {}});
  if (limits != nullptr) {
    auto const of_domain = "domain " + domain;
    auto const& connections = limits->connections;
    e.limits.push_back({of_domain,
                        "max_connections",
                        connections.most() ? number(*connections.most()) : "none",
                        number(connections.in_use()),
                        !connections.has_room(),
                        {}});
    add_rate(of_domain, "rate", limits->rate.rate(), limits->rate.earliest(now));
  }

  site::Wait wait;
  if (limits != nullptr && limits->suspension && limits->suspension->until > now) {
    wait = {limits->suspension->until, site::Limit::Suspended};
    e.reason = suspended(domain, *limits->suspension, clock_).text;
  } else if (site != nullptr) {
    auto const probe =
        dispatcher_.probe(domain, std::make_shared<route::Route const>(route), Envelope{});
    wait = site->what_to_wait_for(probe, now);
    if (!wait.is_over()) e.reason = site->words_for(wait, now);
  }
  if (dispatcher_.is_draining()) {
    e.blocked_by = "draining";
    e.would = "is answered 451 4.3.2: mailpool is draining (poolctl undrain)";
  } else if (!wait.is_over()) {
    e.blocked_by = name_of(wait.limit);
    e.not_before = moment_to_come(wait.not_before, clock_);
    e.would = fmt::format("waits: {}", e.reason);
  } else if (site != nullptr && site->connections().count(ConnectionState::Idle) > 0) {
    auto const& newest = static_cast<delivery::SmtpConnection const&>(
        *site->connections().in(ConnectionState::Idle).front());
    e.would =
        fmt::format("goes at once on an idle connection to {}", newest.endpoint().to_string());
  } else {
    e.would = fmt::format("goes at once on a new connection to {}",
                          e.targets.empty() ? route.site : e.targets.front().host);
  }
  return e;
}

Result<std::string> ControlDesk::suspend(control::Subject const& subject, Duration how_long,
                                         std::string const& reason, control::Requester const& who) {
  auto const now = clock_.now();
  site::Suspension suspension{until_of(now, how_long), reason, by_of(who), {}};
  if (subject.is_domain) {
    auto const domain = canonical_domain(subject.name);
    if (!domain) return failed(domain.error().reason);
    dispatcher_.suspend_domain(*domain, suspension, now);
    return suspended(*domain, suspension, clock_).text;
  }
  if (!dispatcher_.suspend_site(subject.name, suspension, now))
    return failed(no_such_site(subject.name));
  return suspended(subject.name, suspension, clock_).text;
}

Result<std::string> ControlDesk::resume(control::Subject const& subject,
                                        control::Requester const&) {
  auto const now = clock_.now();
  if (subject.is_domain) {
    auto const domain = canonical_domain(subject.name);
    if (!domain) return failed(domain.error().reason);
    if (!dispatcher_.resume_domain(*domain, now))
      return failed(fmt::format("{} is not suspended", *domain));
    return fmt::format("{}: resumed", *domain);
  }
  if (!dispatcher_.resume_site(subject.name, now)) return failed(no_such_site(subject.name));
  return fmt::format("{}: resumed; endpoints that were backing off are tried again at once",
                     subject.name);
}

Result<std::string> ControlDesk::flush(std::string const& site, control::Requester const&) {
  auto const* found = dispatcher_.find_site(site);
  if (found == nullptr) return failed(no_such_site(site));
  auto const idle = found->connections().count(ConnectionState::Idle);
  dispatcher_.flush(site, "flush", clock_.now());
  return fmt::format("{}: {} idle connection{} closed", site, idle, idle == 1 ? "" : "s");
}

Result<std::string> ControlDesk::drain(control::Requester const&) {
  sources_.drain();
  return std::string(
      "draining: new messages are answered 451 4.3.2, running ones finish; poolctl undrain takes "
      "it back");
}

Result<std::string> ControlDesk::undrain(control::Requester const&) {
  sources_.undrain();
  return std::string("running: mail is taken again");
}

}  // namespace mailpool::manager
