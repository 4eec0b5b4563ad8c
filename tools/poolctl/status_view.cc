// `poolctl status`: in five seconds one sees whether mail flows, where it waits, and for what.

#include <fmt/format.h>

#include <algorithm>

#include "core/control/imap_findings.h"
#include "core/control/urgency.h"
#include "poolctl/status_tables.h"
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

bool is_in_trouble(SiteStatus const& site) {
  return control::urgency_of_state(site.state) > control::urgency_of_state("limited");
}

bool has_mail(SiteStatus const& site) {
  return site.waiting > 0 || site.recent.deferred > 0;
}

// Nothing was delivered, and mail is left.
bool is_without_delivery(ManagerStatus const& status) {
  return status.recent.delivered == 0 && (status.totals.waiting > 0 || status.recent.deferred > 0);
}

// Some sites deliver, and what is left is for those that are in trouble, each in a row of its own.
bool is_left_to_the_troubled(ManagerStatus const& status) {
  bool const others_deliver = std::any_of(
      status.sites.begin(), status.sites.end(),
      [](SiteStatus const& site) { return site.delivered > 0 && !is_in_trouble(site); });
  bool const all_troubled =
      std::all_of(status.sites.begin(), status.sites.end(),
                  [](SiteStatus const& site) { return !has_mail(site) || is_in_trouble(site); });
  return others_deliver && all_troubled && status.sites_known <= status.sites.size();
}

bool is_standstill(ManagerStatus const& status) {
  return is_without_delivery(status) && !is_left_to_the_troubled(status);
}

control::SuspensionStatus const* of_all_mail(ManagerStatus const& status) {
  auto const found = std::find_if(status.suspensions.begin(), status.suspensions.end(),
                                  [](auto const& suspension) { return suspension.is_all; });
  return found == status.suspensions.end() ? nullptr : &*found;
}

std::string flow(ManagerStatus const& status) {
  auto const& recent = status.recent;
  auto const others = [&](std::string text) {
    if (recent.deferred > 0) text += fmt::format(", {} deferred", recent.deferred);
    if (recent.refused > 0) text += fmt::format(", {} refused", recent.refused);
    return text + " in the last minute";
  };
  if (status.state == "starting") return "starting: no mail is taken yet";
  if (auto const* all = of_all_mail(status))
    return fmt::format("ALL MAIL IS SUSPENDED until {} by {}: {}", clock_text(all->until), all->by,
                       all->reason);
  if (status.state == "draining")
    return fmt::format("draining: no new mail is taken, {} in flight", status.totals.in_flight);
  if (recent.delivered > 0)
    return others(fmt::format("mail flows: {} delivered", recent.delivered));
  if (is_standstill(status)) return others("MAIL STANDS STILL: 0 delivered");
  if (is_without_delivery(status))
    return others("what is left is for sites in trouble: 0 delivered");
  if (recent.refused > 0) return others("0 delivered");
  if (status.totals.in_flight > 0)
    return fmt::format("mail flows: {} in flight", status.totals.in_flight);
  return "idle: no mail in the last minute";
}

Style style_of(ManagerStatus const& status) {
  if (status.state != "running" || !status.suspensions.empty()) return Style::Warning;
  if (is_standstill(status)) return Style::Bad;
  if (status.unrouted_known > 0) return Style::Warning;
  bool const has_trouble = std::any_of(status.sites.begin(), status.sites.end(),
                                       [](SiteStatus const& site) { return site.state != "open"; });
  return has_trouble ? Style::Warning : Style::Good;
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
    if (!s.is_all)  // the headline says that
      add(fmt::format("{}{} {} is suspended until {} by {}: {}", held_text(s),
                      s.is_domain     ? "domain"
                      : s.is_tenant   ? "tenant"
                      : s.is_source   ? "source"
                      : s.is_campaign ? "campaign"
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
  if (!status.bodies_problem.empty())
    add(fmt::format("{} answered 452: {}",
                    counted(status.bodies_refused, "message was", "messages were"),
                    status.bodies_problem));
  if (!status.state_file.problem.empty())
    add("suspensions and counters would not survive a restart: " + status.state_file.problem);
  for (auto const& damaged : status.state_file.set_aside)
    add(fmt::format("the state database was damaged and is set aside as {}", damaged));
  if (status.dnssec_expected && !status.dns_validation.empty() && status.dns_validation != "on")
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
  for (auto const& events : status.events) {
    if (!events.problem.empty())
      add(fmt::format("events are not told to {} ([events] {}): {}", events.place, events.output,
                      events.problem));
    if (events.dropped > 0)
      add(fmt::format("{} dropped: {} did not take {} in time ([events] {})",
                      counted(events.dropped, "event was", "events were"), events.place,
                      events.dropped == 1 ? "it" : "them", events.output));
  }
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
  for (auto const* state : {"failing", "suspended", "backing_off", "limited"}) add(state);
  auto const domains = std::count_if(status.suspensions.begin(), status.suspensions.end(),
                                     [](auto const& s) { return s.is_domain; });
  if (domains > 0)
    trouble += (trouble.empty() ? "" : ", ") +
               counted(static_cast<std::uint64_t>(domains), "domain", "domains") + " suspended";
  if (status.unrouted_known > 0)
    trouble += (trouble.empty() ? "" : ", ") + counted(status.unrouted_known, "domain", "domains") +
               " without a route";
  return trouble.empty() ? text : text + "; " + trouble;
}

namespace {

// Of those that deliver nothing: why, and what to do. The rest is told by status NAME.
std::string troubles(std::vector<SiteStatus> const& sites, std::size_t most, Screen const& screen) {
  std::string out;
  std::size_t failing = 0;
  for (auto const& site : sites) {
    if (site.trouble.empty() || ++failing > most) continue;
    out += line("failing", fmt::format("{}: {}", site.site, site.trouble), screen, Style::Bad);
    out += line("what to do", site.cure, screen);
  }
  if (failing > most)
    out += line("failing",
                fmt::format("and {}: poolctl status NAME tells of each",
                            counted(failing - most, "site more", "sites more")),
                screen, Style::Bad);
  return out.empty() ? out : out + "\n";
}

std::size_t lines_of(std::string const& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// The first few: those that are suspended, then those whose mail was seen last.
std::string campaign_rows(ManagerStatus const& status, Screen const& screen) {
  constexpr std::size_t most = 8;
  if (status.campaigns.empty()) return {};
  auto shown = status.campaigns;
  if (shown.size() > most) shown.resize(most);
  auto out = "\n" + campaign_table(shown).text(screen);
  if (auto const more = status.campaigns_known - shown.size(); more != 0)
    out += fmt::format("and {} (--json --rows N shows more)\n",
                       counted(more, "more campaign", "more campaigns"));
  return out;
}

// Likewise: those that are held, then the fullest.
std::string warm_up_rows(ManagerStatus const& status, Screen const& screen) {
  constexpr std::size_t most = 8;
  if (status.warm_ups.empty()) return {};
  auto shown = status.warm_ups;
  if (shown.size() > most) shown.resize(most);
  auto out = "\n" + warm_up_table(shown).text(screen);
  if (auto const more = status.warm_ups_known - shown.size(); more != 0)
    out += wrapped(fmt::format("and {} (--json --rows N shows more)",
                               counted(more, "more site", "more sites")),
                   screen.width);
  return out;
}

std::string rows(ManagerStatus const& status, Screen const& screen) {
  std::string out;
  auto const table = site_table(status);
  if (status.unrouted_known > status.unrouted.size())
    out +=
        fmt::format("{} more without a route\n",
                    counted(status.unrouted_known - status.unrouted.size(), "domain", "domains"));
  out += table.is_empty() ? "no site has been used yet\n" : table.text(screen);
  if (status.sites_known > status.sites.size())
    out += wrapped(fmt::format("and {} less urgent (poolctl status --rows N shows more)",
                               counted(status.sites_known - status.sites.size(), "site", "sites")),
                   screen.width);
  if (!status.tenants.empty()) out += "\n" + tenant_table(status.tenants).text(screen);
  out += campaign_rows(status, screen);
  if (!status.sources.empty()) out += "\n" + source_table(status.sources).text(screen);
  out += warm_up_rows(status, screen);
  if (!status.logins.empty()) out += "\n" + login_table(status.logins).text(screen);
  return out;
}

// At most the first `most` lines.
std::string first_lines(std::string text, std::size_t most) {
  std::size_t at = 0;
  for (; most > 0 && at < text.size(); --most) at = text.find('\n', at) + 1;
  text.resize(at);
  return text;
}

}  // namespace

std::string view(ManagerStatus const& given, Screen const& screen) {
  constexpr std::size_t least_rows = 3;
  constexpr std::size_t most_troubles = 3;
  auto status = given;
  status.sites_known = std::max<std::uint64_t>(status.sites_known, status.sites.size());
  std::stable_sort(status.sites.begin(), status.sites.end(), [](auto const& a, auto const& b) {
    return control::urgency_of(a) > control::urgency_of(b);
  });
  auto const first = wrapped(headline(status), screen.width);
  auto const head = screen.styled(style_of(status), first.substr(0, first.size() - 1)) + "\n\n";
  auto const top = head + troubles(status.sites, screen.height == 0 ? most_troubles : 1, screen);
  auto const bottom = "\n" + summary(status, screen) + notices(status, screen);
  auto middle = rows(status, screen);
  if (screen.height == 0) return top + middle + bottom;
  // What is more than the screen holds: the least urgent rows first, then the end.
  auto const fixed = lines_of(top) + lines_of(bottom) + 1;
  while (fixed + lines_of(middle) > screen.height) {
    if (status.unrouted.size() > least_rows)
      status.unrouted.pop_back();
    else if (status.sites.size() > least_rows)
      status.sites.pop_back();
    else
      break;
    middle = rows(status, screen);
  }
  return first_lines(top + middle + bottom, screen.height - 1);
}

}  // namespace mailpool::poolctl
