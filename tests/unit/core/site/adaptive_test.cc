// What a site is given while its servers ask for less, in simulated time.

#include <boost/test/unit_test.hpp>

#include <deque>

#include "core/site/adaptive.h"
#include "core/site/rate_limit.h"

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{100h};
constexpr auto throttle = "421 4.7.28 slow down";

Ceiling ten_a_second() {
  return {{10, 1s, 10}, 20, true};
}

// A site that always has mail, in front of a provider that allows so much a second; replies come at
// once.
struct Provider {
  explicit Provider(Ceiling ceiling) : adaptive(ceiling), ours(ceiling.rate) {}

  // Sends for `d`; the provider takes `allowance` a second, evenly spaced, and refuses what is
  // more.
  void run(Duration d, double allowance) {
    auto const spacing = Duration(static_cast<Duration::rep>(1e9 / allowance));
    auto const end = now + d;
    while (true) {
      ours.reconfigure(adaptive.rate(), now);
      auto const next = ours.earliest(now);
      if (next >= end) break;
      now = next;
      ours.take(now);
      adaptive.started(now);
      ++sent;
      if (now + 1ms < allowed_from) {
        ++refused;
        adaptive.throttled(now, throttle, now + 1ms);
        ours.reconfigure(adaptive.rate(), now);
        ours.pause(now + 1ms);
      } else {
        allowed_from = now + spacing;
        adaptive.delivered(now, now + 1ms);
      }
    }
    now = end;
  }

  TimePoint now = start;
  TimePoint allowed_from{};
  Adaptive adaptive;
  RateLimit ours;
  std::size_t sent = 0;
  std::size_t refused = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(adaptive)

BOOST_AUTO_TEST_CASE(without_a_throttling_reply_the_ceiling_is_allowed) {
  Adaptive a(ten_a_second());
  a.started(start);
  BOOST_TEST(!a.delivered(start, start + 1s));
  BOOST_TEST(a.rate().to_string() == "10/s, burst 10");
  BOOST_TEST(a.connections() == 20U);
  BOOST_TEST(!a.is_lowered());
}

BOOST_AUTO_TEST_CASE(a_throttling_reply_halves_rate_and_connections_and_says_why) {
  Adaptive a(ten_a_second());
  BOOST_TEST(a.throttled(start, throttle, start + 1s));
  BOOST_TEST(a.rate().to_string() == "300/min, burst 1");
  BOOST_TEST(a.rate().burst == 1U);
  BOOST_TEST(a.connections() == 10U);
  BOOST_TEST(a.why() == throttle);
  BOOST_TEST((a.lowered_at() == start + 1s));
}

BOOST_AUTO_TEST_CASE(the_rest_of_the_flight_changes_nothing_and_the_next_flight_does) {
  Adaptive a(ten_a_second());
  BOOST_TEST(a.throttled(start, throttle, start + 1s));
  BOOST_TEST(!a.throttled(start + 1s, throttle, start + 2s));
  BOOST_TEST(a.level() == 0.5);
  BOOST_TEST(a.throttled(start + 1001ms, throttle, start + 3s));
  BOOST_TEST(a.level() == Adaptive::lowest_level);
}

BOOST_AUTO_TEST_CASE(it_never_goes_below_the_lowest_level_nor_below_one_connection) {
  Adaptive a({{10, 1s, 10}, 3, true});
  auto now = start;
  for (int i = 0; i < 50; ++i) a.throttled(now, throttle, now += 1s);
  BOOST_TEST(a.level() == Adaptive::lowest_level);
  BOOST_TEST(a.connections() == 1U);
  BOOST_TEST(a.rate().is_limited());
}

BOOST_AUTO_TEST_CASE(nothing_is_raised_while_it_is_quiet_nor_without_a_delivery) {
  Adaptive a(ten_a_second());
  a.throttled(start, throttle, start);
  auto const quiet = start + Adaptive::quiet_for;
  BOOST_TEST(!a.delivered(start + 1ms, quiet - 1ns));
  BOOST_TEST(a.level() == 0.5);
  BOOST_TEST(a.delivered(start + 1ms, quiet));
  BOOST_TEST(a.level() == 0.625);
  BOOST_TEST(!a.delivered(start + 1ms, quiet + Adaptive::step_every - 1ns));
  BOOST_TEST(a.delivered(start + 1ms, quiet + Adaptive::step_every));
}

BOOST_AUTO_TEST_CASE(what_began_before_the_cut_and_is_delivered_after_it_raises_nothing) {
  Adaptive a(ten_a_second());
  a.throttled(start, throttle, start + 1s);
  BOOST_TEST(!a.delivered(start + 1s, start + 1h));
  BOOST_TEST(a.delivered(start + 1001ms, start + 1h));
}

BOOST_AUTO_TEST_CASE(steps_end_at_the_ceiling_and_never_above) {
  Adaptive a(ten_a_second());
  a.throttled(start, throttle, start);
  a.throttled(start + 1ms, throttle, start + 1ms);
  auto now = start + 1h;
  int steps = 0;
  while (a.is_lowered()) {
    BOOST_TEST(a.delivered(now, now));
    BOOST_TEST(a.connections() <= 20U);
    now += Adaptive::step_every;
    ++steps;
  }
  BOOST_TEST(steps == 13);
  BOOST_TEST(a.rate().to_string() == "10/s, burst 10");
  BOOST_TEST(a.why().empty());
}

BOOST_AUTO_TEST_CASE(without_a_configured_rate_half_is_half_of_the_last_minutes_throughput) {
  Adaptive a({{}, 10, true});
  for (int i = 0; i < 1200; ++i) a.started(start + 100ms * i);
  auto const now = start + 120s;
  BOOST_TEST(a.throttled(now, throttle, now));
  BOOST_TEST(a.rate().to_string() == "300/min, burst 1");
  BOOST_TEST(a.connections() == 5U);
}

BOOST_AUTO_TEST_CASE(a_throughput_of_a_few_seconds_is_not_taken_for_that_of_a_minute) {
  Adaptive a({{}, 10, true});
  for (int i = 0; i < 100; ++i) a.started(start + 100ms * i);
  a.throttled(start + 10s, throttle, start + 10s);
  BOOST_TEST(a.rate().to_string() == "300/min, burst 1");
}

BOOST_AUTO_TEST_CASE(a_hardly_used_site_is_not_slowed_down_to_nothing) {
  Adaptive a({{}, 10, true});
  a.started(start);
  a.throttled(start + 50s, throttle, start + 50s);
  a.throttled(start + 51s, throttle, start + 51s);
  BOOST_TEST(a.rate().to_string() == "60/h, burst 1");
}

BOOST_AUTO_TEST_CASE(with_adaptive_off_nothing_happens_and_turning_it_off_forgets) {
  auto off = ten_a_second();
  off.is_adaptive = false;
  Adaptive a(off);
  BOOST_TEST(!a.throttled(start, throttle, start));
  BOOST_TEST(!a.is_lowered());
  Adaptive b(ten_a_second());
  b.throttled(start, throttle, start);
  b.reconfigure(off);
  BOOST_TEST(b.rate().to_string() == "10/s, burst 10");
}

BOOST_AUTO_TEST_CASE(a_new_ceiling_keeps_the_level) {
  Adaptive a(ten_a_second());
  a.throttled(start, throttle, start);
  a.reconfigure({{100, 1s, 100}, 40, true});
  BOOST_TEST(a.rate().to_string() == "50/s, burst 5");
  BOOST_TEST(a.connections() == 20U);
}

BOOST_AUTO_TEST_CASE(what_is_remembered_goes_on_where_it_was) {
  Adaptive a(ten_a_second());
  a.throttled(start, throttle, start);
  Adaptive b(ten_a_second());
  b.restore(a.memory(), start + 10s);
  BOOST_TEST(b.level() == 0.5);
  BOOST_TEST(b.why() == throttle);
  BOOST_TEST(!b.delivered(start + 11s, start + 59s));
  BOOST_TEST(b.delivered(start + 11s, start + 60s));
}

BOOST_AUTO_TEST_CASE(a_memory_that_cannot_be_is_put_right_or_left) {
  Adaptive a({{}, 10, true});
  a.restore({-3, 1e30, false, start + 5h, never, "x"}, start);
  BOOST_TEST(a.level() == Adaptive::lowest_level);
  BOOST_TEST((a.next_step() <= start + Adaptive::quiet_for));
  BOOST_TEST((a.lowered_at() <= start));
  BOOST_TEST(a.rate().to_string() == "60/h, burst 1");
  Adaptive b(ten_a_second());
  b.restore({7, 0, false, {}, {}, "x"}, start);
  BOOST_TEST(!b.is_lowered());
}

// The figure of the product: a provider that allows 10/s cuts to a tenth in minutes 3 to 4.
BOOST_AUTO_TEST_CASE(a_cut_to_a_tenth_costs_two_flights_and_is_over_three_minutes_after_it_ended) {
  Provider p({{10, 1s, 1}, 20, true});
  p.run(2min, 10.5);
  BOOST_TEST(p.refused == 0U);
  p.run(1min, 1);
  auto const in_the_cut = p.refused;
  BOOST_TEST(in_the_cut <= 2U);
  BOOST_TEST(p.adaptive.rate().to_string() == "37/min, burst 1");
  p.run(3min, 10.5);
  BOOST_TEST(p.adaptive.level() >= 0.9);
  p.run(4min, 10.5);
  BOOST_TEST(static_cast<double>(p.refused) < 0.02 * static_cast<double>(p.sent));
  BOOST_TEST(p.refused == in_the_cut);
}

// The cut comes at any moment, and may end just after a further throttling reply.
BOOST_AUTO_TEST_CASE(even_if_the_last_refusal_comes_at_the_end_of_the_cut_the_ceiling_is_reached) {
  Provider p({{10, 1s, 1}, 20, true});
  p.run(1min, 10.5);
  p.run(1s, 1);
  p.adaptive.throttled(p.now, throttle, p.now);
  p.run(3min, 10.5);
  BOOST_TEST(p.adaptive.level() >= 0.9);
}

BOOST_AUTO_TEST_SUITE_END()
