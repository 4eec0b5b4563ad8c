#include "core/control/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "core/base/text.h"
#include "core/control/metric_families.h"
#include "core/control/urgency.h"

namespace mailpool::control {
namespace {

// Writes a family, as the table has it, then its samples.
class Page {
 public:
  explicit Page(Exposition format) : format_(format) {}

  void family(std::string_view name) {
    auto const& family = metric_family(name);
    name_ = full_name(family);
    std::string_view described = name_;
    // OpenMetrics names a counter without the suffix that its samples have.
    if (format_ == Exposition::OpenMetrics && family.type == MetricType::Counter)
      described.remove_suffix(std::string_view("_total").size());
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", described,
                   family.help, name_of(family.type));
  }
  template <class N>
  void sample(std::string_view labels, N value) {
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name_, labels, value);
  }
  /// `labels` without braces: "site=\"google\"".
  void histogram(std::string_view labels, Histogram const& values) {
    auto const* const comma = labels.empty() ? "" : ",";
    auto const out = std::back_inserter(text_);
    for (std::size_t i = 0; i < Histogram::bounds.size(); ++i)
      fmt::format_to(out, "{}_bucket{{{}{}le=\"{}\"}} {}\n", name_, labels, comma,
                     number(Histogram::bounds[i]), values.at_most(i));
    fmt::format_to(out, "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name_, labels, comma, values.count());
    auto const braced = labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
    fmt::format_to(out, "{0}_sum{1} {2}\n{0}_count{1} {3}\n", name_, braced, seconds(values.sum()),
                   values.count());
  }
  template <class N>
  void single(std::string_view name, N value) {
    family(name);
    sample("", value);
  }
  [[nodiscard]] std::string take() {
    if (format_ == Exposition::OpenMetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  // OpenMetrics wants its bounds to be seen as what they are: "1.0".
  static std::string number(double bound) {
    auto text = fmt::format("{}", bound);
    return text.find('.') == std::string::npos ? text + ".0" : text;
  }

  Exposition format_;
  std::string text_;
  std::string name_;
};

std::string escaped(std::string_view value) {
  std::string out;
  for (char c : printable(value, 255)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string label(std::string_view name, std::string_view value) {
  return fmt::format("{{{}=\"{}\"}}", name, escaped(value));
}

std::string labels(std::string_view site, std::string_view name, std::string_view value) {
  return fmt::format("{{site=\"{}\",{}=\"{}\"}}", escaped(site), name, value);
}

struct StateCount {
  std::string_view state;
  std::uint32_t count;
};
std::array<StateCount, 5> by_state(ConnectionCounts const& c) {
  return {{{"connecting", c.connecting},
           {"idle", c.idle},
           {"busy", c.busy},
           {"checking", c.checking},
           {"closing", c.closing}}};
}

void write_totals(Page& page, ManagerStatus const& s) {
  page.family("info");
  page.sample(label("version", s.version), 1);
  page.family("state");
  for (auto state : {"starting", "running", "draining"})
    page.sample(label("state", state), s.state == state ? 1 : 0);
  page.single("uptime_seconds", seconds(s.uptime));
  page.single("messages_total", s.totals.messages);
  page.family("recipients_total");
  page.sample(label("outcome", "delivered"), s.totals.delivered);
  page.sample(label("outcome", "deferred"), s.totals.deferred);
  page.sample(label("outcome", "refused"), s.totals.refused);
  page.single("ambiguous_total", s.ambiguous);
  page.single("cancelled_total", s.cancelled);
  page.single("transactions_in_flight", s.totals.in_flight);
  page.single("transactions_waiting", s.totals.waiting);
  page.single("connections_opened_total", s.totals.connections_opened);
  page.single("connections_reused_total", s.totals.connections_reused);
  page.family("tls_handshakes_total");
  page.sample(label("resumed", "no"), s.totals.tls_handshakes - s.totals.tls_resumed);
  page.sample(label("resumed", "yes"), s.totals.tls_resumed);
  page.family("connections");
  for (auto const& [state, count] : by_state(s.connections))
    page.sample(label("state", state), count);
}

void write_parking(Page& page, ParkingStatus const& s) {
  page.family("parked");
  for (auto const& [why, n] : {std::pair<std::string_view, std::uint64_t>{"limit", s.limit},
                               {"suspended", s.suspended},
                               {"backing_off", s.backing_off},
                               {"draining", s.draining},
                               {"route", s.route}})
    page.sample(label("why", why), n);
  page.single("parked_limit", s.max_parked);
  page.single("parked_turned_away_total", s.turned_away);
  page.single("woken_total", s.woken);
  page.single("woken_came_total", s.came);
  page.single("woken_unheard_total", s.unheard);
  page.single("woken_given_up_total", s.given_up);
  page.single("wake_latency_seconds", seconds(s.wake_latency));
  page.single("slots", s.slots);
  page.single("slots_waiting", s.slots_waiting);
}

// By profile: who logs in is the servers' secret, and without bound.
// Profiles that programs ask for by a server's name share one label: their number is not the
// operator's.
std::string_view imap_label(std::string_view profile) {
  return profile.starts_with("dynamic:") ? "dynamic" : profile;
}

struct ImapSums {
  std::map<std::string_view, std::uint64_t> states;
  std::map<std::string, std::uint64_t> discarded;
  std::uint64_t created = 0;
  std::uint64_t reused = 0;
  std::uint64_t refused = 0;
  std::uint64_t clients = 0;
  std::uint64_t waiting = 0;

  void add(ImapCounts const& counts) {
    created += counts.created;
    reused += counts.reused;
    refused += counts.logins_refused;
    for (auto const& discard : counts.discarded) discarded[discard.reason] += discard.count;
  }
};

std::map<std::string_view, ImapSums> sums_of(ImapStatus const& imap) {
  std::map<std::string_view, ImapSums> sums;
  for (auto const& profile : imap.profiles) {
    auto& sum = sums[imap_label(profile.profile)];
    sum.add(profile.counts);
    sum.clients += profile.clients;
    sum.waiting += profile.waiting;
    for (auto const& [state, n] :
         {std::pair<std::string_view, std::uint32_t>{"active", profile.active},
          {"idle", profile.idle},
          {"resetting", profile.resetting},
          {"checking", profile.checking},
          {"login", profile.login},
          {"closing", profile.closing}})
      sum.states[state] += n;
  }
  if (imap.forgotten.created != 0 || imap.forgotten.logins_refused != 0)
    sums["dynamic"].add(imap.forgotten);
  return sums;
}

void write_imap(Page& page, ImapStatus const& imap) {
  auto const sums = sums_of(imap);
  if (sums.empty()) return;
  auto pair_of = [](std::string_view profile, std::string_view name, std::string_view value) {
    return fmt::format("{{profile=\"{}\",{}=\"{}\"}}", escaped(profile), name, escaped(value));
  };
  auto each = [&](std::string_view name, std::uint64_t ImapSums::*member) {
    page.family(name);
    for (auto const& [profile, sum] : sums) page.sample(label("profile", profile), sum.*member);
  };
  page.family("imap_connections");
  for (auto const& [profile, sum] : sums)
    for (auto const& [state, n] : sum.states) page.sample(pair_of(profile, "state", state), n);
  each("imap_logins_total", &ImapSums::created);
  each("imap_reused_total", &ImapSums::reused);
  each("imap_logins_refused_total", &ImapSums::refused);
  page.family("imap_discarded_total");
  for (auto const& [profile, sum] : sums)
    for (auto const& [reason, n] : sum.discarded)
      page.sample(pair_of(profile, "reason", reason), n);
  each("imap_clients", &ImapSums::clients);
  each("imap_waiting", &ImapSums::waiting);
  page.single("imap_peers_refused_total", imap.peers_refused);
}

void write_events(Page& page, ManagerStatus const& s) {
  if (s.events.empty()) return;
  page.family("events_written_total");
  for (auto const& output : s.events) page.sample(label("output", output.output), output.written);
  page.family("events_dropped_total");
  for (auto const& output : s.events) page.sample(label("output", output.output), output.dropped);
}

void write_process(Page& page, MeasuredProcess const& s) {
  auto const where_known = [&](std::string_view name, auto value) {
    page.family(name);
    if (value > 0) page.sample("", value);
  };
  page.single("process_cpu_seconds_total", s.cpu_seconds);
  where_known("process_resident_memory_bytes", s.resident);
  where_known("process_open_fds", s.open_fds);
  where_known("process_max_fds", s.max_fds);
  where_known("process_start_time_seconds", s.started);
}

struct Stage {
  std::string_view name;
  Histogram StageTimes::*values;
};
constexpr std::array<Stage, 5> stages{{{"wait_seconds", &StageTimes::wait},
                                       {"connect_seconds", &StageTimes::connect},
                                       {"handshake_seconds", &StageTimes::handshake},
                                       {"transaction_seconds", &StageTimes::transaction},
                                       {"delivery_seconds", &StageTimes::delivery}}};

template <class Counts>
void write_outcomes(Page& page, std::string const& labels, Counts const& counts) {
  for (auto const& [outcome, n] :
       {std::pair<std::string_view, std::uint64_t>{"delivered", counts.delivered},
        {"deferred", counts.deferred},
        {"refused", counts.refused}})
    page.sample(fmt::format("{{{},outcome=\"{}\"}}", labels, outcome), n);
}

void write_marks(Page& page, ManagerStatus const& s, std::set<std::string> const& campaigns) {
  page.family("tenant_recipients_total");
  for (auto const& tenant : s.tenants)
    write_outcomes(page, fmt::format("tenant=\"{}\"", escaped(tenant.tenant)), tenant);
  page.family("campaign_recipients_total");
  for (auto const& campaign : s.campaigns)
    if (campaigns.contains(campaign.campaign))
      write_outcomes(page, fmt::format("campaign=\"{}\"", escaped(campaign.campaign)), campaign);
}

void write_measured(Page& page, Measured const& measured) {
  page.family("loop_turn_seconds");
  page.histogram("", measured.turns);
  write_process(page, measured.process);
  for (auto const& stage : stages) {
    page.family(stage.name);
    page.histogram("", measured.times.*stage.values);
  }
  page.family("rule_acted_total");
  for (auto const& [rule, n] : measured.rules) page.sample(label("rule", rule), n);
}

void write_site_times(Page& page, std::map<std::string, MeasuredSite> const& sites) {
  for (auto const& stage : stages) {
    page.family(fmt::format("site_{}", stage.name));
    for (auto const& [name, site] : sites)
      if (site.times)
        page.histogram(fmt::format("site=\"{}\"", escaped(name)), (*site.times).*stage.values);
  }
}

void write_sites(Page& page, std::map<std::string, MeasuredSite> const& sites) {
  page.family("site_refusals_total");
  for (auto const& [name, site] : sites)
    for (auto const& [which, n] : site.refusals) page.sample(labels(name, "class", which), n);
  page.family("path_recipients_total");
  auto const path_labels = [](std::string const& site, MeasuredPath const& path) {
    return fmt::format("site=\"{}\",source=\"{}\"", escaped(site), escaped(path.source));
  };
  for (auto const& [name, site] : sites)
    for (auto const& path : site.paths)
      if (!path.source.empty()) write_outcomes(page, path_labels(name, path), path.recipients);
  auto const gauge = [&](std::string_view family, auto MeasuredPath::*member, bool of_none) {
    page.family(family);
    for (auto const& [name, site] : sites)
      for (auto const& path : site.paths)
        if (of_none || path.*member != 0)
          page.sample(fmt::format("{{{}}}", path_labels(name, path)), path.*member);
  };
  gauge("path_connections", &MeasuredPath::connections, true);
  gauge("path_connections_limit", &MeasuredPath::max_connections, false);
  gauge("path_rate_limit", &MeasuredPath::rate, false);
  gauge("path_level", &MeasuredPath::level, true);
  write_site_times(page, sites);
}

void write_manager(Page& page, ManagerStatus const& s) {
  page.single("lmtp_connections", s.lmtp_connections);
  page.single("lmtp_peers_refused_total", s.lmtp_peers_refused);
  page.single("bodies_bytes", s.bodies);
  page.single("bodies_limit_bytes", s.memory_limit);
  page.single("spilled_bytes", s.spilled);
  page.single("bodies_refused_total", s.bodies_refused);
  page.single("admission_asked_total", s.admission.asked);
  page.single("admission_full_total", s.admission.full);
  page.single("admission_suspended_total", s.admission.suspended);
  page.single("log_dropped_total", s.log_dropped);
  write_events(page, s);
  page.single("dns_validation", s.dns_validation == "on" ? 1 : 0);
  page.single("configuration_mistakes", s.configuration.mistakes.size());
  page.single("loop_worst_seconds", static_cast<double>(s.loop_worst_us) / 1e6);
  page.single("domains_unrouted", s.unrouted_known);
  page.single("sites", s.sites_known);
  page.single("domains", s.domains_known);
  page.single("suspensions", s.suspensions_known);
  page.family("sites_by_state");
  for (auto state : {"limited", "backing_off", "suspended", "failing"})
    page.sample(label("state", state),
                std::count_if(s.sites.begin(), s.sites.end(),
                              [&](SiteStatus const& site) { return site.state == state; }));
  page.family("warm_ups_held");
  for (auto const& source : s.sources)
    if (source.warm_up || source.warm_ups_held != 0)
      page.sample(label("source", source.source), source.warm_ups_held);
}

// What must hold at every moment; anything but 0 is worth an alarm.
void write_invariants(Page& page, ManagerStatus const& s) {
  auto const over = std::count_if(s.sites.begin(), s.sites.end(), [](SiteStatus const& site) {
    return site.max_connections != 0 && site.connections.open() > site.max_connections;
  });
  auto const leased = std::count_if(s.sites.begin(), s.sites.end(), [](SiteStatus const& site) {
    return site.in_flight > site.connections.busy;
  });
  page.family("invariant_violations");
  page.sample(label("rule", "max_connections"), over);
  page.sample(label("rule", "lease"), leased);
}

}  // namespace

Metrics::SiteCounts Metrics::counts_of(SiteStatus const& site) {
  return {site.delivered, site.deferred, site.refused, site.opened, site.reused};
}

void Metrics::add(SiteCounts& to, SiteCounts const& counts) {
  to.delivered += counts.delivered;
  to.deferred += counts.deferred;
  to.refused += counts.refused;
  to.opened += counts.opened;
  to.reused += counts.reused;
}

void Metrics::choose(ManagerStatus const& status) {
  for (auto& [name, site] : labelled_) site.now = nullptr;
  for (auto const& site : status.sites)
    if (auto const found = labelled_.find(site.site); found != labelled_.end())
      found->second.now = &site;
  // A label whose site is gone is free again, but only when it is wanted: the site may come back.
  auto make_room = [&] {
    if (labelled_.size() < most_sites_) return true;
    auto const gone = std::find_if(labelled_.begin(), labelled_.end(),
                                   [](auto const& entry) { return entry.second.now == nullptr; });
    if (gone == labelled_.end()) return false;
    add(retired_, gone->second.counts);
    labelled_.erase(gone);
    return true;
  };
  for (bool named : {true, false})
    for (auto const& site : status.sites)
      if (site.is_named == named && !labelled_.contains(site.site)) {
        if (!make_room()) return;
        labelled_[site.site].now = &site;
      }
}

Metrics::SiteCounts Metrics::others(Totals const& totals) {
  for (auto& [name, site] : labelled_) {
    if (site.now == nullptr) continue;
    auto const now = counts_of(*site.now);
    // A site that was forgotten and is known again counts from nothing.
    if (now.opened < site.counts.opened || now.delivered < site.counts.delivered)
      add(retired_, site.counts);
    site.counts = now;
  }
  SiteCounts told = retired_;
  for (auto const& [name, site] : labelled_) add(told, site.counts);
  auto rest = [](std::uint64_t& known, std::uint64_t total, std::uint64_t labelled) {
    known = std::max(known, total > labelled ? total - labelled : 0);
  };
  rest(others_.delivered, totals.delivered, told.delivered);
  rest(others_.deferred, totals.deferred, told.deferred);
  rest(others_.refused, totals.refused, told.refused);
  rest(others_.opened, totals.connections_opened, told.opened);
  rest(others_.reused, totals.connections_reused, told.reused);
  return others_;
}

// One that has a label keeps it while it is shown: what is told does not come and go.
void Metrics::choose_campaigns(ManagerStatus const& status) {
  std::set<std::string> kept;
  for (auto const& campaign : status.campaigns)
    if (campaigns_.contains(campaign.campaign)) kept.insert(campaign.campaign);
  for (auto const& campaign : status.campaigns) {
    if (kept.size() >= most_sites_) break;
    kept.insert(campaign.campaign);
  }
  campaigns_ = std::move(kept);
}

std::vector<std::string> Metrics::sites_for(ManagerStatus const& status) {
  choose(status);
  std::vector<std::string> names;
  for (auto& [name, site] : labelled_) {
    names.push_back(name);
    site.now = nullptr;
  }
  return names;
}

std::string Metrics::text(ManagerStatus const& status, Exposition format,
                          Measured const& measured) {
  choose(status);
  auto const other = others(status.totals);
  Page page(format);
  write_totals(page, status);
  write_manager(page, status);
  write_parking(page, status.parking);
  write_imap(page, status.imap);
  write_invariants(page, status);
  write_measured(page, measured);
  choose_campaigns(status);
  write_marks(page, status, campaigns_);

  auto each = [&](auto&& write) {
    for (auto const& [name, site] : labelled_) write(name, site);
  };
  page.family("site_recipients_total");
  auto outcomes = [&](std::string_view name, SiteCounts const& counts) {
    page.sample(labels(name, "outcome", "delivered"), counts.delivered);
    page.sample(labels(name, "outcome", "deferred"), counts.deferred);
    page.sample(labels(name, "outcome", "refused"), counts.refused);
  };
  each([&](auto const& name, Labelled const& site) { outcomes(name, site.counts); });
  outcomes("other", other);
  page.family("site_connections_opened_total");
  each([&](auto const& name, Labelled const& site) {
    page.sample(label("site", name), site.counts.opened);
  });
  page.sample(label("site", "other"), other.opened);
  page.family("site_connections_reused_total");
  each([&](auto const& name, Labelled const& site) {
    page.sample(label("site", name), site.counts.reused);
  });
  page.sample(label("site", "other"), other.reused);
  page.family("site_connections");
  each([&](auto const& name, Labelled const& site) {
    auto const counts = site.now != nullptr ? site.now->connections : ConnectionCounts{};
    for (auto const& [state, count] : by_state(counts))
      page.sample(labels(name, "state", state), count);
  });
  page.family("site_waiting");
  each([&](auto const& name, Labelled const& site) {
    page.sample(label("site", name), site.now != nullptr ? site.now->waiting : 0);
  });
  page.family("site_trouble");
  each([&](auto const& name, Labelled const& site) {
    page.sample(label("site", name),
                site.now != nullptr ? static_cast<int>(urgency_of_state(site.now->state)) : 0);
  });
  write_sites(page, measured.sites);
  for (auto& [name, site] : labelled_) site.now = nullptr;
  return page.take();
}

}  // namespace mailpool::control
