// What `poolctl check` and `poolctl status` say of the IMAP pools.

#include "core/control/imap_findings.h"

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"

using namespace mailpool;
using namespace mailpool::control;
using namespace std::chrono_literals;

namespace {

WallTime const noon = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)) + 12h;

ImapStatus with(ImapProfileStatus profile) {
  profile.profile = "bounces";
  if (profile.state.empty()) profile.state = "open";
  profile.max_connections = 100;
  profile.max_clients = 1000;
  ImapStatus status;
  status.profiles.push_back(std::move(profile));
  return status;
}

Finding only(ImapStatus const& status) {
  auto const findings = imap_findings(status, noon);
  BOOST_REQUIRE(findings.size() == 1);
  return findings.front();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(findings_of_imap)

BOOST_AUTO_TEST_CASE(a_profile_that_is_well_has_one_good_finding) {
  auto const found = only(with({}));
  BOOST_TEST((found.level == Finding::Level::Good));
  BOOST_TEST(contains(found.text, "[imap.bounces]: 0 of 100 connections"));
}

BOOST_AUTO_TEST_CASE(servers_that_are_down_are_named_with_what_they_said) {
  ImapProfileStatus profile;
  profile.servers = {{"a.example:993", "backing_off", "Connection refused", {}}};
  auto const all = only(with(profile));
  BOOST_TEST((all.level == Finding::Level::Mistake));
  BOOST_TEST(contains(all.text, "a.example:993 is down: Connection refused"));
  profile.servers.push_back({"b.example:993", "open", "", {}});
  BOOST_TEST((only(with(profile)).level == Finding::Level::Warning));
}

BOOST_AUTO_TEST_CASE(a_profile_without_room_names_the_option) {
  ImapProfileStatus profile;
  profile.connections = 100;
  BOOST_TEST((only(with(profile)).level == Finding::Level::Good));
  profile.waiting = 3;
  BOOST_TEST(contains(only(with(profile)).text, "3 programs wait (max_connections)"));
  ImapProfileStatus crowded;
  crowded.clients = 1000;
  BOOST_TEST(contains(only(with(crowded)).text, "(max_clients)"));
  ImapProfileStatus paused;
  paused.state = "paused";
  BOOST_TEST(contains(only(with(paused)).mend, "poolctl imap resume bounces"));
}

BOOST_AUTO_TEST_CASE(a_servers_certificate_is_told_in_its_last_two_weeks) {
  ImapProfileStatus profile;
  profile.servers = {{"a.example:993", "open", "", noon + server_certificate_ends_soon}};
  BOOST_TEST((only(with(profile)).level == Finding::Level::Good));
  profile.servers.front().certificate_until -= 1s;
  auto const soon = only(with(profile));
  BOOST_TEST((soon.level == Finding::Level::Warning));
  BOOST_TEST(contains(soon.text, "certificate of a.example:993 ends on 2026-12-05"));
  profile.servers.front().certificate_until = noon;
  BOOST_TEST((only(with(profile)).level == Finding::Level::Mistake));
}

BOOST_AUTO_TEST_CASE(programs_that_were_turned_away_are_told) {
  ImapStatus status;
  status.peers_refused = 7;
  BOOST_TEST(
      contains(only(status).text, "7 IMAP connections came from users not among allow_users"));
}

BOOST_AUTO_TEST_SUITE_END()
