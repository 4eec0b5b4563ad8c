// Who waits in the MTA's queue, and in which order they are called back.

#include "core/parking/register.h"

#include <malloc.h>

#include <boost/test/unit_test.hpp>
#include <ctime>
#include <string>
#include <vector>

using namespace mailpool;
using namespace mailpool::parking;
using namespace std::chrono_literals;

namespace {

struct Lot {
  Register entries;
  TimePoint now{1h};

  bool park(std::string const& id, std::string const& tenant = {}, Why why = Why::Limit,
            std::string const& lane = "google", std::uint32_t priority = 100) {
    return entries.park({id, 0, lane, {tenant, {}, {}, {}, {}}, priority, why, now}, now);
  }
  std::string call(std::string const& lane = "google") {
    std::size_t looks = 1000;
    auto const call = entries.call(
        lane, [this](LineName const&, std::size_t) { return now; }, 2s, looks, now);
    return call ? call->queue_id : "";
  }
  void pass(Duration d) {
    now += d;
    entries.expire(now);
  }
  static std::string id(int n) { return "ABC" + std::to_string(100'000 + n); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(parking_register, Lot)

BOOST_AUTO_TEST_CASE(the_oldest_is_called_first_and_only_once_it_was_put_by) {
  for (int n = 0; n < 3; ++n) {
    BOOST_TEST(park(id(n)));
    pass(1ms);
  }
  BOOST_TEST(call() == "");
  pass(Register::settle_time);
  BOOST_TEST(call() == id(0));
  BOOST_TEST(call() == id(1));
  BOOST_TEST(entries.waiting("google") == 1U);
  BOOST_TEST(entries.coming("google") == 2U);
}

BOOST_AUTO_TEST_CASE(tenants_take_turns_by_priority_whoever_has_more_waiting) {
  for (int n = 0; n < 30; ++n) park(id(n), "many");
  for (int n = 30; n < 33; ++n) park(id(n), "few");
  for (int n = 33; n < 60; ++n) park(id(n), "double", Why::Limit, "google", 200);
  pass(1s);
  int many = 0, few = 0, twice = 0;
  for (int n = 0; n < 12; ++n) {
    auto const called = call();
    ++(called < id(30) ? many : called < id(33) ? few : twice);
  }
  BOOST_TEST(many == 3);
  BOOST_TEST(few == 3);
  BOOST_TEST(twice == 6);
}

BOOST_AUTO_TEST_CASE(who_comes_is_known_by_age_and_whether_it_was_called) {
  park(id(1));
  auto const began = now;
  pass(1s);
  call();
  pass(150ms);
  auto const arrival = entries.arrive(id(1), "google", now);
  BOOST_REQUIRE(arrival.has_value());
  BOOST_TEST(arrival->was_called);
  BOOST_TEST((arrival->since == began));
  BOOST_TEST((arrival->took == 150ms));
  BOOST_TEST(entries.coming("google") == 0U);
  BOOST_TEST(!entries.arrive("ABC999999", "google", now).has_value());
  BOOST_TEST(!entries.arrive(id(1), "yahoo", now).has_value());
}

BOOST_AUTO_TEST_CASE(
    a_message_of_many_transactions_is_called_once_and_all_of_them_count_as_called) {
  park(id(1));
  park(id(1));
  BOOST_TEST(entries.waiting("google") == 1U);
  pass(1s);
  BOOST_TEST(call() == id(1));
  BOOST_TEST(entries.arrive(id(1), "google", now)->was_called);
  auto const second = entries.arrive(id(1), "google", now);
  BOOST_TEST(second->was_called);
  BOOST_TEST(!second->took.has_value());
}

BOOST_AUTO_TEST_CASE(one_told_to_wait_again_keeps_its_age) {
  park(id(1));
  auto const began = now;
  pass(1s);
  park(id(2));
  call();
  entries.arrive(id(1), "google", now);
  park(id(1));
  pass(1s);
  BOOST_TEST(call() == id(1));
  BOOST_TEST((entries.arrive(id(1), "google", now)->since == began));
}

BOOST_AUTO_TEST_CASE(who_does_not_come_rests_longer_and_longer_and_is_forgotten_at_last) {
  park(id(1));
  pass(1s);
  for (Duration const rest : {5s, 20s, 80s}) {
    BOOST_TEST(call() == id(1));
    pass(2s - 1ms);
    BOOST_TEST(entries.coming("google") == 1U);
    pass(1ms);
    BOOST_TEST(entries.coming("google") == 0U);
    BOOST_TEST(entries.resting("google") == 1U);
    pass(rest - 1ms);
    BOOST_TEST(call() == "");
    pass(1ms);
  }
  BOOST_TEST(call() == id(1));
  pass(2s);
  BOOST_TEST(entries.size() == 0U);
  BOOST_TEST(entries.is_empty("google"));
  BOOST_TEST(entries.given_up == 1U);
  BOOST_TEST((entries.deadline() == never));
}

BOOST_AUTO_TEST_CASE(what_no_room_ends_is_called_later_and_later) {
  auto again = [&] {
    BOOST_REQUIRE(call() == id(1));
    entries.arrive(id(1), "google", now);
    park(id(1), "", Why::BackingOff);
  };
  park(id(1), "", Why::BackingOff);
  pass(Register::settle_time);
  again();
  pass(1s - 1ms);
  BOOST_TEST(call() == "");
  pass(1ms);
  again();
  pass(2s - 1ms);
  BOOST_TEST(call() == "");
  pass(1ms);
  BOOST_TEST(call() == id(1));
}

BOOST_AUTO_TEST_CASE(a_rest_ends_with_its_reason_but_not_that_of_one_that_did_not_come) {
  for (int n = 1; n <= 2; ++n) park(id(n), "", Why::Route);
  pass(1s);
  BOOST_TEST(call() == id(1));
  entries.arrive(id(1), "google", now);
  for (int n = 0; n < 5; ++n)
    park(id(1), "", Why::Route), pass(1ms), entries.arrive(id(1), "google", now);
  park(id(1), "", Why::Route);
  BOOST_TEST(call() == id(2));
  pass(2s);
  BOOST_TEST(entries.resting("google") == 2U);
  BOOST_TEST(entries.called_in_vain("google") == 1U);
  BOOST_TEST(call() == "");
  entries.end_rests("yahoo", now);
  BOOST_TEST(call() == "");
  entries.end_rests("google", now);
  pass(Register::settle_time);
  BOOST_TEST(call() == id(1));
  BOOST_TEST(call() == "");
}

BOOST_AUTO_TEST_CASE(one_that_rests_holds_up_nobody_of_its_line) {
  park(id(1), "", Why::BackingOff);
  pass(1s);
  call();
  entries.arrive(id(1), "google", now);
  park(id(1), "", Why::BackingOff);
  park(id(2));
  pass(Register::settle_time);
  BOOST_TEST(call() == id(2));
}

BOOST_AUTO_TEST_CASE(what_a_count_does_not_see_is_forgotten_and_nothing_else) {
  for (int n = 1; n <= 4; ++n) park(id(n));
  entries.park({id(9), 1, "google", {}, 100, Why::Limit, now}, now);  // of another queue
  pass(1s);
  BOOST_TEST(call() == id(1));  // on its way: perhaps between two of the queue's folders
  entries.begin_count(0);
  entries.seen(id(2), 0);
  entries.seen(id(3), 1);  // the same id in another queue is another message
  park(id(5));
  BOOST_TEST(entries.end_count(0) == 2U);
  for (int n : {1, 2, 5, 9}) BOOST_TEST(entries.knows(id(n), "google"), n);
  for (int n : {3, 4}) BOOST_TEST(!entries.knows(id(n), "google"), n);
  BOOST_TEST(entries.end_count(1) == 0U);
}

BOOST_AUTO_TEST_CASE(lines_that_may_not_go_are_passed_over) {
  park(id(1), "held");
  park(id(2), "free");
  pass(1s);
  std::size_t looks = 10;
  auto const held_for = [this](LineName const& line, std::size_t) {
    return line.tenant == "held" ? now + 1s : now;
  };
  auto const called = entries.call("google", held_for, 2s, looks, now);
  BOOST_REQUIRE(called.has_value());
  BOOST_TEST(called->queue_id == id(2));
  BOOST_TEST(looks == 8U);
}

BOOST_AUTO_TEST_CASE(a_line_that_may_not_go_is_looked_at_when_it_may_and_not_before) {
  park(id(1), "late");
  pass(1s);
  int asked = 0;
  auto const may_go_at = now + 300ms;
  auto late = [&] {
    std::size_t looks = 10;
    auto const ask = [&](LineName const&, std::size_t) {
      ++asked;
      return may_go_at;
    };
    return entries.call("google", ask, 2s, looks, now).has_value();
  };
  BOOST_TEST(!late());
  BOOST_TEST((entries.ready_at("google") == may_go_at));
  pass(299ms);
  BOOST_TEST(!late());
  BOOST_TEST(asked == 1);
  pass(1ms);
  BOOST_TEST(late());
  BOOST_TEST(asked == 2);
  BOOST_TEST((entries.ready_at("google") == never));
}

BOOST_AUTO_TEST_CASE(of_very_many_lines_a_call_looks_at_a_few_and_the_next_goes_on_behind_them) {
  for (int n = 0; n < 1000; ++n) park(id(n), "tenant" + std::to_string(1000 + n));
  pass(1s);
  std::size_t asked = 0;
  auto look_at = [&](std::size_t looks) {
    auto const only_the_last = [&](LineName const& line, std::size_t) {
      ++asked;
      return line.tenant == "tenant1999" ? now : now + 1s;
    };
    auto const called = entries.call("google", only_the_last, 2s, looks, now);
    return called ? called->queue_id : std::string();
  };
  for (int n = 0; n < 9; ++n) {
    BOOST_TEST(look_at(100) == "");
    BOOST_TEST((entries.ready_at("google") <= now), "there are others");
  }
  BOOST_TEST(look_at(100) == id(999));
  BOOST_TEST(asked == 1000U);
  BOOST_TEST(look_at(100) == "");
  BOOST_TEST(asked == 1000U);
  // What they wait for is over: all have their turn at once.
  entries.end_rests("google", now);
  look_at(100);
  BOOST_TEST(asked == 1100U);
}

BOOST_AUTO_TEST_CASE(a_line_that_may_not_go_and_empties_leaves_nothing_behind) {
  park(id(1), "held");
  pass(1s);
  std::size_t looks = 10;
  auto const never_goes = [](LineName const&, std::size_t) { return never; };
  BOOST_TEST(!entries.call("google", never_goes, 2s, looks, now).has_value());
  BOOST_TEST(entries.arrive(id(1), "google", now).has_value());  // by the MTA's own clock
  BOOST_TEST((entries.ready_at("google") == never));
  pass(1h);
  BOOST_TEST(entries.is_empty("google"));
  park(id(1), "held");
  pass(1s);
  BOOST_TEST(call() == id(1));
}

BOOST_AUTO_TEST_CASE(domains_are_visited_in_turn_wherever_one_stopped) {
  for (int n = 0; n < 10; ++n) park(id(n), {}, Why::Route, "@d" + std::to_string(n));
  park(id(20));
  std::vector<std::string> seen;
  std::string last;
  auto some = [&](std::size_t most) {
    return entries.visit_lanes_of_domains(last, [&](std::string const& lane) {
      if (most-- == 0) return false;
      seen.push_back(lane);
      last = lane;
      return true;
    });
  };
  for (int n = 0; n < 3; ++n) BOOST_TEST(!some(4));
  BOOST_REQUIRE(seen.size() == 12U);
  for (std::size_t n = 0; n < 12; ++n) BOOST_TEST(seen[n] == "@d" + std::to_string(n % 10));
  seen.clear();
  BOOST_TEST(some(100));
  BOOST_TEST(seen.size() == 10U);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_woken_waits_again) {
  park(id(1));
  pass(1s);
  call();
  entries.put_back(id(1), now);
  BOOST_TEST(entries.coming("google") == 0U);
  BOOST_TEST(entries.resting("google") == 1U);
  pass(5s);
  BOOST_TEST(call() == id(1));
}

BOOST_AUTO_TEST_CASE(beyond_its_size_it_takes_nobody_and_says_so) {
  entries.reconfigure(2);
  BOOST_TEST(park(id(1)));
  BOOST_TEST(park(id(2)));
  BOOST_TEST(!park(id(3)));
  BOOST_TEST(park(id(1)));
  BOOST_TEST(entries.turned_away == 1U);
  BOOST_TEST(entries.size() == 2U);
}

BOOST_AUTO_TEST_CASE(only_what_looks_like_an_id_of_postfix_is_ever_woken) {
  for (auto const* good : {"4ED10A9055E", "4cBx5L0Wqnz3xK", "ABCDEF"})
    BOOST_TEST(is_wakeable_id(good));
  for (auto const* bad : {"", "ABCDE", "mp1A-2B", "../../etc/passwd", "AAAAAA BBBB",
                          "4ED10A9055E\n", "NOQUEUE.", "AAAAAAAAAAAAAAAAAAAAAAAAA"})
    BOOST_TEST(!is_wakeable_id(bad));
  BOOST_TEST(!park("../active/A1"));
  BOOST_TEST(entries.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_domain_moves_to_its_site_with_all_that_waits_for_it) {
  auto const lane = lane_of_domain("example.org");
  for (int n = 0; n < 5; ++n) park(id(n), n % 2 == 0 ? "acme" : "", Why::Route, lane);
  pass(1s);
  BOOST_TEST(call(lane) == id(0));
  entries.arrive(id(0), lane, now);
  entries.move(lane, "google");
  BOOST_TEST(entries.waiting("google") == 4U);
  BOOST_TEST(entries.waiting(lane) == 0U);
  BOOST_TEST(call() != "");
}

BOOST_AUTO_TEST_CASE(counts_say_why_and_since_when) {
  auto const began = now;
  park(id(1));
  pass(1s);
  park(id(2), "acme", Why::Suspended);
  auto const counts = entries.counts("google");
  BOOST_TEST(counts.waiting == 2U);
  BOOST_TEST((counts.oldest == began));
  BOOST_TEST(counts.by_why[static_cast<std::size_t>(Why::Limit)] == 1U);
  BOOST_TEST(counts.by_why[static_cast<std::size_t>(Why::Suspended)] == 1U);
}

// The same steps by a model of a few lines: whatever happens, nobody is lost or called twice.
BOOST_AUTO_TEST_CASE(nobody_is_lost_whatever_happens) {
  std::uint64_t seed = 7;
  auto const dice = [&seed](std::uint64_t below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33U) % below;
  };
  std::map<std::string, bool> known;  // whether it was called
  for (int step = 0; step < 20'000; ++step) {
    auto const one = id(static_cast<int>(dice(300)));
    switch (dice(5)) {
      case 0:
      case 1:
        if (park(one, std::to_string(dice(4)))) known.try_emplace(one, false);
        if (auto const at = known.find(one); at != known.end()) at->second = false;
        break;
      case 2:
        if (auto const called = call(); !called.empty()) {
          BOOST_REQUIRE(known.contains(called));
          BOOST_REQUIRE(!known[called]);
          known[called] = true;
        }
        break;
      case 3:
        if (entries.arrive(one, "google", now)) known.erase(one);
        break;
      default: {
        auto const unheard = entries.unheard;
        pass(std::chrono::milliseconds(dice(300)));
        if (entries.unheard == unheard) break;
        for (auto& [name, was_called] : known) was_called = false;  // those are called again
      }
    }
    BOOST_REQUIRE(entries.waiting("google") + entries.resting("google") + entries.coming("google") +
                      entries.given_up ==
                  known.size());
    if (entries.given_up != 0) return;  // the model does not follow that far
  }
}

BOOST_AUTO_TEST_CASE(two_hundred_thousand_take_less_than_thirty_megabytes) {
  constexpr int many = 200'000;
  auto const in_use = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  auto const cpu_us = [] {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) * 1e6 + static_cast<double>(spent.tv_nsec) / 1e3;
  };
  auto const before = in_use();
  auto began = cpu_us();
  for (int n = 0; n < many; ++n) BOOST_REQUIRE(park(id(n), std::to_string(n % 7)));
  auto const parking = (cpu_us() - began) / many;
  auto const octets = in_use() - before;
  pass(1s);
  began = cpu_us();
  for (int n = 0; n < many; ++n) BOOST_REQUIRE(!call().empty());
  auto const waking = (cpu_us() - began) / many;
  BOOST_TEST(call() == "");
  BOOST_TEST_MESSAGE(many << " messages: " << octets / 1'000'000 << " MB, " << parking
                          << " us to park one, " << waking << " us to call one");
  BOOST_TEST(octets < 30U * 1000 * 1000);
  // Of 40 us each that mailpoold may spend on all of it; a sanitizer's build spends more.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return;
#endif
#endif
  BOOST_TEST(parking < 20);
  BOOST_TEST(waking < 20);
}

BOOST_AUTO_TEST_SUITE_END()
