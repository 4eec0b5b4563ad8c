// The greatest number seen within a window.

#include "core/site/recent_peak.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(recent_peak)

BOOST_AUTO_TEST_CASE(the_greatest_number_is_known_for_about_a_window) {
  TimePoint const start{100h};
  RecentPeak peak(30s);
  peak.note(7, start);
  peak.note(2, start + 1s);
  BOOST_TEST(peak.most(start + 1s) == 7U);
  BOOST_TEST(peak.most(start + 29s) == 7U);
  peak.note(3, start + 29s);
  BOOST_TEST(peak.most(start + 30s) == 3U);
  BOOST_TEST(peak.most(start + 2min) == 0U);
}

BOOST_AUTO_TEST_CASE(it_says_when_it_may_become_less) {
  TimePoint const start{100h};
  RecentPeak const peak(30s);
  BOOST_TEST((peak.next_change(start) == start + 5s));
  BOOST_TEST((peak.next_change(start + 4999ms) == start + 5s));
}

BOOST_AUTO_TEST_CASE(a_window_of_nothing_is_no_division_by_zero) {
  RecentPeak peak(0s);
  peak.note(3, TimePoint(100h));
  BOOST_TEST(peak.most(TimePoint(100h)) == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
