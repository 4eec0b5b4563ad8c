// `poolctl connections`, `explain`, `check` and `reload`, for people.

#include <fmt/format.h>

#include "poolctl/table.h"
#include "poolctl/views.h"
#include "poolctl/words.h"

namespace mailpool::poolctl {

namespace {

bool is_encrypted(control::ConnectionStatus const& c) {
  return c.tls != "none";
}

std::string handshake_text(control::ConnectionStatus const& c) {
  if (!is_encrypted(c)) return "";
  return c.tls_resumed ? "resumed" : "full";
}

}  // namespace

std::string view(std::vector<control::ConnectionStatus> const& rows, Screen const& screen) {
  if (rows.empty()) return "no connection is open\n";
  Table table({{"SITE", 1, false, 8, 34},
               {"ENDPOINT", 0, false, 32, 60},
               {"STATE", 0},
               {"FOR", 2, true},
               {"AGE", 4, true},
               {"MESSAGES", 0, true},
               {"TLS", 2},
               {"CERT", 3, true},
               {"SERVER", 5, false, 24, 60},
               {"HANDSHAKE", 8},
               {"LEVEL", 9},
               {"CIPHER", 10},
               {"DOING", 6, false, 20, 50},
               {"DOMAIN", 7, false, 16, 40},
               {"LAST REPLY", 8, false, 20, 60},
               {"ID", 9, true},
               {"SOURCE", 10},
               {"LOGIN", 10}});
  for (auto const& c : rows)
    table.add({{c.site},
               {endpoint_text(c.host, c.address, c.port)},
               {c.state, style_of_state(c.state)},
               {to_text(c.in_state)},
               {to_text(c.age)},
               {c.max_messages == 0 ? std::to_string(c.messages)
                                    : fmt::format("{}/{}", c.messages, c.max_messages)},
               {is_encrypted(c) ? c.tls_version : "-", is_encrypted(c) ? Style::Plain : Style::Dim},
               {days_text(c.certificate_days), style_of_days(c.certificate_days)},
               {c.tls_verified},
               {handshake_text(c)},
               {c.tls_requested},
               {c.tls_cipher},
               {c.doing},
               {c.domain},
               {c.last_reply, Style::Dim},
               {std::to_string(c.id)},
               {c.source},
               {c.login}});
  return table.text(screen);
}

namespace {

std::string line(std::string_view label, std::string const& text, Screen const& screen) {
  return text.empty() ? std::string()
                      : wrapped(fmt::format("{:<12}{}", label, text), screen.width, 12);
}

Table limit_table(std::vector<control::LimitUse> const& limits) {
  Table table({{"LIMIT", 0, false, 14, 40},
               {"OF", 0, false, 28, 60},
               {"USE", 0},
               {"CEILING", 0},
               {"ROOM AGAIN", 1}});
  for (auto const& limit : limits) {
    auto const style = limit.is_reached ? Style::Warning : Style::Plain;
    auto const again = !limit.is_reached  ? ""
                       : limit.not_before ? moment_text(*limit.not_before)
                                          : "when one ends";
    table.add({{limit.option, style},
               {limit.scope},
               {limit.use, style},
               {limit.ceiling},
               {again, style}});
  }
  return table;
}

Table target_table(std::vector<control::EndpointStatus> const& targets) {
  Table table({{"TRIED IN THIS ORDER", 0, false, 40, 60},
               {"STATE", 0},
               {"IDLE", 1, true},
               {"BUSY", 1, true},
               {"NEXT TRY", 2},
               {"LAST ERROR", 3, false, 16, 60}});
  for (auto const& t : targets)
    table.add({{endpoint_text(t.host, t.address, t.port)},
               {state_text(t.state), style_of_state(t.state)},
               {std::to_string(t.connections.idle)},
               {std::to_string(t.connections.busy)},
               {t.not_before ? "in " + to_text(t.not_before->in) : ""},
               {t.last_error}});
  return table;
}

std::string verdict(control::Explanation const& way) {
  if (!way.no_route.empty()) return "no way there: " + way.no_route;
  if (!way.would.empty()) return way.would;
  if (!way.blocked_by) return "goes at once";
  return "waits for " + state_text(*way.blocked_by) +
         (way.not_before ? ", next " + moment_text(*way.not_before) : "") +
         (way.reason.empty() ? "" : ": " + way.reason);
}

}  // namespace

std::string view(control::Explanation const& way, Screen const& screen) {
  auto const first = wrapped(way.address + " " + verdict(way), screen.width, 2);
  auto const style = !way.no_route.empty() ? Style::Bad
                     : way.blocked_by      ? Style::Warning
                                           : Style::Good;
  std::string out = screen.styled(style, first.substr(0, first.size() - 1)) + "\n\n";
  out += line("domain", way.domain, screen);
  out += line("site",
              way.site.empty()
                  ? ""
                  : fmt::format("{} ({}){}", way.site, state_text(way.site_state),
                                way.why_this_site.empty() ? "" : ": " + way.why_this_site),
              screen);
  out += line("tenant", way.tenant, screen);
  out += line("campaign", way.campaign, screen);
  out += line("source", way.source, screen);
  out += line("door", way.door, screen);
  std::string hosts;
  for (auto const& host : way.hosts) hosts += (hosts.empty() ? "" : ", ") + host;
  out += line("hosts", hosts, screen);
  for (auto const& target : way.targets)
    if (!target.tls.empty()) out += line("tls", target.host + ": " + target.tls, screen);
  for (auto const& target : way.targets)
    if (!target.require_tls.empty())
      out += line("requiretls", target.host + ": " + target.require_tls, screen);
  for (auto const& target : way.targets)
    if (!target.tls_now.empty())
      out += line("tls now",
                  endpoint_text(target.host, target.address, target.port) + ": " +
                      handshake_words(target, target.tls_now),
                  screen);
  if (!way.targets.empty()) out += "\n" + target_table(way.targets).text(screen);
  if (!way.limits.empty()) out += "\n" + limit_table(way.limits).text(screen);
  return out;
}

std::string view(std::vector<control::Finding> const& findings, Screen const& screen) {
  std::string out;
  std::size_t mistakes = 0;
  std::size_t warnings = 0;
  for (auto const& f : findings) {
    mistakes += f.level == control::Finding::Level::Mistake ? 1 : 0;
    warnings += f.level == control::Finding::Level::Warning ? 1 : 0;
    std::string_view const level = control::name_of(f.level);
    // Only the word is coloured: the lines stay easy to search in.
    auto const text = wrapped(fmt::format("{:<9}{}: {}", level, f.area, f.text), screen.width, 9);
    out += screen.styled(style_of_state(level), level) + text.substr(level.size());
    if (!f.mend.empty()) out += wrapped("         mend: " + f.mend, screen.width, 15);
  }
  auto const verdict = mistakes == 0 && warnings == 0
                           ? std::string("all is well")
                           : counted(mistakes, "mistake", "mistakes") + ", " +
                                 counted(warnings, "warning", "warnings");
  auto const style = mistakes != 0 ? Style::Bad : warnings != 0 ? Style::Warning : Style::Good;
  return out + screen.styled(style, verdict) + "\n";
}

std::string view(control::ReloadReport const& report, Screen const& screen) {
  std::string out;
  for (auto const& mistake : report.mistakes) out += wrapped(mistake, screen.width, 2);
  for (auto const& warning : report.warnings)
    out += wrapped("warning: " + warning, screen.width, 2);
  for (auto const& option : report.needs_restart)
    out +=
        wrapped(option + " has changed and takes effect at a restart: systemctl restart mailpool",
                screen.width, 2);
  auto const verdict = report.is_applied
                           ? std::string("the configuration was read again and applies")
                           : counted(report.mistakes.size(), "mistake", "mistakes") +
                                 ": nothing was applied, the settings before stay in force";
  return out + screen.styled(report.is_applied ? Style::Good : Style::Bad, verdict) + "\n";
}

}  // namespace mailpool::poolctl
