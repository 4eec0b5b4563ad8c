// What a site keeps over a restart, as records: suspensions and counts of the hour and the day.
#include <boost/test/unit_test.hpp>

#include "core/site/period_counts.h"
#include "core/site/suspension_record.h"
#include "core/state/record.h"
#include "fakes/memory_store.h"

namespace mailpool::site {
namespace {

using namespace std::chrono_literals;
using state::Kind;

TimePoint const now{500s};
WallTime const noon{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 12h};

struct Kept {
  fakes::MemoryStore store;
  std::string key = suspension_key("site", "google");

  state::Record after_restart(Suspension suspension) {
    keep(suspension, key, store, noon, now);
    return *store.find(Kind::Suspension, key);
  }
};

BOOST_AUTO_TEST_CASE(a_suspension_comes_back_with_its_end_reason_author_and_beginning) {
  Kept kept;
  auto const record = kept.after_restart({now + 2h, "they\tasked\nus to", "uid 0", {}});
  auto const later = suspension_of(record, noon + 30min, TimePoint{7s});
  BOOST_TEST_REQUIRE(later.has_value());
  BOOST_CHECK(later->until == TimePoint{7s} + 90min);
  BOOST_TEST(later->reason == "they\tasked\nus to");
  BOOST_TEST(later->by == "uid 0");
  BOOST_CHECK(later->since == noon);
}

BOOST_AUTO_TEST_CASE(one_until_further_notice_stays_so) {
  Kept kept;
  auto const record = kept.after_restart({never, "why", "uid 0", {}});
  BOOST_CHECK(suspension_of(record, noon + 24h * 400, now)->until == never);
}

BOOST_AUTO_TEST_CASE(one_that_ended_meanwhile_is_over) {
  Kept kept;
  auto const record = kept.after_restart({now + 2h, "why", "uid 0", {}});
  BOOST_TEST(suspension_of(record, noon + 2h - 1ms, now).has_value());
  BOOST_TEST(!suspension_of(record, noon + 2h, now).has_value());
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_back_does_not_make_it_longer) {
  Kept kept;
  auto const record = kept.after_restart({now + 2h, "why", "uid 0", {}});
  BOOST_CHECK(suspension_of(record, WallTime{}, now)->until == now + 2h);
}

BOOST_AUTO_TEST_CASE(when_the_clock_was_set_the_beginning_stays_and_the_end_follows) {
  Kept kept;
  Suspension suspension{now + 2h, "why", "uid 0", {}};
  keep(suspension, kept.key, kept.store, noon, now);
  keep(suspension, kept.key, kept.store, noon + 24h, now + 1h);
  auto const again = suspension_of(*kept.store.find(Kind::Suspension, kept.key), noon + 24h, now);
  BOOST_CHECK(again->until == now + 1h);
  BOOST_CHECK(again->since == noon);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_a_suspension_is_not_read_as_one) {
  for (auto const* value :
       {"", "soon\tuid 0\twhy", "0\tuid 0", "0\tuid 0\twhy\tmore", "99999999999999\tuid 0\twhy"})
    BOOST_TEST(!suspension_of({"k", value, noon + 1h}, noon, now).has_value(), value);
  for (auto const* key : {"", "site", "site\t", "planet\tmars", "site\ta\tb"})
    BOOST_TEST(suspended_by_key(key).name == "", key);
  BOOST_TEST(suspended_by_key(suspension_key("domain", "a.example")).name == "a.example");
}

BOOST_AUTO_TEST_CASE(a_key_tells_whose_mail_of_a_site_is_held) {
  auto const held = suspended_by_key(suspension_key("site", "google", "source west"));
  BOOST_TEST(held.what == "site");
  BOOST_TEST(held.name == "google");
  BOOST_TEST(held.scope == "source west");
  BOOST_TEST(suspended_by_key(suspension_key("site", "google")).scope == "");
  BOOST_TEST(suspended_by_key(suspension_key("tenant", "shop", "source west")).what == "");
  BOOST_TEST(suspended_by_key(suspension_key("site", "google", "host mx1")).what == "");
  BOOST_TEST(suspended_by_key(suspension_key("site", "google", "source ")).what == "");
}

BOOST_AUTO_TEST_CASE(counts_are_of_the_hour_and_of_the_day) {
  PeriodCounts counts;
  counts.add(OutcomeKind::Delivered, noon);
  counts.add(OutcomeKind::Delivered, noon + 59min);
  counts.add(OutcomeKind::Refused, noon + 60min);
  BOOST_TEST(counts.hour(noon + 61min).delivered == 0U);
  BOOST_TEST(counts.hour(noon + 61min).refused == 1U);
  BOOST_TEST(counts.day(noon + 61min).delivered == 2U);
  BOOST_TEST(counts.day(noon + 12h - 1s).refused == 1U);
  BOOST_TEST(counts.day(noon + 12h).refused == 0U);
  BOOST_CHECK(counts.expires() == noon + 12h);
}

BOOST_AUTO_TEST_CASE(counts_come_back_and_nonsense_does_not) {
  PeriodCounts counts;
  for (int i = 0; i < 3; ++i) counts.add(OutcomeKind::Deferred, noon);
  auto const again = PeriodCounts::from_value(counts.to_value());
  BOOST_TEST_REQUIRE(again.has_value());
  BOOST_TEST(again->hour(noon).deferred == 3U);
  BOOST_TEST(again->day(noon).deferred == 3U);
  BOOST_TEST(again->to_value() == counts.to_value());
  for (auto const* value : {"", "1\t2\t3", "a\t0\t0\t0\t0\t0\t0\t0", "-1\t0\t0\t0\t0\t0\t0\t0",
                            "9999999999\t0\t0\t0\t0\t0\t0\t0", "1\t0\t0\t0\t99999999\t0\t0\t0",
                            "1\t0\t0\t0\t1\t0\t0\t0\t0"})
    BOOST_TEST(!PeriodCounts::from_value(value).has_value(), value);
}

}  // namespace
}  // namespace mailpool::site
