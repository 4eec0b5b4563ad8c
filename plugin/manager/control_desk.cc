#include "manager/control_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "core/base/text.h"
#include "core/control/urgency.h"
#include "core/map/writer.h"
#include "core/message/address.h"
#include "core/message/tenant_seal.h"
#include "manager/explain.h"
#include "manager/level_snapshots.h"
#include "manager/snapshots.h"
#include "manager/suspension_snapshots.h"

namespace mailpool::manager {

using control::Explanation;
using delivery::Site;
using pool::ConnectionState;

namespace {

control::Urgency urgency_of(Site const& site, TimePoint now) {
  auto const& counters = site.counters();
  return {control::urgency_of_state(name_of(site.state(now))), site.waiting().size(),
          site.in_flight(), site.connections().open(),
          counters.delivered + counters.deferred + counters.refused};
}

// Up to so many sites a look visits them all. Beyond it the loop would notice: the busy ones are
// looked at, and of the others those that were used last.
constexpr std::size_t few_sites = 5000;

std::vector<Site const*> worth_a_row(delivery::Dispatcher const& dispatcher, std::size_t most) {
  std::vector<Site const*> sites;
  if (dispatcher.sites().size() <= few_sites) {
    for (auto const& [name, site] : dispatcher.sites()) sites.push_back(site.get());
    return sites;
  }
  auto const& busy = dispatcher.busy_sites();
  sites.assign(busy.begin(), busy.end());
  std::set<Site const*> recent;
  dispatcher.known_domains().visit_recent_sites([&](Site const& site) {
    if (sites.size() >= most) return false;
    if (!busy.contains(&site) && recent.insert(&site).second) sites.push_back(&site);
    return true;
  });
  return sites;
}

std::vector<Site const*> most_urgent(delivery::Dispatcher const& dispatcher, std::size_t most,
                                     TimePoint now) {
  std::vector<std::pair<control::Urgency, Site const*>> all;
  for (auto const* site : worth_a_row(dispatcher, most))
    all.emplace_back(urgency_of(*site, now), site);
  auto const end = all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](auto const& a, auto const& b) {
    return a.first != b.first ? a.first > b.first : a.second->name() < b.second->name();
  });
  std::vector<Site const*> sites;
  for (auto it = all.begin(); it != end; ++it) sites.push_back(it->second);
  return sites;
}

// "campaign spring", checked and spelt as it is kept.
Result<std::string> part_named(std::string const& scope, delivery::Scopes const& scopes) {
  auto const [kind, name] = delivery::parts_of(scope);
  if (kind == "source") {
    if (scopes.find_source(name) != nullptr) return scope;
    return failed(fmt::format("there is no [source.{}]", printable(name, 100)));
  }
  if (kind == "campaign" || kind == "tenant") {
    if (is_tenant_name(name)) return scope;
    return failed(fmt::format("\"{}\" is not a {}'s name", printable(name, 100), kind));
  }
  if (kind != "sender_domain")
    return failed(fmt::format("\"{}\" is no part of a site's mail", printable(scope, 100)));
  auto const domain = canonical_domain(name);
  if (!domain) return failed(domain.error().reason);
  return fmt::format("{} {}", kind, *domain);
}

TimePoint until_of(TimePoint now, Duration how_long) {
  return how_long <= Duration::zero() ? never : after(now, how_long);
}

}  // namespace

control::Measured ControlDesk::measured(std::span<std::string const> sites) {
  control::Measured measured;
  sources_.measure(measured);
  measured.times = dispatcher_.context().times;
  measured.rules = dispatcher_.context().rules_acted.counts();
  for (auto const& name : sites) {
    auto const* const site = dispatcher_.find_site(name);
    if (site == nullptr) continue;
    dispatcher_.keep_times_of(name);
    measured.sites[name] = measured_of(*site, clock_);
  }
  return measured;
}

control::ManagerStatus ControlDesk::status(std::size_t most) {
  auto const now = clock_.now();
  auto const& totals = dispatcher_.context().totals;
  control::ManagerStatus s;
  sources_.fill(s);
  s.now = clock_.wall(now);
  s.totals = {totals.messages,   totals.delivered,        totals.deferred,
              totals.refused,    dispatcher_.in_flight(), dispatcher_.waiting(),
              totals.opened,     totals.reused,           dispatcher_.context().connections_open,
              totals.handshakes, totals.resumed};
  s.ambiguous = totals.ambiguous;
  s.recent = {totals.recent_messages.count(now), totals.recent_delivered.count(now),
              totals.recent_deferred.count(now), totals.recent_refused.count(now)};
  for (auto const* site : dispatcher_.busy_sites()) {
    auto const c = counts_of(site->connections());
    s.connections.connecting += c.connecting;
    s.connections.idle += c.idle;
    s.connections.busy += c.busy;
    s.connections.checking += c.checking;
    s.connections.closing += c.closing;
  }
  s.domains_known = dispatcher_.domains_known();
  std::tie(s.suspensions, s.suspensions_known) = suspensions_of(dispatcher_, clock_, most);
  if (imap_ != nullptr) s.imap = imap_->imap_status(most, "");
  s.tenants = tenants_of(dispatcher_, clock_);
  s.campaigns = campaigns_of(dispatcher_, clock_, most);
  s.campaigns_known = dispatcher_.context().campaigns.all().size();
  s.sources = sources_of(dispatcher_, clock_);
  std::tie(s.warm_ups, s.warm_ups_known) = warm_ups_of(dispatcher_, clock_, most);
  s.logins = logins_of(dispatcher_, clock_);
  s.queues = sources_.waking();
  s.parked = dispatcher_.context().parking.entries.size();
  s.parking = manager::status_of(dispatcher_.context().parking);
  dispatcher_.context().domains.visit_unrouted(now, [&](auto const& record) {
    ++s.unrouted_known;
    if (s.unrouted.size() < most)
      s.unrouted.push_back(manager::status_of(record.domain, dispatcher_, clock_));
  });
  s.sites_known = dispatcher_.sites().size();
  for (auto const* site : most_urgent(dispatcher_, most, now))
    s.sites.push_back(manager::status_of(*site, clock_, false));
  return s;
}

control::DomainStatus ControlDesk::of_domain(std::string const& domain) const {
  auto s = manager::status_of(domain, dispatcher_, clock_);
  if (auto const expires = router_.expires(domain, clock_.now()))
    s.route_expires = moment_to_come(*expires, clock_);
  return s;
}

control::SiteStatus ControlDesk::in_full(delivery::Site const& site, std::size_t most) const {
  auto s = manager::status_of(site, clock_, true);
  s.warm_ups = warm_ups_of(dispatcher_, clock_, most, site.name()).first;
  return s;
}

Result<control::NameStatus> ControlDesk::status_of(std::string const& name, std::size_t most) {
  control::NameStatus s;
  s.name = name;
  if (auto const* site = dispatcher_.find_site(name)) {
    s.kind = "site";
    s.sites.push_back(in_full(*site, most));
    s.domains_known = site->domains;
    dispatcher_.known_domains().visit_domains_of(*site, [&](std::string const& domain) {
      if (s.domains.size() >= most) return false;
      s.domains.push_back(of_domain(domain));
      return true;
    });
  } else if (auto const domain = canonical_domain(name); domain && is_known_domain(*domain)) {
    s.kind = "domain";
    s.domains.push_back(of_domain(*domain));
    s.domains_known = 1;
    if (auto const* site_of = dispatcher_.site_of_domain(*domain))
      s.sites.push_back(in_full(*site_of, most));
  } else {
    for (auto const& [site_name, behind] : dispatcher_.sites())
      if (s.sites.size() < most && door_of(*behind) == name)
        s.sites.push_back(in_full(*behind, most));
    if (s.sites.empty()) return failed(no_such_site(name));
    s.kind = "door";
  }
  s.suspensions = suspensions_named(name, dispatcher_, clock_);
  return s;
}

// One that has had mail, has a section, or is listed by a site.
bool ControlDesk::is_known_domain(std::string const& domain) const {
  return dispatcher_.site_of_domain(domain) != nullptr ||
         dispatcher_.limits_of(domain) != nullptr ||
         dispatcher_.context().domains.find(domain) != nullptr || !named_site_of(domain).empty();
}

std::string ControlDesk::named_site_of(std::string const& domain) const {
  for (auto const& [name, site] : settings_.sites)
    if (std::find(site.domains.begin(), site.domains.end(), domain) != site.domains.end())
      return name;
  return {};
}

std::string ControlDesk::no_such_site(std::string const& name) const {
  std::vector<std::string> names;
  for (auto const& [site, unused] : settings_.sites) names.push_back(site);
  for (auto const* site : worth_a_row(dispatcher_, few_sites)) names.push_back(site->name());
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
  std::vector<Site const*> with_some;
  for (auto const* busy : dispatcher_.busy_sites())
    if ((site.empty() || busy->name() == site) && !busy->connections().is_empty())
      with_some.push_back(busy);
  std::sort(with_some.begin(), with_some.end(),
            [](auto const* a, auto const* b) { return a->name() < b->name(); });
  for (auto const* of_name : with_some) {
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
// Dropping it forgets the listener; the reload goes on.
class Reloading final : public control::Pending {
 public:
  explicit Reloading(std::shared_ptr<control::ReloadListener*> listener)
      : listener_(std::move(listener)) {}
  ~Reloading() override { *listener_ = nullptr; }
  Reloading(Reloading const&) = delete;
  Reloading& operator=(Reloading const&) = delete;

 private:
  std::shared_ptr<control::ReloadListener*> listener_;
};

class Explaining final : public control::Pending, private route::RouteListener {
 public:
  Explaining(ControlDesk& desk, control::Question asked, std::string domain,
             control::ExplainListener& listener)
      : desk_(desk), asked_(std::move(asked)), domain_(std::move(domain)), listener_(listener) {}

  /// True when it was answered at once.
  bool begin() {
    question_ = desk_.router_.find(domain_, *this, desk_.clock_.now());
    return is_answered_;
  }

 private:
  void on_route(std::shared_ptr<route::Route const> route) override {
    is_answered_ = true;
    Explainer explainer(desk_.dispatcher_, desk_.clock_);
    listener_.on_explained(explainer.explain(asked_, domain_, std::move(route)));
  }
  void on_no_route(Outcome outcome) override {
    is_answered_ = true;
    Explainer explainer(desk_.dispatcher_, desk_.clock_);
    listener_.on_explained(explainer.explain_without_route(asked_, domain_, outcome));
  }

  ControlDesk& desk_;
  control::Question asked_;
  std::string domain_;
  control::ExplainListener& listener_;
  std::unique_ptr<route::Question> question_;
  bool is_answered_ = false;
};

std::unique_ptr<control::Pending> ControlDesk::explain(control::Question const& question,
                                                       control::ExplainListener& listener) {
  auto const& address = question.address;
  auto const domain =
      address.find('@') == std::string::npos ? canonical_domain(address) : domain_of(address);
  if (!domain) {
    listener.on_explained(failed(domain.error().reason));
    return nullptr;
  }
  auto explaining = std::make_unique<Explaining>(*this, question, *domain, listener);
  if (explaining->begin()) return nullptr;
  return explaining;
}

std::unique_ptr<control::Pending> ControlDesk::reload(control::Requester const&,
                                                      control::ReloadListener& listener) {
  auto waiting = std::make_shared<control::ReloadListener*>(&listener);
  sources_.reload([waiting](control::ReloadReport const& report) {
    if (*waiting != nullptr) (*waiting)->on_reloaded(report);
  });
  return std::make_unique<Reloading>(std::move(waiting));
}

Result<std::string> ControlDesk::suspend(control::Subject const& subject, Duration how_long,
                                         std::string const& reason, control::Requester const& who) {
  site::Suspension const suspension{until_of(clock_.now(), how_long), reason, who.text(), {}};
  auto done = suspend_subject(subject, suspension);
  control::ManagerStatus manager;
  sources_.fill(manager);
  if (auto const& problem = manager.state_file.problem; done && !problem.empty())
    *done += fmt::format("; IT WOULD NOT SURVIVE A RESTART: {}", problem);
  return done;
}

Result<std::string> ControlDesk::suspend_subject(control::Subject const& subject,
                                                 site::Suspension const& suspension) {
  auto const now = clock_.now();
  if (subject.is_all) {
    dispatcher_.suspend_all(suspension, now);
    return suspended(delivery::all_mail, suspension, clock_).text +
           "; it waits in the MTA's queue; what is being sent now is finished";
  }
  if (subject.is_domain) {
    auto const domain = canonical_domain(subject.name);
    if (!domain) return failed(domain.error().reason);
    dispatcher_.suspend_domain(*domain, suspension, now);
    return suspended(*domain, suspension, clock_).text;
  }
  if (subject.is_tenant) {
    if (!is_tenant_name(subject.name))
      return failed(fmt::format("\"{}\" is not a tenant's name", printable(subject.name, 100)));
    dispatcher_.suspend_tenant(subject.name, suspension, now);
    return suspended("tenant " + subject.name, suspension, clock_).text;
  }
  if (!subject.scope.empty()) return suspend_part(subject, suspension);
  return suspend_site(subject.name, suspension);
}

// A part of a site's mail, or, without a site, what belongs to it everywhere.
Result<std::string> ControlDesk::suspend_part(control::Subject const& subject,
                                              site::Suspension const& suspension) {
  auto const now = clock_.now();
  auto const scope = part_named(subject.scope, dispatcher_.scopes());
  if (!scope) return scope;
  auto const [kind, name] = delivery::parts_of(*scope);
  if (!subject.name.empty()) {
    if (dispatcher_.suspend_scope(subject.name, *scope, suspension, now))
      return suspended(fmt::format("{}: {}", subject.name, *scope), suspension, clock_).text;
    bool const is_site =
        dispatcher_.find_site(subject.name) != nullptr || settings_.sites.contains(subject.name);
    return failed(is_site ? fmt::format("{}: {} parts of its mail are held already", subject.name,
                                        delivery::Holds::most)
                          : no_such_site(subject.name));
  }
  if (kind == "source")
    dispatcher_.suspend_source(name, suspension, now);
  else if (kind != "campaign")
    return failed(fmt::format("a {} is suspended at a site: name the SITE",
                              kind == "sender_domain" ? "sender domain" : kind));
  else if (!dispatcher_.suspend_campaign(name, suspension, now))
    return failed(fmt::format("{} campaigns are suspended already", delivery::Campaigns::most));
  return suspended(*scope, suspension, clock_).text;
}

Result<std::string> ControlDesk::suspend_site(std::string const& name,
                                              site::Suspension const& suspension) {
  bool const is_new = dispatcher_.find_site(name) == nullptr && !settings_.sites.contains(name);
  if (is_new && is_known_domain(name)) {
    auto site = named_site_of(name);
    if (auto const* last = dispatcher_.site_of_domain(name)) site = last->name();
    return failed(fmt::format("{} is a domain{}: say --domain {}{}", name,
                              site.empty() ? "" : " of site " + site, name,
                              site.empty() ? "" : ", or the site's name"));
  }
  if (!dispatcher_.suspend_site(name, suspension, clock_.now())) return failed(no_such_site(name));
  auto text = suspended(name, suspension, clock_).text;
  if (is_new)
    text +=
        "; no site of that name has had mail yet: it counts for the domains whose MX host has "
        "that name (a domain is suspended with --domain)";
  return text;
}

Result<std::string> ControlDesk::resume_level(std::string const& scope) {
  if (auto const [kind, name] = delivery::parts_of(scope); kind == "campaign") {
    if (!dispatcher_.resume_campaign(name, clock_.now()))
      return failed(
          fmt::format("{} is not suspended at all sites (poolctl status shows where a site "
                      "holds it back)",
                      printable(scope, 320)));
    return fmt::format("{}: resumed", scope);
  }
  if (!dispatcher_.resume_level(scope, clock_.now()))
    return failed(fmt::format("no {} has limits of its own", printable(scope, 320)));
  return fmt::format("{}: what was used of its rates is forgotten", scope);
}

Result<std::string> ControlDesk::resume(control::Subject const& subject,
                                        control::Requester const&) {
  auto const now = clock_.now();
  if (subject.is_all) {
    if (!dispatcher_.resume_all(now)) return failed("all mail is not suspended");
    return std::string("all mail: resumed; the MTA brings what waits as its queue comes to it");
  }
  if (subject.name.empty()) return resume_level(subject.scope);
  if (subject.is_domain) {
    auto const domain = canonical_domain(subject.name);
    if (!domain) return failed(domain.error().reason);
    bool const was_accepted = sources_.forget_accepted({*domain, true});
    if (!dispatcher_.resume_domain(*domain, now) && !was_accepted)
      return failed(fmt::format("{} is not suspended", *domain));
    return fmt::format("{}: resumed", *domain);
  }
  if (subject.is_tenant) {
    bool const was_accepted = sources_.forget_accepted(subject);
    if (!dispatcher_.resume_tenant(subject.name, now) && !was_accepted)
      return failed(fmt::format("tenant {} is not suspended", printable(subject.name, 100)));
    return fmt::format("tenant {}: resumed", subject.name);
  }
  if (!subject.scope.empty()) {
    if (dispatcher_.find_site(subject.name) == nullptr) return failed(no_such_site(subject.name));
    if (!dispatcher_.resume_scope(subject.name, subject.scope, now))
      return failed(fmt::format("{}: {} is not suspended there", subject.name, subject.scope));
    return fmt::format("{}: {} resumed", subject.name, subject.scope);
  }
  if (!dispatcher_.resume_site(subject.name, now)) return failed(no_such_site(subject.name));
  (void)sources_.forget_accepted(subject);
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
  control::ManagerStatus manager;
  sources_.fill(manager);
  // The table takes a manager that drains for one that is away.
  auto const of_mail =
      manager.map_file.empty()
          ? std::string("; the mail waits in the MTA's queue")
          : std::string(
                "; from now on Postfix sends new mail by its own smtp client, without "
                "these limits, except where fallback is \"defer\": that waits (to stop "
                "all mail instead: poolctl suspend --all)");
  return "draining: new messages are answered 451 4.3.2, running ones finish" + of_mail +
         "; poolctl undrain takes it back";
}

Result<std::string> ControlDesk::undrain(control::Requester const&) {
  sources_.undrain();
  return std::string("running: mail is taken again");
}

}  // namespace mailpool::manager
