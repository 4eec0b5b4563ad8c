// A server that takes no login now, whatever the password is.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

namespace {

bool has_heard(ImapWorld::Program const& program, std::string_view words) {
  return program.line->heard.find(words) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(put_off)

BOOST_AUTO_TEST_CASE(a_server_that_has_connections_enough_takes_none_away) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 2;
  auto first = world.log_in("anna", "a-secret");
  auto second = world.log_in("anna", "a-secret");
  world.say(second, "z LOGOUT\r\n");
  second = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(second));
  auto third = world.log_in("anna", "a-secret");
  BOOST_TEST(!has_heard(third, "a NO"));
  world.say(first, "z LOGOUT\r\n");
  BOOST_TEST(ImapWorld::is_in(third));
  BOOST_TEST(world.discarded("anna", Discard::CredChanged) == 0U);
  BOOST_TEST(world.user("anna")->logins_refused == 0U);
  BOOST_TEST(world.server().logins == 2U);
}

BOOST_AUTO_TEST_CASE(the_next_login_is_tried_after_a_while_that_grows) {
  auto settings = ImapWorld::settings();
  settings.checkout_timeout = 1min;
  ImapWorld world(settings);
  world.server().most_logins = 1;
  auto first = world.log_in("anna", "a-secret");
  auto second = world.log_in("anna", "a-secret");
  auto const tried = [&] { return world.server().put_off; };
  BOOST_TEST(tried() == 1U);
  world.advance(1s - 1ms);
  BOOST_TEST(tried() == 1U);
  world.advance(2ms);
  BOOST_TEST(tried() == 2U);
  world.advance(2s - 3ms);
  BOOST_TEST(tried() == 2U);
  world.advance(4ms);
  BOOST_TEST(tried() == 3U);
  world.server().most_logins = 2;
  world.advance(5s);
  BOOST_TEST(ImapWorld::is_in(second));
}

BOOST_AUTO_TEST_CASE(who_waits_in_vain_is_told_the_servers_words) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 1;
  auto first = world.log_in("anna", "a-secret");
  auto second = world.log_in("anna", "a-secret");
  world.advance(world.profile->settings().checkout_timeout + 1ms);
  BOOST_TEST(has_heard(second, "a NO [UNAVAILABLE] No connection within 10s"));
  BOOST_TEST(has_heard(second, "[LIMIT] That is enough"));
}

BOOST_AUTO_TEST_CASE(where_nothing_can_come_back_the_words_are_passed_on_and_not_remembered) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 0;
  auto first = world.log_in("anna", "a-secret");
  BOOST_TEST(has_heard(first, "a NO [LIMIT] That is enough"));
  world.server().most_logins = 1;
  auto second = world.log_in("anna", "a-secret");
  world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(second));
}

BOOST_AUTO_TEST_CASE(one_users_limit_is_no_fault_of_the_server) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 0;
  world.log_in("anna", "a-secret");
  world.server().most_logins = 1000;
  auto bert = world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(bert));
}

BOOST_AUTO_TEST_SUITE_END()
