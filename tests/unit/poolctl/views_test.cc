#include "poolctl/views.h"

#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>

#include "core/base/text.h"
#include "unit/poolctl/golden.h"
#include "unit/poolctl/samples.h"

using namespace mailpool;
using namespace mailpool::poolctl;
using namespace mailpool::tests;
using namespace std::chrono_literals;

namespace {

struct Utc {
  Utc() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

Screen wide(std::size_t width) {
  return Screen{width, false, false};
}

void check_fits(std::string const& shown, std::size_t width) {
  for (auto line : split(shown, '\n')) {
    BOOST_TEST(columns_of(line) <= width, line);
    BOOST_TEST((line.empty() || line.back() != ' '), line);
  }
}

template <class T>
void check_at_all_widths(std::string const& name, T const& what) {
  for (std::size_t width : {40U, 80U, 120U, 200U}) {
    auto const shown = view(what, wide(width));
    check_fits(shown, width);
    if (width != 40) check_golden(name + "_" + std::to_string(width), shown);
  }
}

}  // namespace

BOOST_TEST_GLOBAL_FIXTURE(Utc);

BOOST_AUTO_TEST_SUITE(poolctl_views)

BOOST_AUTO_TEST_CASE(status_fits_the_screen_and_shows_more_on_a_wider_one) {
  check_at_all_widths("status", busy_manager());
}

BOOST_AUTO_TEST_CASE(connections_fit_the_screen) {
  check_at_all_widths("connections", sample_connections());
}

BOOST_AUTO_TEST_CASE(the_man_page_says_what_each_column_of_a_connection_is) {
  auto rows = sample_connections();
  rows[0].login = "relay";
  rows[0].source = "west";
  auto const shown = view(rows, wide(1000));
  std::ifstream file(MAILPOOL_SOURCE_DIR "/tools/poolctl/poolctl.1");
  std::string const page{std::istreambuf_iterator<char>(file), {}};
  auto const from = page.find(".SS connections\n");
  auto const section = page.substr(from, page.find(".SH", from) - from);
  std::vector<std::string> const plain{"SITE", "ENDPOINT", "AGE", "LAST REPLY", "ID"};
  std::size_t columns = 0;
  for (auto rest = std::string_view(shown).substr(0, shown.find('\n')); !rest.empty(); ++columns) {
    auto const end = std::min(rest.find("  "), rest.size());
    auto const name = std::string(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.find_first_not_of(' ', end), rest.size()));
    if (std::find(plain.begin(), plain.end(), name) == plain.end())
      BOOST_TEST(section.find(".B " + name + "\n") != std::string::npos, name);
  }
  BOOST_TEST(columns == 18U);
}

BOOST_AUTO_TEST_CASE(an_explanation_fits_the_screen) {
  check_at_all_widths("explain", limited_way());
}

BOOST_AUTO_TEST_CASE(a_name_in_full_fits_the_screen) {
  control::NameStatus name;
  name.name = "google";
  name.kind = "site";
  auto const status = busy_manager();
  name.sites = {status.sites[1]};
  name.sites[0].why_this_site = "mx matches .google.com";
  name.sites[0].closes = {{"idle_timeout", 3}, {"max_messages", 41}};
  name.sites[0].endpoints = limited_way().targets;
  name.sites[0].endpoints[0].tls = name.sites[0].endpoints[0].tls_now;
  name.sites[0].tls_handshakes = 79;
  name.sites[0].tls_resumed = 60;
  auto& domain = name.domains.emplace_back();
  domain.domain = "customer.example.com";
  domain.site = "google";
  domain.delivered = 77;
  name.domains_known = 212;
  check_at_all_widths("site", name);
}

BOOST_AUTO_TEST_CASE(findings_come_with_what_mends_them) {
  using control::Finding;
  std::vector<Finding> const findings{
      {Finding::Level::Good, "manager", "mailpoold answers", ""},
      {Finding::Level::Warning, "dns", "the name server strips DNSSEC: validation is off",
       "set [dns] servers to one that validates"},
      {Finding::Level::Mistake, "configuration",
       "/etc/mailpool/mailpool.toml:12: unknown key \"max_conections\"; did you mean "
       "\"max_connections\"?",
       "edit /etc/mailpool/mailpool.toml, then poolctl reload"}};
  check_at_all_widths("check", findings);
  BOOST_TEST(view(std::vector<Finding>{findings[0]}, wide(80)).find("all is well") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_first_sentence_says_how_it_goes) {
  auto status = busy_manager();
  BOOST_TEST(
      headline(status) ==
      "mail flows: 120 delivered, 2 deferred in the last minute; 31 waiting; 1 site suspended, 1 "
      "backing off, 1 limited, 1 domain suspended");
  status.recent.delivered = 0;
  BOOST_TEST(headline(status).find("MAIL STANDS STILL: 0 delivered, 2 deferred") == 0U);
  status.state = "draining";
  BOOST_TEST(headline(status).find("draining: no new mail is taken, 9 in flight") == 0U);
  status.state = "starting";
  BOOST_TEST(headline(status).find("starting") == 0U);
  control::ManagerStatus quiet;
  quiet.state = "running";
  BOOST_TEST(headline(quiet) == "idle: no mail in the last minute");
  quiet.totals.in_flight = 2;
  BOOST_TEST(headline(quiet) == "mail flows: 2 in flight");
  quiet.recent.refused = 1;
  BOOST_TEST(headline(quiet) == "0 delivered, 1 refused in the last minute");
}

BOOST_AUTO_TEST_CASE(a_site_that_delivers_nothing_comes_first_with_the_reason_and_what_to_do) {
  auto status = busy_manager();
  auto dead = sample_site("mx.dead.example", 0);
  dead.state = "failing";
  dead.deferred = 14;
  dead.refused = 2;
  dead.trouble =
      "nothing delivered since 2026-11-21 10:00:00 UTC, 16 recipients failed in a row: x";
  dead.cure = "its hosts do not answer: see the firewall";
  dead.last_error = "connection timed out";
  status.sites.push_back(dead);
  auto const shown = view(status, wide(80));
  check_fits(shown, 80);
  auto const at = [&](std::string_view words) { return shown.find(words); };
  BOOST_TEST(headline(status).find("1 site failing") != std::string::npos);
  BOOST_TEST(at("failing      mx.dead.example: nothing delivered since") < at("SITE "));
  BOOST_TEST(at("what to do   its hosts do not answer") < at("SITE "));
  BOOST_TEST(at("\nmx.dead.exam") < at("\nmicrosoft"));
  // At 80 columns too one sees how mail ends.
  for (auto const* title : {"DELIVERED", "DEFERRED", "REFUSED"})
    BOOST_TEST(at(title) != std::string::npos, title);
  control::NameStatus named;
  named.kind = "site";
  named.sites = {dead};
  auto const full = view(named, wide(120));
  BOOST_TEST(full.find("trouble") != std::string::npos);
  BOOST_TEST(full.find("see the firewall") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(mail_left_for_dead_sites_alone_is_no_standstill) {
  control::ManagerStatus status;
  status.state = "running";
  status.recent.deferred = 3;
  auto well = sample_site("google", 100);
  auto dead = sample_site("mx.dead.example", 0);
  dead.state = "failing";
  dead.recent.deferred = 3;
  status.sites = {well, dead};
  status.sites_known = 2;
  BOOST_TEST(headline(status).find("what is left is for sites in trouble: 0 delivered") == 0U);
  status.sites[0].recent.deferred = 1;  // one that delivers otherwise
  BOOST_TEST(headline(status).find("MAIL STANDS STILL") == 0U);
  status.sites = {dead};  // nobody delivers
  BOOST_TEST(headline(status).find("MAIL STANDS STILL") == 0U);
}

BOOST_AUTO_TEST_CASE(all_mail_suspended_is_the_first_thing_said) {
  auto status = busy_manager();
  status.suspensions.insert(status.suspensions.begin(), {"", false, in(1h), "a bad list", "root"});
  status.suspensions.front().is_all = true;
  BOOST_TEST(headline(status).find("ALL MAIL IS SUSPENDED until 13:00:00 by root: a bad list") ==
             0U);
  BOOST_TEST(view(status, wide(200)).find("notice       site  is") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_domain_without_a_route_has_a_row_and_is_counted) {
  auto status = busy_manager();
  control::DomainStatus lost;
  lost.domain = "d09.example";
  lost.state = "no_route";
  lost.deferred = 4;
  lost.reason = "451 4.4.3 d09.example: no answer";
  status.unrouted = {lost};
  status.unrouted_known = 3;
  auto const shown = view(status, wide(120));
  BOOST_TEST(shown.find("d09.example") != std::string::npos);
  BOOST_TEST(shown.find("no route") != std::string::npos);
  BOOST_TEST(headline(status).find("3 domains without a route") != std::string::npos);
  BOOST_TEST(shown.find("2 domains more without a route") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_watched_fits_24_rows_of_80_columns) {
  auto status = busy_manager();
  for (int i = 0; i < 40; ++i) {
    status.sites.push_back(sample_site("mx" + std::to_string(i) + ".example", 5));
    control::DomainStatus lost;
    lost.domain = "d" + std::to_string(i) + ".example";
    lost.state = "no_route";
    status.unrouted.push_back(lost);
  }
  status.sites_known = status.sites.size();
  status.unrouted_known = status.unrouted.size();
  auto screen = wide(80);
  screen.height = 24;
  auto const shown = view(status, screen);
  check_fits(shown, 80);
  BOOST_TEST(std::count(shown.begin(), shown.end(), '\n') < 24);
  BOOST_TEST(shown.find("microsoft") != std::string::npos);  // the most urgent stays
  BOOST_TEST(shown.find("less urgent") != std::string::npos);
  screen.height = 0;
  BOOST_TEST(view(status, screen).find("mx39.example") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_needs_an_operator_is_a_notice_and_nothing_else_is) {
  control::ManagerStatus status;
  status.state = "running";
  status.dns_validation = "on";
  BOOST_TEST(view(status, wide(80)).find("notice") == std::string::npos);
  auto shows = [&](std::string_view words) {
    return view(status, wide(400)).find(words) != std::string::npos;
  };
  status.dns_validation = "off: the name server strips DNSSEC";
  BOOST_TEST(shows("notice       DNSSEC validation: off"));
  status.dnssec_expected = false;
  BOOST_TEST(!shows("notice       DNSSEC"));
  status.dnssec_expected = true;
  status.bodies_refused = 2;
  status.bodies_problem = "large messages cannot be kept on disk: No space left on device";
  BOOST_TEST(shows("notice       2 messages were answered 452: large messages"));
  status.configuration.mistakes = {"x"};
  BOOST_TEST(shows("the configuration was not reloaded: 1 mistake;"));
  status.lmtp_connections = status.lmtp_max_connections = 5;
  BOOST_TEST(shows("[lmtp] max_connections (5) is reached"));
  status.ambiguous = 1;
  BOOST_TEST(shows("1 recipient ended without a reply"));
  status.events = {{"file", "/var/log/a.jsonl", "No space left on device", 9, 2}};
  BOOST_TEST(shows("events are not told to /var/log/a.jsonl ([events] file): No space left"));
  BOOST_TEST(shows("2 events were dropped: /var/log/a.jsonl did not take them in time"));
  status.log_dropped = 3;
  BOOST_TEST(shows("3 log lines were dropped"));
  status.lmtp_peers_refused = 1;
  BOOST_TEST(shows("1 connection refused: users not among [lmtp] allow_users"));
}

BOOST_AUTO_TEST_CASE(colour_says_nothing_that_words_do_not) {
  auto const plain = view(busy_manager(), wide(80));
  BOOST_TEST(plain.find('\x1b') == std::string::npos);
  auto coloured = view(busy_manager(), Screen{80, true, true});
  BOOST_TEST(coloured.find("\x1b[31m") != std::string::npos);
  for (auto at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b'))
    coloured.erase(at, coloured.find('m', at) - at + 1);
  BOOST_TEST(coloured == plain);
}

BOOST_AUTO_TEST_CASE(a_way_that_does_not_exist_is_said_first) {
  control::Explanation way;
  way.address = "x@nowhere.example.com";
  way.domain = "nowhere.example.com";
  way.no_route = "556 5.1.10 the domain takes no mail (null MX)";
  BOOST_TEST(view(way, wide(80)).find("x@nowhere.example.com no way there: 556 5.1.10") == 0U);
}

BOOST_AUTO_TEST_CASE(a_reload_shows_every_mistake_and_what_stays) {
  control::ReloadReport report;
  report.mistakes = {"a.toml:1: x", "a.toml:2: y"};
  BOOST_TEST(view(report, wide(80)) ==
             "a.toml:1: x\na.toml:2: y\n2 mistakes: nothing was applied, the settings before stay "
             "in force\n");
  report = {true, {}, {"[lmtp] listen"}, {}};
  auto const shown = view(report, wide(80));
  BOOST_TEST(shown.find("[lmtp] listen has changed and takes effect at a restart") == 0U);
  BOOST_TEST(shown.find("applies\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(imap_keeps_state_wait_and_error_at_eighty_columns_with_long_users) {
  control::ImapStatus status;
  control::ImapProfileStatus profile;
  profile.profile = "a-profile-with-a-long-name";
  profile.state = "open";
  status.profiles.push_back(profile);
  for (int i = 0; i < 3; ++i) {
    control::ImapUserStatus user;
    user.profile = profile.profile;
    user.user = "somebody-with-quite-a-long-name-" + std::to_string(i) + "@subsidiary.example.com";
    user.state = "backing_off";
    user.active = 8;
    user.waiting = 12;
    user.idle = 3;
    user.resetting = 2;
    user.login = 1;
    user.created = 123456;
    user.reused = 9876543;
    user.longest_wait = 9s + 500ms;
    user.discarded = {{"idle_timeout", 4711}, {"max_lifetime", 42}};
    user.last_error = "[UNAVAILABLE] Temporary authentication failure. [imap:2026-11-21 07:00:00]";
    status.users.push_back(user);
  }
  for (std::size_t width : {80U, 120U, 200U}) {
    auto const shown = view(status, wide(width));
    check_fits(shown, width);
    for (auto const* title : {"USER", "STATE", "WAIT", "WAITED", "LAST ERROR"})
      BOOST_TEST(shown.find(title) != std::string::npos, title);
    BOOST_TEST(shown.find("somebody") != std::string::npos);
    BOOST_TEST(shown.find("back") != std::string::npos);
    BOOST_TEST(shown.find(to_text(9s + 500ms)) != std::string::npos);
    BOOST_TEST(shown.find("[UNAVAILABLE]") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_connection_of_imap_has_the_id_that_kill_wants_at_eighty_columns) {
  control::ImapConnectionStatus connection;
  connection.profile = "a-profile-with-a-long-name";
  connection.user = "somebody-with-quite-a-long-name@subsidiary.example.com";
  connection.server = "imap.example.com:993";
  connection.address = "2001:db8::1234:5678";
  connection.state = "active";
  connection.in_state = 1h;
  connection.age = 2h;
  connection.uses = 123456;
  connection.pid = 4194304;
  connection.doing = "waiting for the answers to a client that left";
  connection.id = 98765432;
  for (std::size_t width : {80U, 120U, 200U}) {
    auto const shown = view(std::vector{connection}, wide(width));
    check_fits(shown, width);
    BOOST_TEST(shown.find("98765432") != std::string::npos, shown);
    BOOST_TEST(shown.find("4194304") != std::string::npos, shown);
    BOOST_TEST(shown.find("somebody") != std::string::npos, shown);
  }
}

BOOST_AUTO_TEST_SUITE_END()
