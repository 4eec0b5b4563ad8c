// What is counted outlives whom it was counted for.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;

BOOST_AUTO_TEST_SUITE(totals)

BOOST_AUTO_TEST_CASE(a_user_who_is_forgotten_is_still_counted) {
  ImapWorld world(ImapWorld::settings());
  for (int i = 0; i < 2; ++i) {
    auto anna = world.log_in("anna", "a-secret");
    world.say(anna, "z LOGOUT\r\n");
  }
  world.log_in("anna", "guess");
  world.advance(2h);
  world.log_in("bert", "b-secret");
  BOOST_TEST(world.user("anna") == nullptr);
  auto const& totals = world.profile->totals();
  BOOST_TEST(totals.created == 2U);
  BOOST_TEST(totals.reused == 1U);
  BOOST_TEST(totals.logins_refused == 1U);
  BOOST_TEST(totals.discarded[static_cast<std::size_t>(Discard::IdleTimeout)] == 1U);
}

BOOST_AUTO_TEST_CASE(names_that_nobody_ever_logged_in_as_take_a_bounded_place) {
  ImapWorld world(ImapWorld::settings());
  auto anna = world.log_in("anna", "a-secret");
  for (int i = 0; i < 3000; ++i) {
    auto guess = world.log_in("nobody" + std::to_string(i), "guess");
    world.say(guess, "z LOGOUT\r\n");
    world.advance(10ms);
  }
  world.advance(2s);
  auto again = world.log_in("anna", "a-secret");
  BOOST_TEST(world.profile->users().size() <= 1200U);
  BOOST_TEST(world.profile->totals().logins_refused == 3000U);
}

BOOST_AUTO_TEST_CASE(sums_add_up_by_reason) {
  Totals sum;
  Totals one{1, 2, 3, {}};
  one.discarded[static_cast<std::size_t>(Discard::Bye)] = 4;
  sum.add(one);
  sum.add(one);
  BOOST_TEST(sum.created == 2U);
  BOOST_TEST(sum.reused == 4U);
  BOOST_TEST(sum.logins_refused == 6U);
  BOOST_TEST(sum.discarded[static_cast<std::size_t>(Discard::Bye)] == 8U);
}

BOOST_AUTO_TEST_SUITE_END()
