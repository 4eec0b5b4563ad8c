#include <boost/test/unit_test.hpp>

#include "core/site/concurrency_limit.h"
#include "core/site/endpoint_health.h"
#include "core/site/rate_limit.h"

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

namespace {
TimePoint const start{1000s};
Rate per_second(std::uint64_t n, std::uint64_t burst) {
  return {n, 1s, burst};
}
EndpointName const mx{"mx.example.com", *IpAddress::parse("192.0.2.1"), 25};
Outcome refused() {
  return Outcome::local(451, {4, 4, 1}, "Connection refused");
}
}  // namespace

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(without_a_rate_everything_passes) {
  RateLimit limit;
  for (int i = 0; i < 1000; ++i) {
    BOOST_TEST((limit.earliest(start) == start));
    limit.take(start);
  }
}

BOOST_AUTO_TEST_CASE(a_burst_passes_at_once_and_is_then_paid_back) {
  RateLimit limit(per_second(10, 3));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST((limit.earliest(start) == start), i);
    limit.take(start);
  }
  BOOST_TEST((limit.earliest(start) == start + 100ms));
  limit.take(start + 100ms);
  BOOST_TEST((limit.earliest(start + 100ms) == start + 200ms));
}

BOOST_AUTO_TEST_CASE(over_any_hour_the_rate_is_never_exceeded) {
  RateLimit limit(per_second(7, 1));
  auto now = start;
  int passed = 0;
  while (now < start + 1h) {
    now = limit.earliest(now);
    limit.take(now);
    ++passed;
  }
  BOOST_TEST(passed <= 7 * 3600 + 1);
  BOOST_TEST(passed >= 7 * 3600 - 1);
}

BOOST_AUTO_TEST_CASE(what_was_taken_too_early_is_waited_for_later) {
  RateLimit limit(per_second(1, 1));
  limit.take(start);
  limit.take(start);
  BOOST_TEST((limit.earliest(start) == start + 2s));
}

BOOST_AUTO_TEST_CASE(a_new_rate_does_not_forget_what_was_used) {
  RateLimit limit({60, 1min, 1});
  limit.take(start);
  limit.reconfigure({1, 1min, 1});
  BOOST_TEST((limit.earliest(start) == start + 1s));
  limit.take(start + 1s);
  BOOST_TEST((limit.earliest(start + 1s) == start + 61s));
}

BOOST_AUTO_TEST_CASE(a_pause_lets_nothing_pass_for_one_interval) {
  RateLimit limit({10, 1s, 5});
  limit.pause(start);
  BOOST_TEST((limit.earliest(start) == start + 100ms));
  limit.take(start + 100ms);
  limit.pause(start);  // never shortens a wait
  BOOST_TEST((limit.earliest(start) == start + 200ms));
}

BOOST_AUTO_TEST_CASE(a_permit_is_given_back_when_it_is_dropped_and_only_once) {
  ConcurrencyLimit limit(2);
  {
    auto a = limit.take();
    auto b = limit.take();
    BOOST_TEST(!limit.has_room());
    auto c = std::move(a);
    BOOST_TEST(limit.in_use() == 2U);
    c.give_back();
    c.give_back();
    BOOST_TEST(limit.in_use() == 1U);
    c = std::move(b);
    BOOST_TEST(limit.in_use() == 1U);
  }
  BOOST_TEST(limit.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(a_lowered_limit_takes_nothing_away_and_lets_nobody_in) {
  ConcurrencyLimit limit(2);
  auto a = limit.take();
  auto b = limit.take();
  limit.reconfigure(1);
  a.give_back();
  BOOST_TEST(!limit.has_room());
  b.give_back();
  BOOST_TEST(limit.has_room());
}

BOOST_AUTO_TEST_CASE(an_endpoint_backs_off_twice_as_long_after_each_failure_up_to_a_limit) {
  EndpointHealth health;
  auto now = start;
  Duration expected = first_back_off;
  for (int i = 0; i < 12; ++i) {
    health.failed(mx, refused(), now);
    BOOST_TEST(health.is_backing_off(mx, now + expected - 1ns), i);
    BOOST_TEST(!health.is_backing_off(mx, now + expected), i);
    now += expected;
    expected = std::min<Duration>(expected * 2, longest_back_off);
  }
}

BOOST_AUTO_TEST_CASE(connections_that_fail_together_count_as_one_failure) {
  EndpointHealth health;
  for (int i = 0; i < 10; ++i) health.failed(mx, refused(), start);
  BOOST_TEST(!health.is_backing_off(mx, start + first_back_off));
}

BOOST_AUTO_TEST_CASE(a_success_forgets_the_failures) {
  EndpointHealth health;
  health.failed(mx, refused(), start);
  health.succeeded(mx);
  BOOST_TEST(!health.is_backing_off(mx, start));
  BOOST_TEST(!health.find(mx)->last_failure.has_value());
}

BOOST_AUTO_TEST_CASE(records_stay_bounded) {
  EndpointHealth health;
  for (std::uint16_t port = 1; port < 2000; ++port)
    health.failed({"mx", *IpAddress::parse("192.0.2.1"), port}, refused(), start);
  BOOST_TEST(health.records().size() <= 256U);
}

BOOST_AUTO_TEST_SUITE_END()
