#include "core/base/recent_count.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(recent_count)

BOOST_AUTO_TEST_CASE(what_was_counted_is_seen_for_fifty_seconds_and_gone_after_sixty) {
  TimePoint const start{1000s};
  RecentCount count;
  count.add(3, start);
  count.add(2, start + 20s);
  BOOST_TEST(count.count(start + 49s) == 5U);
  BOOST_TEST(count.count(start + 61s) == 2U);
  BOOST_TEST(count.count(start + 81s) == 0U);
  BOOST_TEST(count.count(start + 1h) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
