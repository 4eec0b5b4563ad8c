// A drain: sessions may end in peace, for a while, and every server hears LOGOUT.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/contains.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;

namespace {

auto logouts(ImapWorld& world) {
  auto const& commands = world.server().commands;
  return std::count(commands.begin(), commands.end(), "LOGOUT");
}

void drain(ImapWorld& world) {
  world.profile->drain(Discard::Drain, world.now);
  world.turn();
}

void end_loans(ImapWorld& world) {
  world.profile->end_loans(world.now);
  world.turn();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(drain_of_a_profile)

BOOST_AUTO_TEST_CASE(idle_connections_say_logout_at_once_and_sessions_go_on_to_their_end) {
  ImapWorld world(ImapWorld::settings());
  auto idle = world.log_in("anna", "a-secret");
  auto busy = world.log_in("bert", "b-secret");
  world.say(idle, "z LOGOUT\r\n");
  drain(world);
  BOOST_TEST(logouts(world) == 1);
  BOOST_TEST(contains(world.say(busy, "b SELECT INBOX\r\n"), "b OK"));
  BOOST_TEST(contains(world.say(busy, "z LOGOUT\r\n"), "z OK"));
  BOOST_TEST(logouts(world) == 2);
  world.advance(1s);
  BOOST_TEST(world.profile->is_empty());
  BOOST_TEST(world.discarded("bert", Discard::Drain) == 1U);
}

BOOST_AUTO_TEST_CASE(nobody_is_logged_in_any_more_and_told_why) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 1;
  ImapWorld world(settings);
  auto holder = world.log_in("anna", "a-secret");
  auto waiter = world.log_in("anna", "a-secret");
  auto before_login = world.connect();
  drain(world);
  for (auto const* program : {&waiter, &before_login})
    BOOST_TEST(contains(program->line->heard, "* BYE [UNAVAILABLE] mailpool takes no more logins"));
  BOOST_TEST(contains(waiter.line->heard, "a NO [UNAVAILABLE]"));
  BOOST_TEST(!contains(holder.line->heard, "BYE"));
}

BOOST_AUTO_TEST_CASE(when_its_time_is_over_loans_end_with_bye_and_logout) {
  ImapWorld world(ImapWorld::settings());
  auto quiet = world.log_in("anna", "a-secret");
  auto in_a_command = world.log_in("bert", "b-secret");
  world.server().answers = false;
  world.say(in_a_command, "b SEARCH ALL\r\n");
  drain(world);
  BOOST_TEST(logouts(world) == 0);
  end_loans(world);
  BOOST_TEST(contains(quiet.line->heard, "* BYE [UNAVAILABLE] mailpool is draining"));
  BOOST_TEST(world.profile->clients() == 0U);
  world.server().answers = true;
  world.turn();
  BOOST_TEST(logouts(world) == 2);
  world.advance(2s);
  BOOST_TEST(world.profile->is_empty());
}

BOOST_AUTO_TEST_CASE(a_drain_that_is_taken_back_was_none) {
  ImapWorld world(ImapWorld::settings());
  drain(world);
  world.profile->undrain();
  auto program = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(program));
  world.say(program, "z LOGOUT\r\n");
  auto again = world.log_in("anna", "a-secret");
  BOOST_TEST(world.server().logins == 1U);
}

BOOST_AUTO_TEST_CASE(a_profile_that_goes_away_sends_its_programs_away_between_two_commands) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  world.profile->drain(Discard::Reload, world.now);
  world.turn();
  BOOST_TEST(contains(program.line->heard, "* BYE"));
  BOOST_TEST(world.discarded("anna", Discard::Reload) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
