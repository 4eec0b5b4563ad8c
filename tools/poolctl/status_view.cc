// `poolctl status`: in five seconds one sees whether mail flows, where it waits, and for what.

#include <fmt/format.h>

#include <algorithm>

#include "core/control/imap_findings.h"
#include "core/control/urgency.h"
#include "poolctl/table.h"
#include "poolctl/views.h"
#include "poolctl/words.h"

namespace mailpool::poolctl {
namespace {

using control::ManagerStatus;
using control::SiteStatus;

std::uint64_t in_state(ManagerStatus const& status, std::string_view state) {
  return static_cast<std::uint64_t>(
      std::count_if(status.sites.begin(), status.sites.end(),
                    [&](SiteStatus const& site) { return site.state == state; }));
}

bool is_standstill(ManagerStatus const& status) {
  return status.recent.delivered == 0 && (status.totals.waiting > 0 || status.recent.deferred > 0);
}

std::string flow(ManagerStatus const& status) {
  auto const& recent = status.recent;
  auto const others = [&](std::string text) {
    if (recent.deferred > 0) text += fmt::format(", {} deferred", recent.deferred);
    if (recent.refused > 0) text += fmt::format(", {} refused", recent.refused);
    return text + " in the last minute";
  };
  if (status.state == "starting") return "starting: no mail is taken yet";
  if (status.state == "draining")
    return fmt::format("draining: no new mail is taken, {} in flight", status.totals.in_flight);
  if (recent.delivered > 0)
    return others(fmt::format("mail flows: {} delivered", recent.delivered));
  if (is_standstill(status)) return others("MAIL STANDS STILL: 0 delivered");
  if (recent.refused > 0) return others("0 delivered");
  if (status.totals.in_flight > 0)
    return fmt::format("mail flows: {} in flight", status.totals.in_flight);
  return "idle: no mail in the last minute";
}

Style style_of(ManagerStatus const& status) {
  if (status.state != "running" || !status.suspensions.empty()) return Style::Warning;
  if (is_standstill(status)) return Style::Bad;
  bool const has_trouble = std::any_of(status.sites.begin(), status.sites.end(),
                                       [](SiteStatus const& site) { return site.state != "open"; });
  return has_trouble ? Style::Warning : Style::Good;
}

Cell number(std::uint64_t n, Style style = Style::Plain) {
  return {std::to_string(n), n == 0 ? Style::Dim : style};
}

Table site_table(std::vector<SiteStatus> const& sites) {
  Table table({{"SITE", 0, false, 12, 34},
               {"STATE", 0},
               {"CONNS", 0, true},
               {"WAIT", 0, true},
               {"WAITED", 4, true},
               {"QUEUED", 0, true},
               {"DELIVERED", 1, true},
               {"DEFERRED", 3, true},
               {"REFUSED", 3, true},
               {"REUSE", 2, true},
               {"IDLE", 6, true},
               {"BUSY", 6, true},
               {"DOMAINS", 7, true},
               {"RATE", 5, false, 0, 20},
               {"WAITS FOR", 0, false, 24, 60},
               {"LAST REPLY", 8, false, 20, 60}});
  for (auto const& site : sites) {
    auto const open = site.connections.open();
    table.add(
        {{site.site},
         {state_text(site.state), style_of_state(site.state)},
         {fmt::format("{}/{}", open, site.max_connections), open == 0 ? Style::Dim : Style::Plain},
         number(site.waiting, Style::Bold),
         {site.waiting == 0 ? "" : to_text(site.longest_wait)},
         {site.parked == 0 ? "" : std::to_string(site.parked)},
         number(site.delivered),
         number(site.deferred, Style::Warning),
         number(site.refused, Style::Warning),
         {reuse_ratio(site.opened, site.reused)},
         number(site.connections.idle),
         number(site.connections.busy),
         number(site.domains),
         {site.rate},
         {waits_for(site), style_of_state(site.state) == Style::Bad ? Style::Bad : Style::Plain},
         {site.last_reply, Style::Dim}});
  }
  return table;
}

Table tenant_table(std::vector<control::TenantStatus> const& tenants) {
  Table table({{"TENANT", 0, false, 12, 34},
               {"STATE", 0},
               {"PRIORITY", 4, true},
               {"BUSY", 0, true},
               {"WAIT", 0, true},
               {"DELIVERED", 1, true},
               {"DEFERRED", 3, true},
               {"REFUSED", 3, true},
               {"RATE", 2, false, 0, 20},
               {"WAITS FOR", 0, false, 24, 60}});
  for (auto const& t : tenants)
    table.add({{t.tenant},
               {state_text(t.state), style_of_state(t.state)},
               number(t.priority),
               {t.max_connections ? fmt::format("{}/{}", t.in_flight, *t.max_connections)
                                  : std::to_string(t.in_flight)},
               number(t.waiting, Style::Bold),
               number(t.delivered),
               number(t.deferred, Style::Warning),
               number(t.refused, Style::Warning),
               {t.rate},
               {t.reason}});
  return table;
}

Table source_table(std::vector<control::SourceStatus> const& sources) {
  Table table({{"SOURCE", 0, false, 12, 34},
               {"ADDRESS", 1, false, 12, 60},
               {"CONNS", 0, true},
               {"RATE", 2, false, 0, 20},
               {"WARM-UP", 0},
               {"WAITS FOR", 0}});
  for (auto const& s : sources)
    table.add({{s.source},
               {s.address},
               {s.max_connections ? fmt::format("{}/{}", s.connections, *s.max_connections)
                                  : std::to_string(s.connections)},
               {s.rate},
               {s.warm_up ? fmt::format("{} today", *s.warm_up) : std::string()},
               {s.blocked_by.value_or("")}});
  return table;
}

Table login_table(std::vector<control::LoginStatus> const& logins) {
  Table table({{"LOGIN", 0, false, 12, 34},
               {"USER", 2, false, 12, 40},
               {"STATE", 0},
               {"CONNS", 1, true},
               {"NEXT TRY", 0, true},
               {"LAST ERROR", 0, false, 24, 100}});
  for (auto const& l : logins)
    table.add({{l.login},
               {l.user},
               {l.state, l.state == "refused" || l.state == "missing" ? Style::Bad : Style::Plain},
               number(l.connections),
               {l.not_before ? to_text(l.not_before->in) : std::string()},
               {l.last_error, Style::Dim}});
  return table;
}

// A line of the summary below the table: a word, then the rest indented.
std::string line(std::string_view word, std::string const& text, Screen const& screen,
                 Style style = Style::Plain) {
  auto const body = wrapped(fmt::format("{:<13}{}", word, text), screen.width, 13);
  if (style == Style::Plain) return body;
  return screen.styled(style, body.substr(0, body.size() - 1)) + "\n";
}

std::string summary(ManagerStatus const& status, Screen const& screen) {
  auto const& t = status.totals;
  auto const& c = status.connections;
  std::string out;
  out += line(
      "totals",
      fmt::format("{}, recipients: {} delivered, {} deferred, {} refused; {} in flight, {} waiting",
                  counted(t.messages, "message", "messages"), t.delivered, t.deferred, t.refused,
                  t.in_flight, t.waiting),
      screen);
  auto const states =
      c.open() == 0 ? std::string() : fmt::format(" ({} busy, {} idle)", c.busy, c.idle);
  auto const ratio = t.connections_opened == 0
                         ? std::string()
                         : fmt::format(": {} of transactions on a warm connection",
                                       reuse_ratio(t.connections_opened, t.connections_reused));
  out += line("connections",
              fmt::format("{} open{}, {} opened, {} reused{}", t.connections_open, states,
                          t.connections_opened, t.connections_reused, ratio),
              screen);
  if (t.tls_handshakes != 0)
    out += line("tls",
                fmt::format("{}, {} of them resumed a session",
                            counted(t.tls_handshakes, "handshake", "handshakes"), t.tls_resumed),
                screen);
  if (auto const& a = status.admission; a.asked != 0)
    out += line("milter",
                fmt::format("asked about {}: {} beyond an accept_rate, {} suspended",
                            counted(a.asked, "recipient", "recipients"), a.full, a.suspended),
                screen);
  out += line("manager",
              fmt::format("{} {}, up {}, {} from the MTA, bodies {} of {}", status.version,
                          status.state, to_text(status.uptime),
                          counted(status.lmtp_connections, "connection", "connections"),
                          octets(status.bodies), octets(status.memory_limit)),
              screen);
  return out;
}

// Only what an operator should do something about.
std::string notices(ManagerStatus const& status, Screen const& screen) {
  std::string out;
  auto add = [&](std::string const& text) { out += line("notice", text, screen, Style::Warning); };
  for (auto const& s : status.suspensions)
    add(fmt::format("{}{} {} is suspended until {} by {}: {}", held_text(s),
                    s.is_domain   ? "domain"
                    : s.is_tenant ? "tenant"
                                  : "site",
                    s.name, clock_text(s.until), s.by, s.reason));
  for (auto const& queue : status.queues)
    if (!queue.trouble.empty())
      add(fmt::format("mail that waits in {} is not woken when there is room: {} (poolctl check)",
                      queue.directory, queue.trouble));
  if (status.suspensions_known > status.suspensions.size())
    add(counted(status.suspensions_known - status.suspensions.size(),
                "more suspension (--rows N shows more)", "more suspensions (--rows N shows more)"));
  if (!status.configuration.mistakes.empty())
    add(fmt::format(
        "the configuration was not reloaded: {}; the settings before are in force (poolctl check)",
        counted(status.configuration.mistakes.size(), "mistake", "mistakes")));
  if (!status.state_file.problem.empty())
    add("suspensions and counters would not survive a restart: " + status.state_file.problem);
  for (auto const& damaged : status.state_file.set_aside)
    add(fmt::format("the state database was damaged and is set aside as {}", damaged));
  if (!status.dns_validation.empty() && status.dns_validation != "on")
    add("DNSSEC validation: " + status.dns_validation);
  if (status.lmtp_max_connections != 0 && status.lmtp_connections >= status.lmtp_max_connections)
    add(fmt::format("[lmtp] max_connections ({}) is reached: the MTA waits",
                    status.lmtp_max_connections));
  if (status.lmtp_peers_refused > 0)
    add(fmt::format("{} refused: users not among [lmtp] allow_users",
                    counted(status.lmtp_peers_refused, "connection", "connections")));
  if (status.ambiguous > 0)
    add(fmt::format("{} ended without a reply after the data: perhaps delivered twice",
                    counted(status.ambiguous, "recipient", "recipients")));
  for (auto const& found : control::imap_findings(status.imap, status.now))
    if (found.level >= control::Finding::Level::Warning) add(found.text);
  if (status.log_dropped > 0)
    add(counted(status.log_dropped, "log line was dropped", "log lines were dropped"));
  return out;
}

}  // namespace

std::string headline(ManagerStatus const& status) {
  auto text = flow(status);
  if (status.totals.waiting > 0) text += fmt::format("; {} waiting", status.totals.waiting);
  std::string trouble;
  auto add = [&](std::string_view state) {
    auto const n = in_state(status, state);
    if (n == 0) return;
    trouble += trouble.empty() ? counted(n, "site ", "sites ") : fmt::format(", {} ", n);
    trouble += state_text(state);
  };
  for (auto const* state : {"suspended", "backing_off", "limited"}) add(state);
  auto const domains = std::count_if(status.suspensions.begin(), status.suspensions.end(),
                                     [](auto const& s) { return s.is_domain; });
  if (domains > 0)
    trouble += (trouble.empty() ? "" : ", ") +
               counted(static_cast<std::uint64_t>(domains), "domain", "domains") + " suspended";
  return trouble.empty() ? text : text + "; " + trouble;
}

std::string view(ManagerStatus const& status, Screen const& screen) {
  auto sites = status.sites;
  std::stable_sort(sites.begin(), sites.end(), [](auto const& a, auto const& b) {
    return control::urgency_of(a) > control::urgency_of(b);
  });
  auto const first = wrapped(headline(status), screen.width);
  std::string out = screen.styled(style_of(status), first.substr(0, first.size() - 1)) + "\n\n";
  if (sites.empty())
    out += "no site has been used yet\n";
  else
    out += site_table(sites).text(screen);
  if (status.sites_known > sites.size())
    out += wrapped(fmt::format("and {} less urgent (poolctl status --rows N shows more)",
                               counted(status.sites_known - sites.size(), "site", "sites")),
                   screen.width);
  if (!status.tenants.empty()) out += "\n" + tenant_table(status.tenants).text(screen);
  if (!status.sources.empty()) out += "\n" + source_table(status.sources).text(screen);
  if (!status.logins.empty()) out += "\n" + login_table(status.logins).text(screen);
  return out + "\n" + summary(status, screen) + notices(status, screen);
}

}  // namespace mailpool::poolctl
