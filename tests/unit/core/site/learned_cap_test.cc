// How many messages a server takes on one connection, found out from where it ends them.

#include <boost/test/unit_test.hpp>

#include "core/site/learned_cap.h"

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

namespace {
constexpr TimePoint start{100h};

// Connections one after the other, each opened when the one before had ended.
struct OneByOne : LearnedCap {
  bool ends(std::uint32_t messages) {
    auto const opened = now;
    now += 1s;
    return ended_after(messages, opened, now);
  }
  TimePoint now = start;
};
}  // namespace

BOOST_AUTO_TEST_SUITE(learned_cap)

BOOST_AUTO_TEST_CASE(three_connections_that_end_after_the_same_number_make_a_cap_and_two_do_not) {
  OneByOne cap;
  BOOST_TEST(!cap.ends(20));
  BOOST_TEST(!cap.ends(20));
  BOOST_TEST(!cap.most(cap.now).has_value());
  BOOST_TEST(cap.ends(20));
  BOOST_TEST(cap.most(cap.now).value() == 20U);
  BOOST_TEST(!cap.ends(20));  // known already
}

BOOST_AUTO_TEST_CASE(different_numbers_make_none) {
  OneByOne cap;
  for (std::uint32_t n : {20U, 20U, 19U, 20U, 20U, 7U}) BOOST_TEST(!cap.ends(n));
  BOOST_TEST(!cap.most(cap.now).has_value());
}

BOOST_AUTO_TEST_CASE(a_connection_that_carries_more_disproves_what_was_suspected) {
  OneByOne cap;
  cap.ends(1);
  cap.ends(1);
  BOOST_TEST(!cap.carried(2));
  BOOST_TEST(!cap.ends(1));
  BOOST_TEST(!cap.most(cap.now).has_value());
}

BOOST_AUTO_TEST_CASE(a_connection_that_carries_as_many_disproves_nothing) {
  OneByOne cap;
  cap.ends(20);
  cap.ends(20);
  cap.carried(20);
  BOOST_TEST(cap.ends(20));
}

BOOST_AUTO_TEST_CASE(a_cap_is_forgotten_after_its_time_and_when_it_is_disproved) {
  OneByOne cap;
  for (int i = 0; i < 3; ++i) cap.ends(20);
  BOOST_TEST(cap.most(cap.now + LearnedCap::tried_every - 1ns).has_value());
  BOOST_TEST(!cap.most(cap.now + LearnedCap::remembered_for).has_value());
  BOOST_TEST(cap.carried(21));
  BOOST_TEST(!cap.most(cap.now).has_value());
}

BOOST_AUTO_TEST_CASE(connections_that_were_open_together_and_end_together_are_one_event) {
  LearnedCap cap;
  for (int i = 0; i < 10; ++i) BOOST_TEST(!cap.ended_after(1, start, start + 1s + i * 100ms));
  BOOST_TEST(!cap.most(start + 2s).has_value());
  // A cap that is there shows with those that come after.
  BOOST_TEST(!cap.ended_after(1, start + 3s, start + 4s));
  BOOST_TEST(cap.ended_after(1, start + 5s, start + 6s));
}

BOOST_AUTO_TEST_CASE(a_cap_is_tried_now_and_then_and_one_more_end_confirms_it) {
  OneByOne cap;
  for (int i = 0; i < 3; ++i) cap.ends(20);
  cap.now += LearnedCap::tried_every;
  BOOST_TEST(!cap.most(cap.now).has_value());
  BOOST_TEST(cap.ends(20));
  BOOST_TEST(cap.most(cap.now).value() == 20U);
}

BOOST_AUTO_TEST_CASE(a_new_cap_takes_the_place_of_the_old_one) {
  OneByOne cap;
  for (int i = 0; i < 3; ++i) cap.ends(20);
  for (int i = 0; i < 2; ++i) BOOST_TEST(!cap.ends(10));
  BOOST_TEST(cap.ends(10));
  BOOST_TEST(cap.most(cap.now).value() == 10U);
}

BOOST_AUTO_TEST_CASE(an_end_is_expected_where_one_like_it_was_seen) {
  OneByOne cap;
  BOOST_TEST(!cap.is_expected(20));
  BOOST_TEST(!cap.is_expected(0));
  cap.ends(20);
  BOOST_TEST(cap.is_expected(20));
  BOOST_TEST(!cap.is_expected(19));
}

BOOST_AUTO_TEST_CASE(a_connection_that_ended_before_its_first_message_teaches_nothing) {
  OneByOne cap;
  for (int i = 0; i < 9; ++i) BOOST_TEST(!cap.ends(0));
}

BOOST_AUTO_TEST_SUITE_END()
