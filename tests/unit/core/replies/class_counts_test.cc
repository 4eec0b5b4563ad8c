// Shares of the last hour, by class.

#include <boost/test/unit_test.hpp>

#include "core/replies/class_counts.h"

using namespace mailpool;
using namespace mailpool::replies;
using std::chrono::minutes;

namespace {
constexpr TimePoint start{std::chrono::hours(100)};
}

BOOST_AUTO_TEST_SUITE(class_counts)

BOOST_AUTO_TEST_CASE(the_most_frequent_of_the_last_hour_is_first) {
  ClassCounts counts;
  counts.add(ReplyClass::Greylisted, start);
  counts.add(ReplyClass::RateLimited, start);
  counts.add(ReplyClass::RateLimited, start + minutes(10));
  auto const all = counts.counts(start + minutes(20));
  BOOST_REQUIRE(all.size() == 2U);
  BOOST_TEST(name_of(all[0].which) == "rate_limited");
  BOOST_TEST(all[0].last_hour == 2U);
  BOOST_TEST(all[1].last_hour == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_older_than_an_hour_counts_in_the_total_alone) {
  ClassCounts counts;
  for (int i = 0; i < 12; ++i) counts.add(ReplyClass::ContentSpam, start + minutes(5) * i);
  BOOST_TEST(counts.counts(start + minutes(55))[0].last_hour == 12U);
  BOOST_TEST(counts.counts(start + minutes(60))[0].last_hour == 11U);
  BOOST_TEST(counts.counts(start + minutes(600))[0].last_hour == 0U);
  counts.add(ReplyClass::ContentSpam, start + minutes(600));
  auto const all = counts.counts(start + minutes(600));
  BOOST_TEST(all[0].last_hour == 1U);
  BOOST_TEST(all[0].total == 13U);
}

BOOST_AUTO_TEST_SUITE_END()
