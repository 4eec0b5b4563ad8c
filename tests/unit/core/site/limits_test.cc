#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <vector>

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

// As an adaptive site does it: an exact rate, a lower one with a burst for a while, and the first
// one again.
BOOST_AUTO_TEST_CASE(
    what_was_taken_under_a_lowered_rate_counts_in_the_window_of_the_one_given_back) {
  for (auto const exact : {Rate{50, 1s, 0}, Rate{300, 1min, 0}, Rate{5000, 1h, 0}}) {
    Rate const lowered{exact.count * 9 / 10, exact.per, 1};
    RateLimit limit(exact);
    std::vector<TimePoint> passed;
    auto now = start;
    auto const pass_until = [&](TimePoint end) {
      while (true) {
        auto const next = limit.earliest(now);
        if (next >= end) break;
        now = next;
        limit.take(now);
        passed.push_back(now);
      }
      now = end;
    };
    for (int i = 1; i <= 3; ++i) {
      pass_until(now + exact.per * 5 / 2);
      limit.reconfigure(lowered, now);
      pass_until(now + exact.per * 7 / 3);
      limit.reconfigure(exact, now);
    }
    pass_until(now + 2 * exact.per);
    for (std::size_t i = exact.count; i < passed.size(); ++i)
      BOOST_REQUIRE((passed[i] - passed[i - exact.count] >= exact.per));
    BOOST_TEST(passed.size() > 12 * exact.count);
  }
}

BOOST_AUTO_TEST_CASE(what_was_taken_too_early_is_waited_for_later) {
  RateLimit limit(per_second(1, 1));
  limit.take(start);
  limit.take(start);
  BOOST_TEST((limit.earliest(start) == start + 2s));
}

// What N/unit promises, asked of everything that passed: in no window of the unit more than N.
std::size_t most_in_a_window(std::vector<TimePoint> const& passed, Duration unit) {
  std::size_t most = 0;
  for (std::size_t from = 0, to = 0; to < passed.size(); ++to) {
    while (passed[to] - passed[from] >= unit) ++from;
    most = std::max(most, to - from + 1);
  }
  return most;
}

struct Kept {
  std::uint64_t count;
  Duration unit;
};

BOOST_AUTO_TEST_CASE(in_no_window_of_the_unit_more_than_the_rate_passes_and_all_of_it_is_used) {
  for (auto const [count, unit] : {Kept{1, 1s}, Kept{7, 1s}, Kept{50, 1s}, Kept{5000, 1s},
                                   Kept{600, 1min}, Kept{5000, 1h}, Kept{100'000, 24h}}) {
    for (auto const pause : {Duration::zero(), Duration(unit / 3)}) {
      RateLimit limit(Rate{count, unit, 0});
      std::vector<TimePoint> passed;
      auto now = start;
      std::uint64_t n = 0;
      while (now < start + 4 * unit) {
        // In bunches, and now and then after a pause.
        now = limit.earliest(now);
        limit.take(now);
        passed.push_back(now);
        if (++n % (count / 2 + 1) == 0) now += pause;
        now += unit / 100'000;
      }
      BOOST_TEST(most_in_a_window(passed, unit) <= count, count);
      if (pause == Duration::zero()) BOOST_TEST(passed.size() >= count * 4 * 98 / 100, count);
    }
  }
}

BOOST_AUTO_TEST_CASE(
    messages_that_are_late_by_a_hundredth_of_the_unit_break_no_rate_where_they_arrive) {
  for (auto const& [count, unit, late] : {std::tuple{10U, Duration(1s), Duration(10ms)},
                                          std::tuple{20U, Duration(1min), Duration(500ms)},
                                          std::tuple{500U, Duration(1h), Duration(500ms)}}) {
    RateLimit limit(Rate{count, unit, 0});
    std::vector<TimePoint> arrived;
    auto now = start;
    for (unsigned n = 0; n < 5 * count; ++n) {
      now = limit.earliest(now);
      limit.take(now);
      // The last of a window takes longest, the first of the next arrives at once.
      arrived.push_back(now + (n % count == count - 1 || n % 3 == 0 ? late : Duration::zero()));
    }
    std::sort(arrived.begin(), arrived.end());
    BOOST_TEST(most_in_a_window(arrived, unit) <= count, count);
  }
}

BOOST_AUTO_TEST_CASE(a_rate_without_a_burst_lets_all_of_it_pass_at_once) {
  RateLimit limit(Rate{10, 24h, 0});
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST((limit.earliest(start) == start));
    limit.take(start);
  }
  BOOST_TEST(limit.room(start).value() == 0U);
  BOOST_TEST((limit.earliest(start) > start + 24h));
  BOOST_TEST((limit.earliest(start) < start + 24h + 1s));
}

BOOST_AUTO_TEST_CASE(more_than_the_rate_together_wait_until_nothing_is_owed_and_are_paid_for) {
  RateLimit limit(Rate{10, 1min, 0});
  BOOST_TEST((limit.earliest(start, 25) == start));
  limit.take(start, 25);
  BOOST_TEST((limit.earliest(start) > start + 2min));
  BOOST_TEST((limit.earliest(start, 25) > start + 3min));
}

BOOST_AUTO_TEST_CASE(what_was_used_counts_under_a_new_rate_as_so_many_units) {
  for (auto const& before : {Rate{10, 24h, 0}, Rate{10, 24h, 10}})
    for (auto const& raised : {Rate{100, 1s, 0}, Rate{100, 1s, 100}, Rate{100, 24h, 0},
                               Rate{100, 24h, 100}, Rate{0, 1s, 0}}) {
      RateLimit limit(before);
      for (int i = 0; i < 10; ++i) limit.take(start);
      BOOST_TEST((limit.earliest(start) > start));
      limit.reconfigure(raised, start);
      BOOST_TEST((limit.earliest(start) == start));
      limit.reconfigure(before, start);
      BOOST_TEST((limit.earliest(start) > start), "it is as used as it was");
      limit.forget();
      BOOST_TEST((limit.earliest(start) == start));
    }
}

BOOST_AUTO_TEST_CASE(a_lowered_rate_knows_what_was_used) {
  RateLimit limit(Rate{60, 1min, 0});
  limit.take(start);
  limit.reconfigure(Rate{1, 1min, 0}, start);
  BOOST_TEST((limit.earliest(start) > start + 1min));
  BOOST_TEST((limit.earliest(start) < start + 1min + 1s));
}

BOOST_AUTO_TEST_CASE(a_pause_is_as_long_as_the_rate_of_now_says) {
  RateLimit limit(Rate{2, 1h, 0});
  limit.pause(start);
  BOOST_TEST((limit.earliest(start) == start + 30min));
  limit.reconfigure(Rate{100, 1s, 0}, start + 3s);
  BOOST_TEST((limit.earliest(start + 3s) == start + 3s));
}

BOOST_AUTO_TEST_CASE(what_was_used_of_an_hour_or_a_day_is_written_down_and_read_again) {
  WallTime const wall = WallTime{} + 1000h;
  for (auto const& rate : {Rate{10, 24h, 0}, Rate{10, 24h, 10}, Rate{5000, 1h, 0}}) {
    RateLimit limit(rate);
    for (std::uint64_t i = 0; i < rate.count; ++i) limit.take(start + static_cast<int>(i) * 1ms);
    auto const now = start + 10s;
    auto const value = limit.to_value(wall, now);
    RateLimit after(rate);
    BOOST_TEST(after.restore(value, wall + 1min, now));
    auto const again = after.earliest(now);
    auto const expected = limit.earliest(now) - 1min;
    BOOST_TEST((again >= expected - 1s));
    BOOST_TEST((again <= expected + rate.per / 100));
    for (auto const* nonsense :
         {"", "window", "bucket", "window\tx\t1", "bucket\t1\t-1", "other\t1\t2"})
      BOOST_TEST(!RateLimit(rate).restore(nonsense, wall, now), nonsense);
  }
  RateLimit rested(Rate{10, 1h, 0});
  BOOST_TEST(rested.to_value(wall, start) == "");
  BOOST_TEST(RateLimit(Rate{10, 1min, 0}).is_kept());
  BOOST_TEST(!RateLimit(Rate{10, 1s, 0}).is_kept());
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
