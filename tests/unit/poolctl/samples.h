#pragma once
// Made-up answers of a manager in various moods.

#include <string>
#include <vector>

#include "core/control/snapshot.h"

namespace mailpool::tests {

inline control::Moment in(Duration span) {
  auto const noon =
      WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)) + std::chrono::hours(12);
  return {span, noon + span};
}

inline control::SiteStatus sample_site(std::string name, std::uint64_t delivered) {
  control::SiteStatus site;
  site.site = std::move(name);
  site.delivered = delivered;
  site.max_connections = 10;
  site.max_waiting = 200;
  site.max_messages = 100;
  site.domains = 1;
  site.opened = delivered / 50 + 1;
  site.reused = delivered - delivered / 50;
  site.connections.idle = 2;
  site.last_reply = "250 2.0.0 OK: queued";
  return site;
}

inline control::ManagerStatus busy_manager() {
  using namespace std::chrono_literals;
  control::ManagerStatus status;
  status.version = "0.1.0";
  status.state = "running";
  status.uptime = 3h + 12min;
  status.totals = {4210, 4300, 12, 3, 9, 31, 61, 4190, 17, 58, 40};
  status.recent = {118, 120, 2, 0};
  status.connections = {0, 8, 9, 0, 0};
  status.lmtp_connections = 14;
  status.lmtp_max_connections = 500;
  status.bodies = 1258291;
  status.memory_limit = 512U << 20U;
  status.dns_validation = "on";
  status.sites.push_back(sample_site("mx.small-company.example.org", 41));
  auto google = sample_site("google", 3900);
  google.state = "limited";
  google.domains = 212;
  google.connections = {0, 0, 5, 0, 0};
  google.max_connections = 5;
  google.in_flight = 5;
  google.waiting = 30;
  google.longest_wait = 2300ms;
  google.deferred = 4;
  google.rate = "100/s";
  google.blocked_by = "rate";
  google.not_before = in(2s);
  status.sites.push_back(google);
  auto slow = sample_site("broken.example.net", 0);
  slow.state = "backing_off";
  slow.connections = {};
  slow.blocked_by = "backing_off";
  slow.not_before = in(42s);
  slow.deferred = 8;
  slow.waiting = 1;
  slow.longest_wait = 12s;
  slow.reason = "connection refused by mx.broken.example.net[192.0.2.7]:25";
  slow.last_reply = "";
  status.sites.push_back(slow);
  auto held = sample_site("microsoft", 359);
  held.state = "suspended";
  held.connections = {};
  held.blocked_by = "suspended";
  held.not_before = in(1h + 58min);
  held.reason = "they asked us to wait";
  held.refused = 3;
  status.sites.push_back(held);
  status.sites_known = 6;
  status.domains_known = 230;
  status.suspensions = {{"microsoft", false, in(1h + 58min), "they asked us to wait", "uid 0"},
                        {"list.example.com", true, in(30h), "list bombing", "uid 0"}};
  status.suspensions_known = 14;
  status.admission = {1200, 17, 3};
  status.warm_ups = {{"new", "google", 6, 4, 14, 1000, 412, 400, 9, 2,
                      "step 4 of 14 is held: 90 of 640 answers put it off on 2026-11-20 "
                      "(warm_up_hold_above 10 %)"},
                     {"new", "mx.small-company.example.org", 6, 6, 14, 5000, 41, 41, 0, 0, ""}};
  status.warm_ups_known = 5;
  return status;
}

inline control::Explanation limited_way() {
  using namespace std::chrono_literals;
  control::Explanation way;
  way.address = "someone@customer.example.com";
  way.domain = "customer.example.com";
  way.door = "google";
  way.site = "google";
  way.site_state = "limited";
  way.why_this_site = "mx matches .google.com";
  way.hosts = {"aspmx.l.google.com", "alt1.aspmx.l.google.com"};
  auto& first = way.targets.emplace_back();
  first.host = "aspmx.l.google.com";
  first.address = "192.0.2.26";
  first.connections.busy = 5;
  first.tls = "verify: tls = \"verify\"";
  first.tls_now = "TLSv1.3 TLS_AES_256_GCM_SHA384 verified by its certificate";
  first.tls_resumed = true;
  first.certificate_days = 84;
  auto& second = way.targets.emplace_back();
  second.host = "alt1.aspmx.l.google.com";
  second.address = "2001:db8::1a";
  second.state = "backing_off";
  second.not_before = in(30s);
  second.last_error = "connection timed out";
  way.limits = {{"site google", "max_connections", "5", "5", true, {}},
                {"site google", "rate", "100/s", "0 left", true, in(2s)},
                {"domain customer.example.com", "rate", "none", "-", false, {}}};
  way.blocked_by = "rate";
  way.not_before = in(2s);
  return way;
}

inline std::vector<control::ConnectionStatus> sample_connections() {
  using namespace std::chrono_literals;
  std::vector<control::ConnectionStatus> rows(2);
  rows[0] = {7,
             "google",
             "aspmx.l.google.com",
             "192.0.2.26",
             25,
             "",
             "busy",
             61s,
             120ms,
             41,
             50,
             "TLSv1.3 TLS_AES_256_GCM_SHA384 verified by its certificate",
             "TLSv1.3",
             "TLS_AES_256_GCM_SHA384",
             "verified by its certificate",
             true,
             "verify",
             84,
             "",
             "waiting for the reply to end of data",
             "customer.example.com",
             "354 go ahead"};
  rows[1] = {
      9,   "lab",         "127.0.0.1", "127.0.0.1", 2525, "",    "idle", 12s,          10s, 1,
      100, "none",        "",          "",          "",   false, "may",  std::nullopt, "",  "",
      "",  "250 2.0.0 OK"};
  return rows;
}

}  // namespace mailpool::tests
