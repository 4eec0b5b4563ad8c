// min_idle of an account: connections that are there before anybody asks.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

namespace {

ImapSettings with_account(std::uint32_t min_idle) {
  auto settings = ImapWorld::settings();
  settings.account.user = "anna";
  settings.min_idle = min_idle;
  settings.pool_size = 4;
  return settings;
}

void start(ImapWorld& world, std::string password = "a-secret") {
  world.profile->set_account_secret(Secret::from(std::move(password)));
  world.turn();
}

std::size_t idle(ImapWorld const& world) {
  auto const* anna = world.user("anna");
  return anna == nullptr ? 0 : anna->count(ConnectionState::Idle);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(warm)

BOOST_AUTO_TEST_CASE(the_first_client_of_an_account_finds_a_connection) {
  ImapWorld world(with_account(2));
  start(world);
  BOOST_TEST(idle(world) == 2U);
  auto const logins = world.server().logins;
  auto program = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(program));
  BOOST_TEST(world.server().logins == logins + 1);  // for the one that was lent
  BOOST_TEST(idle(world) == 2U);
}

BOOST_AUTO_TEST_CASE(what_ends_is_replaced_but_never_beyond_pool_size) {
  ImapWorld world(with_account(3));
  start(world);
  world.servers_hang_up();
  world.advance(1s);
  BOOST_TEST(idle(world) == 3U);
  std::vector<ImapWorld::Program> programs;
  for (int i = 0; i < 3; ++i) programs.push_back(world.log_in("anna", "a-secret"));
  world.advance(1s);
  BOOST_TEST(idle(world) == 1U);
  BOOST_TEST(world.server().most_open == 4U);
}

BOOST_AUTO_TEST_CASE(they_outlive_idle_timeout_and_are_renewed_at_max_lifetime) {
  ImapWorld world(with_account(2));
  start(world);
  world.advance(29min);
  BOOST_TEST(world.discarded("anna", Discard::IdleTimeout) == 0U);
  world.advance(5min);
  BOOST_TEST(world.discarded("anna", Discard::MaxLifetime) == 2U);
  BOOST_TEST(idle(world) == 2U);
}

BOOST_AUTO_TEST_CASE(a_password_that_is_refused_is_tried_once_and_not_for_nobody) {
  ImapWorld world(with_account(2));
  start(world, "wrong");
  world.advance(14min);
  BOOST_TEST(world.server().refused == 1U);
  start(world, "a-secret");  // the operator has mended the file
  BOOST_TEST(idle(world) == 2U);
}

BOOST_AUTO_TEST_CASE(a_guess_of_somebody_else_keeps_nothing_from_being_replaced) {
  ImapWorld world(with_account(1));
  start(world);
  world.log_in("anna", "guess");
  world.servers_hang_up();
  world.advance(1s);
  BOOST_TEST(idle(world) == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_away_is_asked_again_when_it_may_be_back) {
  ImapWorld world(with_account(1));
  world.server().accepts = false;
  start(world);
  world.advance(5s);
  BOOST_TEST(idle(world) == 0U);
  world.server().accepts = true;
  world.advance(16s);
  BOOST_TEST(idle(world) == 1U);
}

BOOST_AUTO_TEST_CASE(they_take_no_room_from_others) {
  auto settings = with_account(2);
  settings.max_connections = 1;
  ImapWorld world(settings);
  auto bert = world.log_in("bert", "b-secret");
  world.say(bert, "z LOGOUT\r\n");
  start(world);
  world.advance(1min);
  BOOST_TEST(idle(world) == 0U);
  BOOST_TEST(world.user("bert")->count(ConnectionState::Idle) == 1U);
}

BOOST_AUTO_TEST_CASE(without_an_account_there_is_nobody_to_log_in) {
  auto settings = ImapWorld::settings();
  settings.min_idle = 2;
  ImapWorld world(settings);
  world.advance(1min);
  BOOST_TEST(world.server().opened == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
