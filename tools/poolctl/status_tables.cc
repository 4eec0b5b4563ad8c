// The tables of `poolctl status`.

#include "poolctl/status_tables.h"

#include <fmt/format.h>

#include "poolctl/words.h"

namespace mailpool::poolctl {

using control::ManagerStatus;

namespace {

Cell number(std::uint64_t n, Style style = Style::Plain) {
  return {std::to_string(n), n == 0 ? Style::Dim : style};
}

// Domains that DNS gave no host for have no site: they stand in rows of their own.
void add_unrouted(Table& table, std::vector<control::DomainStatus> const& domains) {
  for (auto const& d : domains)
    table.add({{d.domain},
               {state_text(d.state), style_of_state(d.state)},
               {},
               number(d.waiting, Style::Bold),
               {},
               {},
               number(d.delivered),
               number(d.deferred, Style::Warning),
               number(d.refused, Style::Warning),
               {},
               {},
               {},
               {},
               {},
               {d.reason, Style::Bad},
               {}});
}

}  // namespace

Table site_table(ManagerStatus const& status) {
  Table table({{"SITE", 0, false, 12, 34},
               {"STATE", 0},
               {"CONNS", 3, true},
               {"WAIT", 0, true},
               {"WAITED", 5, true},
               {"QUEUED", 2, true},
               {"DELIVERED", 1, true},
               {"DEFERRED", 1, true},
               {"REFUSED", 1, true},
               {"REUSE", 4, true},
               {"IDLE", 7, true},
               {"BUSY", 7, true},
               {"DOMAINS", 8, true},
               {"RATE", 6, false, 0, 20},
               {"WAITS FOR", 2, false, 12, 60},
               {"LAST REPLY", 9, false, 20, 60}});
  add_unrouted(table, status.unrouted);
  for (auto const& site : status.sites) {
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

Table campaign_table(std::vector<control::CampaignStatus> const& campaigns) {
  Table table({{"CAMPAIGN", 0, false, 12, 34},
               {"STATE", 0},
               {"BUSY", 0, true},
               {"WAIT", 0, true},
               {"PARKED", 2, true},
               {"DELIVERED", 1, true},
               {"DEFERRED", 3, true},
               {"REFUSED", 3, true},
               {"WAITS FOR", 0, false, 24, 60}});
  for (auto const& c : campaigns)
    table.add({{c.campaign},
               {state_text(c.state), style_of_state(c.state)},
               number(c.in_flight),
               number(c.waiting, Style::Bold),
               number(c.parked, Style::Bold),
               number(c.delivered),
               number(c.deferred, Style::Warning),
               number(c.refused, Style::Warning),
               {c.reason}});
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

Table warm_up_table(std::vector<control::WarmUpStatus> const& warm_ups) {
  Table table({{"WARM-UP OF", 0, false, 10, 34},
               {"AT", 0, false, 10, 34},
               {"DAY", 1, true},
               {"STEP", 0, true},
               {"SENT", 0, true},
               {"PUT OFF", 0, true},
               {"HELD, SINCE", 0, false, 16, 100}});
  for (auto const& w : warm_ups)
    table.add({{w.source},
               {w.site},
               {std::to_string(w.day)},
               {fmt::format("{}/{}", w.step, w.steps)},
               {fmt::format("{}/{}", w.sent, w.most)},
               {fmt::format("{} of {}", w.put_off, w.taken + w.put_off),
                w.put_off == 0 ? Style::Plain : Style::Warning},
               {w.reason, Style::Warning}});
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

}  // namespace mailpool::poolctl
