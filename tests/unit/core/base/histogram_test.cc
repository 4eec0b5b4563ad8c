#include "core/base/histogram.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(histogram)

BOOST_AUTO_TEST_CASE(each_is_counted_in_the_range_that_it_is_within) {
  Histogram times;
  for (Duration const took : {Duration(0), Duration(1ms), Duration(1001us), Duration(300s)})
    times.add(took);
  BOOST_TEST(times.at_most(0) == 2U, "an end belongs to its range");
  BOOST_TEST(times.at_most(1) == 3U);
  BOOST_TEST(times.at_most(Histogram::bounds.size() - 2) == 3U);
  BOOST_TEST(times.at_most(Histogram::bounds.size() - 1) == 4U);
  times.add(301s);
  BOOST_TEST(times.at_most(Histogram::bounds.size() - 1) == 4U);
  BOOST_TEST(times.count() == 5U);
  BOOST_TEST((times.sum() == 601s + 2001us));
}

BOOST_AUTO_TEST_CASE(less_than_nothing_is_nothing) {
  Histogram times;
  times.add(-1s);
  BOOST_TEST(times.at_most(0) == 1U);
  BOOST_TEST((times.sum() == 0s));
}

BOOST_AUTO_TEST_SUITE_END()
