// How many messages a server takes on one connection, found out from where it ends them.

#include <boost/test/unit_test.hpp>

#include "core/site/learned_cap.h"

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

namespace {
constexpr TimePoint start{100h};
}

BOOST_AUTO_TEST_SUITE(learned_cap)

BOOST_AUTO_TEST_CASE(three_connections_that_end_after_the_same_number_make_a_cap_and_two_do_not) {
  LearnedCap cap;
  BOOST_TEST(!cap.ended_after(20, start));
  BOOST_TEST(!cap.ended_after(20, start));
  BOOST_TEST(!cap.most(start).has_value());
  BOOST_TEST(cap.ended_after(20, start));
  BOOST_TEST(cap.most(start).value() == 20U);
  BOOST_TEST(!cap.ended_after(20, start));  // known already
}

BOOST_AUTO_TEST_CASE(different_numbers_make_none) {
  LearnedCap cap;
  for (std::uint32_t n : {20U, 20U, 19U, 20U, 20U, 7U}) BOOST_TEST(!cap.ended_after(n, start));
  BOOST_TEST(!cap.most(start).has_value());
}

BOOST_AUTO_TEST_CASE(a_connection_that_carries_more_disproves_what_was_suspected) {
  LearnedCap cap;
  cap.ended_after(1, start);
  cap.ended_after(1, start);
  BOOST_TEST(!cap.carried(2));
  BOOST_TEST(!cap.ended_after(1, start));
  BOOST_TEST(!cap.most(start).has_value());
}

BOOST_AUTO_TEST_CASE(a_connection_that_carries_as_many_disproves_nothing) {
  LearnedCap cap;
  cap.ended_after(20, start);
  cap.ended_after(20, start);
  cap.carried(20);
  BOOST_TEST(cap.ended_after(20, start));
}

BOOST_AUTO_TEST_CASE(a_cap_is_forgotten_after_its_time_and_when_it_is_disproved) {
  LearnedCap cap;
  for (int i = 0; i < 3; ++i) cap.ended_after(20, start);
  BOOST_TEST(cap.most(start + LearnedCap::remembered_for - 1ns).has_value());
  BOOST_TEST(!cap.most(start + LearnedCap::remembered_for).has_value());
  BOOST_TEST(cap.carried(21));
  BOOST_TEST(!cap.most(start).has_value());
}

BOOST_AUTO_TEST_CASE(a_new_cap_takes_the_place_of_the_old_one) {
  LearnedCap cap;
  for (int i = 0; i < 3; ++i) cap.ended_after(20, start);
  for (int i = 0; i < 2; ++i) BOOST_TEST(!cap.ended_after(10, start));
  BOOST_TEST(cap.ended_after(10, start));
  BOOST_TEST(cap.most(start).value() == 10U);
}

BOOST_AUTO_TEST_CASE(an_end_is_expected_where_one_like_it_was_seen) {
  LearnedCap cap;
  BOOST_TEST(!cap.is_expected(20));
  BOOST_TEST(!cap.is_expected(0));
  cap.ended_after(20, start);
  BOOST_TEST(cap.is_expected(20));
  BOOST_TEST(!cap.is_expected(19));
}

BOOST_AUTO_TEST_CASE(a_connection_that_ended_before_its_first_message_teaches_nothing) {
  LearnedCap cap;
  for (int i = 0; i < 9; ++i) BOOST_TEST(!cap.ended_after(0, start));
}

BOOST_AUTO_TEST_SUITE_END()
