// A new source's plan at each site, day by day: it goes on after good days and waits after bad
// ones.

#include "core/site/warm_up.h"

#include <boost/test/unit_test.hpp>

#include "core/site/warm_up_record.h"
#include "fakes/memory_store.h"

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;
using News = WarmUpProgress::News;
using enum WarmUpAnswer;

namespace {

TimePoint const start{1000s};

std::chrono::sys_days day(int d) {
  return std::chrono::sys_days(std::chrono::year(2026) / 12 / d);
}

// Begins on the second with these numbers, and holds above 10 %.
struct Plan : WarmUpProgress {
  explicit Plan(std::vector<std::uint32_t> numbers = {20, 40, 80}, std::uint32_t hold_above = 10) {
    reconfigure({day(2), std::move(numbers)}, hold_above);
  }
  // So many of each on that day; what the first message of it brought.
  News send(int d, int taken, int put_off, std::string const& site = "a") {
    auto first = News::None;
    for (int i = 0; i < taken + put_off; ++i) {
      auto const news = sending(site, day(d));
      BOOST_REQUIRE(news.has_value());
      if (*news != News::None) BOOST_TEST(i == 0, "told once");
      if (i == 0) first = *news;
      BOOST_TEST((answered(site, i < taken ? Taken : PutOff, day(d)) == News::None));
    }
    return first;
  }
  [[nodiscard]] std::uint32_t allowed(int d, std::string const& site = "a") const {
    return most(site, day(d)).value_or(999);
  }
  // What a restart leaves, on that day.
  [[nodiscard]] Plan restarted(int d, std::vector<std::uint32_t> numbers = {20, 40, 80}) const {
    fakes::MemoryStore store;
    keep_warm_up(store, "west", "a", *this);
    store.restart(WallTime(day(d)));
    Plan after(std::move(numbers));
    for (auto const& record : store.take_loaded(state::Kind::WarmUp)) {
      auto const kept = warm_up_of(record);
      BOOST_REQUIRE(kept.has_value());
      after.restore(kept->site, kept->at_site, kept->start);
    }
    return after;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(warm_up)

BOOST_AUTO_TEST_CASE(it_counts_by_day_and_site_as_planned) {
  WarmUpProgress none;
  BOOST_TEST(!none.most(day(1)).has_value());
  BOOST_TEST(none.has_room("a", day(1)));
  BOOST_TEST(!none.sending("a", day(1)).has_value(), "without a plan nothing is counted");
  Plan plan({2, 0, 5});
  BOOST_TEST(!plan.has_room("a", day(1)), "it has not begun");
  BOOST_TEST(plan.sending("a", day(2)).has_value());
  BOOST_TEST(plan.has_room("a", day(2)));
  BOOST_TEST(plan.sending("a", day(2)).has_value());
  BOOST_TEST(!plan.has_room("a", day(2)));
  BOOST_TEST(plan.has_room("b", day(2)));
  BOOST_TEST(!plan.has_room("a", day(3)), "the plan says 0");
  BOOST_TEST(plan.sent("a", day(4)) == 0U);
  BOOST_TEST(plan.has_room("a", day(5)), "the plan is over");
  BOOST_TEST(!plan.sending("a", day(5)).has_value());
  Today const second{day(2), start + 1h};
  BOOST_TEST((plan.next_room("a", second) == start + 25h), "the day of 0 is waited through");
  Today const before{day(1), start + 1h};
  BOOST_TEST((plan.next_room("b", before) == start + 1h));
}

BOOST_AUTO_TEST_CASE(good_days_take_a_step_each) {
  Plan plan;
  BOOST_TEST((plan.send(2, 18, 2) == News::None), "10 % is not above 10 %");
  BOOST_TEST(plan.allowed(3) == 40U);
  BOOST_TEST((plan.send(3, 40, 0) == News::None));
  BOOST_TEST(plan.allowed(4) == 80U);
  BOOST_TEST(plan.allowed(5) == 999U);
  BOOST_TEST(plan.why_held("a", day(4)).empty());
}

BOOST_AUTO_TEST_CASE(a_bad_day_is_done_again_and_a_good_one_goes_on) {
  Plan plan;
  plan.send(2, 17, 3);
  BOOST_TEST(plan.allowed(2) == 20U);
  BOOST_TEST(plan.allowed(3) == 20U, "known at once, before the day has begun");
  BOOST_TEST(plan.why_held("a", day(3)) ==
             "step 1 of 3 is held: 3 of 20 answers put it off on 2026-12-02 "
             "(warm_up_hold_above 10 %)");
  BOOST_TEST((plan.send(3, 10, 10) == News::Held));
  BOOST_TEST(plan.allowed(4) == 20U);
  BOOST_TEST((plan.send(4, 20, 0) == News::Held), "for another reason");
  BOOST_TEST(plan.why_held("a", day(4)).find("10 of 20 answers put it off on 2026-12-03") !=
             std::string::npos);
  BOOST_TEST(plan.allowed(5) == 40U);
  BOOST_TEST((plan.send(5, 40, 0) == News::GoesOn));
  BOOST_TEST(plan.why_held("a", day(5)).empty());
  auto const stand = plan.stand("a", day(5));
  BOOST_REQUIRE(stand.has_value());
  BOOST_TEST(stand->day == 4U);
  BOOST_TEST(stand->step == 2U);
  BOOST_TEST(stand->most == 40U);
  BOOST_TEST(stand->at_site.held == 2U);
  BOOST_TEST(stand->at_site.today.sent == 40U);
  BOOST_TEST(stand->at_site.today.taken == 40U);
  BOOST_TEST(stand->at_site.today.put_off == 0U);
  BOOST_TEST(plan.allowed(6) == 80U);
  BOOST_TEST(plan.allowed(7) == 999U, "two days later than planned");
}

BOOST_AUTO_TEST_CASE(each_site_has_its_own_step) {
  Plan plan;
  plan.send(2, 10, 10, "a");
  plan.send(2, 20, 0, "b");
  BOOST_TEST(plan.allowed(3, "a") == 20U);
  BOOST_TEST(plan.allowed(3, "b") == 40U);
  BOOST_TEST(plan.allowed(3, "c") == 40U, "nothing was sent there");
  std::vector<std::string> seen;
  plan.visit(day(3), [&](std::string const& site) { seen.push_back(site); });
  BOOST_TEST(seen == std::vector<std::string>{"a"});
}

BOOST_AUTO_TEST_CASE(a_few_answers_say_nothing_unless_all_of_them_say_it) {
  for (auto const& [taken, put_off, is_bad] :
       {std::tuple(2, 1, false), std::tuple(5, 4, false), std::tuple(0, 2, false),
        std::tuple(0, 3, true), std::tuple(8, 2, true), std::tuple(9, 1, false)}) {
    Plan plan;
    plan.send(2, taken, put_off);
    BOOST_TEST(plan.allowed(3) == (is_bad ? 20U : 40U), taken << " taken, " << put_off << " not");
  }
}

BOOST_AUTO_TEST_CASE(what_is_neither_counts_against_the_day_alone) {
  Plan plan;
  for (int i = 0; i < 10; ++i) {
    plan.sending("a", day(2));
    BOOST_TEST(!plan.answered("a", WarmUpAnswer::Nothing, day(2)).has_value());
  }
  plan.send(2, 9, 1);
  BOOST_TEST(plan.sent("a", day(2)) == 20U);
  BOOST_TEST(plan.allowed(3) == 40U, "1 of 10 answers");
}

BOOST_AUTO_TEST_CASE(refused_connections_count_before_a_message_has_gone) {
  Plan plan;
  for (int i = 0; i < 3; ++i) BOOST_TEST(plan.answered("a", PutOff, day(2)).has_value());
  BOOST_TEST(plan.allowed(3) == 20U);
  Plan early;
  for (int i = 0; i < 30; ++i) BOOST_TEST(!early.answered("a", PutOff, day(1)).has_value());
  BOOST_TEST(early.allowed(2) == 20U, "nothing is judged before the plan begins");
  BOOST_TEST(early.allowed(3) == 40U);
}

BOOST_AUTO_TEST_CASE(the_option_says_how_much_is_too_much) {
  auto const on_the_next_day = [](std::uint32_t hold_above, int taken, int put_off) {
    Plan plan({20, 40}, hold_above);
    plan.send(2, taken, put_off);
    return plan.allowed(3);
  };
  BOOST_TEST(on_the_next_day(0, 19, 1) == 20U);
  BOOST_TEST(on_the_next_day(0, 20, 0) == 40U);
  BOOST_TEST(on_the_next_day(50, 10, 10) == 40U);
  BOOST_TEST(on_the_next_day(50, 9, 11) == 20U);
  BOOST_TEST(on_the_next_day(99, 0, 20) == 20U);
  BOOST_TEST(on_the_next_day(100, 0, 20) == 40U, "never");
}

BOOST_AUTO_TEST_CASE(a_day_without_mail_after_a_bad_one_is_the_one_that_is_held) {
  Plan plan;
  plan.send(2, 0, 20);
  BOOST_TEST(plan.allowed(4) == 40U);
  BOOST_TEST((plan.send(4, 40, 0) == News::GoesOn));
  BOOST_TEST(plan.stand("a", day(4))->at_site.held == 1U);
  BOOST_TEST(plan.allowed(5) == 80U);
}

BOOST_AUTO_TEST_CASE(the_last_step_is_held_too_and_then_the_plan_is_over) {
  Plan plan({20});
  plan.send(2, 0, 20);
  BOOST_TEST(plan.allowed(3) == 20U);
  Today const today{day(2), start + 1h};
  BOOST_TEST((plan.next_room("a", today) == start + 1h));
  BOOST_TEST((plan.send(3, 20, 0) == News::Held));
  BOOST_TEST((plan.next_room("a", {day(3), start + 1h}) == start + 1h), "without limit");
  BOOST_TEST(!plan.most("a", day(4)).has_value());
  BOOST_TEST(!plan.stand("a", day(4)).has_value());
}

BOOST_AUTO_TEST_CASE(a_restart_changes_nothing) {
  Plan plan;
  plan.send(2, 10, 5);
  auto after = plan.restarted(2);
  BOOST_TEST((*after.find("a") == *plan.find("a")));
  after.send(2, 5, 0);
  BOOST_TEST(after.sent("a", day(2)) == 20U);
  BOOST_TEST(after.allowed(3) == 20U);
  auto held = after.restarted(3);
  BOOST_TEST((held.send(3, 20, 0) == News::Held), "a bad day is judged after the restart");
  auto later = held.restarted(3);
  BOOST_TEST(later.why_held("a", day(3)) == after.why_held("a", day(3)));
  BOOST_TEST((*later.find("a")->bad == WarmUpDay{day(2), 0, 15, 5}));
  BOOST_TEST((later.send(4, 40, 0) == News::GoesOn));
  BOOST_TEST(later.restarted(5).allowed(5) == 80U, "what was held is known until the plan's end");
  BOOST_TEST(later.restarted(6).find("a") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_good_day_is_forgotten_with_its_end) {
  Plan plan;
  plan.send(2, 20, 0);
  BOOST_TEST(plan.restarted(2).find("a") != nullptr);
  BOOST_TEST(plan.restarted(3).find("a") == nullptr);
  plan.send(3, 1, 0, "b");
  BOOST_TEST(plan.find("a") == nullptr, "in memory too");
}

BOOST_AUTO_TEST_CASE(a_record_of_an_older_mailpoold_counts_what_was_sent) {
  auto const record = warm_up_of({"west/google", "2026-12-02 7"});
  BOOST_REQUIRE(record.has_value());
  BOOST_TEST(record->source == "west");
  BOOST_TEST(record->site == "google");
  Plan plan;
  plan.restore(record->site, record->at_site, record->start);
  BOOST_TEST(plan.sent("google", day(2)) == 7U);
  BOOST_TEST(plan.allowed(3, "google") == 40U);
  for (auto const* value :
       {"", "7", "2026-12-02", "2026-13-02 7", "2026-12-02 x", "2026-12-02 1 2",
        "2026-12-02 1 2 3 4 5", "2026-12-02 1 2 3 4 2026-12-02 5", "2026-12-02 -1 2 3 4 2026-12-02",
        "2026-12-02 1 2 3 4294967296 2026-12-02", "2026-12-02 1 2 3 4 2026-12-02 2026-12-01 1 x",
        "2026-12-02 1 2 3 4 2026-12-02 2026-12-01 1 1 1"})
    BOOST_TEST(!warm_up_of({"west/google", value}).has_value(), value);
  BOOST_TEST(!warm_up_of({"west", "2026-12-02 7"}).has_value());
}

BOOST_AUTO_TEST_CASE(a_clock_set_back_over_midnight_gives_nothing_twice) {
  Plan plan;
  plan.send(3, 40, 0);
  BOOST_TEST(!plan.has_room("a", day(2)), "the later day goes on");
  BOOST_TEST(!plan.has_room("a", day(3)));
  BOOST_TEST((plan.next_room("a", {day(2), start + 1h}) == start + 25h));
  BOOST_TEST(plan.allowed(4) == 80U);
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_years_ahead_is_forgotten) {
  Plan plan({20, 40, 80, 160, 320, 640});
  plan.send(2, 0, 20);
  plan.send(3, 20, 0);
  plan.send(7, 320, 0);
  BOOST_TEST(plan.allowed(3) == 20U);
  BOOST_TEST(plan.has_room("a", day(3)));
  BOOST_TEST(plan.sent("a", day(3)) == 0U);
  BOOST_TEST(!plan.sending("a", day(30)).has_value(), "beyond the plan nothing is counted");
  BOOST_TEST((plan.send(4, 40, 0) == News::None));
  BOOST_TEST(plan.allowed(5) == 80U, "what was held before stays held");
}

BOOST_AUTO_TEST_CASE(a_reload_changes_numbers_and_option_at_once) {
  Plan plan;
  plan.send(2, 10, 10);
  plan.reconfigure({day(2), {30, 60}}, 10);
  BOOST_TEST(plan.allowed(2) == 30U);
  BOOST_TEST(plan.sent("a", day(2)) == 20U);
  BOOST_TEST(plan.allowed(3) == 30U, "still held");
  plan.reconfigure({day(2), {30, 60}}, 50);
  BOOST_TEST(plan.allowed(3) == 60U, "judged by the option as it is now");
}

BOOST_AUTO_TEST_CASE(another_start_is_another_plan) {
  Plan plan;
  plan.send(2, 10, 10);
  plan.send(3, 10, 10);
  plan.reconfigure({day(1), {20, 40, 80}}, 10);
  BOOST_TEST(plan.sent("a", day(3)) == 20U, "what was sent today was sent");
  BOOST_TEST(plan.allowed(3) == 80U);
  BOOST_TEST(plan.allowed(4) == 999U);
  // Over a restart too.
  Plan before;
  before.send(2, 10, 10);
  before.send(3, 10, 10);
  fakes::MemoryStore store;
  keep_warm_up(store, "west", "a", before);
  auto const kept = warm_up_of(*store.find(state::Kind::WarmUp, "west/a"));
  WarmUpProgress after;
  after.reconfigure({day(1), {20, 40, 80}}, 10);
  after.restore("a", kept->at_site, kept->start);
  BOOST_TEST(after.most("a", day(3)).value() == 80U);
  BOOST_TEST(after.sent("a", day(3)) == 20U);
  BOOST_TEST(!after.most("a", day(4)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
