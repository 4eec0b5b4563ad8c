// `poolctl status NAME`: a site, a domain or a door in full.

#include <fmt/format.h>

#include <algorithm>

#include "poolctl/status_tables.h"
#include "poolctl/table.h"
#include "poolctl/views.h"
#include "poolctl/words.h"

namespace mailpool::poolctl {
namespace {

// Labelled lines, with the text of each wrapped beside its label.
class Sheet {
 public:
  explicit Sheet(Screen const& screen) : screen_(screen) {}

  void title(std::string const& text, std::string_view state) {
    if (!out_.empty()) out_ += "\n";
    auto const room = screen_.width - std::min(screen_.width, state.size() + 2);
    out_ += screen_.styled(Style::Bold, cut(text, room)) + "  " +
            screen_.styled(style_of_state(state), state_text(state)) + "\n";
  }
  void line(std::string_view label, std::string const& text) {
    if (!text.empty()) out_ += wrapped(fmt::format("  {:<16}{}", label, text), screen_.width, 18);
  }
  void table(Table const& table) {
    if (!table.is_empty()) out_ += "\n" + table.text(screen_);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  Screen const& screen_;
  std::string out_;
};

std::string limit_text(std::string const& rate) {
  return rate.empty() ? "none" : rate;
}

// "62 % rate_limited, 38 % greylisted of 120 refusals in the last hour".
std::string shares_text(std::vector<control::CountedReason> const& replies) {
  std::uint64_t all = 0;
  for (auto const& each : replies) all += each.count;
  std::string text;
  for (auto const& [reason, count] : replies)
    text +=
        fmt::format("{}{} % {}", text.empty() ? "" : ", ", (count * 100 + all / 2) / all, reason);
  return text.empty() ? text : fmt::format("{} of {} in the last hour", text, all);
}

std::string closes_text(std::vector<control::CountedReason> closes) {
  std::sort(closes.begin(), closes.end(),
            [](auto const& a, auto const& b) { return a.count > b.count; });
  std::string text;
  for (auto const& [reason, count] : closes)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, reason);
  return text;
}

std::string counts_text(control::Counts const& counts) {
  return fmt::format("{} delivered, {} deferred, {} refused", counts.delivered, counts.deferred,
                     counts.refused);
}

Table endpoint_table(std::vector<control::EndpointStatus> const& endpoints) {
  Table table({{"ENDPOINT", 0, false, 40, 60},
               {"STATE", 0},
               {"IDLE", 1, true},
               {"BUSY", 1, true},
               {"FAILED", 3, true},
               {"MESSAGES", 4, true},
               {"NEXT TRY", 2},
               {"LAST ERROR", 2, false, 16, 60}});
  for (auto const& e : endpoints)
    table.add({{endpoint_text(e.host, e.address, e.port)},
               {state_text(e.state), style_of_state(e.state)},
               {std::to_string(e.connections.idle)},
               {std::to_string(e.connections.busy)},
               {e.failures == 0 ? "" : std::to_string(e.failures)},
               {e.max_messages ? std::to_string(*e.max_messages) : ""},
               {e.not_before ? "in " + to_text(e.not_before->in) : ""},
               {e.last_error}});
  return table;
}

Table path_table(std::vector<control::PathStatus> const& paths) {
  Table table({{"SOURCE", 0, false, 10, 40},
               {"OPEN", 0, true},
               {"ALLOWED", 0, true},
               {"RATE", 1},
               {"WAITS FOR", 0},
               {"NEXT", 2},
               {"ALLOWED LESS, SINCE", 2, false, 16, 60}});
  for (auto const& p : paths)
    table.add({{p.source.empty() ? "(none)" : p.source},
               {std::to_string(p.connections)},
               {std::to_string(p.max_connections)},
               {limit_text(p.rate)},
               {p.blocked_by ? state_text(*p.blocked_by) : "",
                p.blocked_by ? Style::Warning : Style::Plain},
               {p.not_before ? "in " + to_text(p.not_before->in) : ""},
               {p.why_less.empty() ? p.reason : p.why_less}});
  return table;
}

void show(Sheet& sheet, control::SiteStatus const& s) {
  sheet.title("site " + s.site, s.state);
  sheet.line("trouble", s.trouble);
  sheet.line("what to do", s.cure);
  sheet.line("waits for", waits_for(s));
  sheet.line("belongs by", s.why_this_site);
  sheet.line("domains", std::to_string(s.domains));
  sheet.line("door", s.door);
  sheet.line("recipients", fmt::format("{} delivered, {} deferred, {} refused", s.delivered,
                                       s.deferred, s.refused));
  sheet.line("last minute", counts_text(s.recent));
  sheet.line("this hour", counts_text(s.this_hour));
  sheet.line("today", counts_text(s.today));
  sheet.line(
      "transactions",
      fmt::format("{} in flight, {} waiting of at most {}{}", s.in_flight, s.waiting, s.max_waiting,
                  s.waiting == 0 ? "" : ", the longest for " + to_text(s.longest_wait)));
  auto const& c = s.connections;
  sheet.line("connections",
             fmt::format(
                 "{} of at most {}: {} connecting, {} idle, {} busy, {} checking, {} closing",
                 c.open(), s.max_connections, c.connecting, c.idle, c.busy, c.checking, c.closing));
  if (s.guest_connections != 0)
    sheet.line("guests", counted(s.guest_connections, "connection", "connections") +
                             " of domains with mixed MX, counted here too");
  sheet.line("reuse",
             fmt::format("{}: {} opened, {} reused, at most {} messages each",
                         reuse_ratio(s.opened, s.reused), s.opened, s.reused, s.max_messages));
  sheet.line("rate", limit_text(s.rate));
  sheet.line("connect_rate", limit_text(s.connect_rate));
  if (auto const& a = s.allowed_now)
    sheet.line("allowed now",
               fmt::format("rate {}, {} connections, {} messages each: {}", limit_text(a->rate),
                           a->max_connections, a->max_messages, a->why));
  sheet.line("tls", s.tls);
  for (auto const& e : s.endpoints)
    if (!e.tls.empty())
      sheet.line("tls",
                 endpoint_text(e.host, e.address, e.port) + ": " + handshake_words(e, e.tls));
  if (s.tls_handshakes != 0)
    sheet.line("handshakes", fmt::format("{} of TLS, {} of them resumed a session",
                                         s.tls_handshakes, s.tls_resumed));
  sheet.line("last reply", s.last_reply);
  sheet.line("last error", s.last_error);
  sheet.line("refusals", shares_text(s.replies));
  sheet.line("closed", closes_text(s.closes));
  sheet.table(endpoint_table(s.endpoints));
  if (!s.paths.empty()) sheet.table(path_table(s.paths));
  if (!s.warm_ups.empty()) sheet.table(warm_up_table(s.warm_ups));
}

void show(Sheet& sheet, control::DomainStatus const& d) {
  sheet.title("domain " + d.domain, d.state);
  if (d.blocked_by)
    sheet.line("waits for", state_text(*d.blocked_by) +
                                (d.not_before ? ", next " + moment_text(*d.not_before) : "") +
                                (d.reason.empty() ? "" : ": " + d.reason));
  if (!d.blocked_by) sheet.line("answered", d.reason);
  sheet.line("site", d.site.empty() ? "not known yet: its MX has not been asked for" : d.site);
  sheet.line("door", d.door);
  sheet.line("recipients", fmt::format("{} delivered, {} deferred, {} refused", d.delivered,
                                       d.deferred, d.refused));
  sheet.line("transactions", fmt::format("{} in flight, {} waiting", d.in_flight, d.waiting));
  if (d.max_connections) sheet.line("max_connections", std::to_string(*d.max_connections));
  sheet.line("rate", d.rate);
  if (d.route_expires) sheet.line("MX asked again", moment_text(*d.route_expires));
}

Table domain_table(std::vector<control::DomainStatus> const& domains) {
  Table table({{"DOMAIN", 0, false, 16, 60},
               {"SITE", 2, false, 10, 40},
               {"STATE", 0},
               {"WAIT", 0, true},
               {"IN FLIGHT", 3, true},
               {"DELIVERED", 1, true},
               {"DEFERRED", 3, true},
               {"REFUSED", 3, true}});
  for (auto const& d : domains)
    table.add({{d.domain},
               {d.site},
               {state_text(d.state), style_of_state(d.state)},
               {std::to_string(d.waiting)},
               {std::to_string(d.in_flight)},
               {std::to_string(d.delivered)},
               {std::to_string(d.deferred)},
               {std::to_string(d.refused)}});
  return table;
}

}  // namespace

std::string view(control::NameStatus const& status, Screen const& screen) {
  Sheet sheet(screen);
  if (status.kind == "door")
    sheet.line("door", fmt::format("{}: {} behind it", status.name,
                                   counted(status.domains_known, "domain", "domains")));
  bool const is_domain = status.kind == "domain";
  if (is_domain)
    for (auto const& domain : status.domains) show(sheet, domain);
  for (auto const& s : status.suspensions)
    sheet.line("suspended", fmt::format("{}{} until {}, since {} by {}: {}", held_text(s),
                                        s.is_all ? "all mail" : s.name, clock_text(s.until),
                                        clock_text({{}, s.since}), s.by, s.reason));
  for (auto const& site : status.sites) show(sheet, site);
  if (!is_domain) {
    sheet.table(domain_table(status.domains));
    if (status.domains_known > status.domains.size())
      sheet.line("and", counted(status.domains_known - status.domains.size(), "domain more",
                                "domains more"));
  }
  return sheet.take();
}

}  // namespace mailpool::poolctl
