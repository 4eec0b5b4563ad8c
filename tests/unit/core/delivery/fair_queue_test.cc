#include "core/delivery/fair_queue.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <list>
#include <utility>

using namespace mailpool;
using namespace mailpool::delivery;
using Verdict = FairQueue::Verdict;

namespace {

struct Fixture {
  FairQueue queue;
  std::list<Transaction> transactions;
  char messages[16]{};

  Transaction& add(int message, std::string domain, bool in_front = false) {
    auto& t = transactions.emplace_back();
    // The queue only tells messages apart by their address.
    t.delivery = reinterpret_cast<Delivery*>(&messages[message]);
    t.domain = std::move(domain);
    in_front ? queue.push_front(t) : queue.push(t);
    return t;
  }
  Transaction& add_of(site::Scope& tenant, std::uint32_t priority, int message,
                      std::string domain = "d") {
    auto& t = transactions.emplace_back();
    t.delivery = reinterpret_cast<Delivery*>(&messages[message]);
    t.domain = std::move(domain);
    t.levels.tenant = &tenant;
    t.priority = priority;
    queue.push(t);
    return t;
  }
  std::string name_of(Transaction const& t) {
    return t.domain + std::to_string(reinterpret_cast<char*>(t.delivery) - messages);
  }
  std::string take_all() {
    std::string order;
    while (!queue.is_empty())
      queue.visit([&](Transaction& t) {
        order += name_of(t) + " ";
        return Verdict::Taken;
      });
    return order;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(fair_queue, Fixture)

BOOST_AUTO_TEST_CASE(those_with_the_same_levels_are_counted_however_they_come_and_go) {
  site::Scope tenant(site::Level::Tenant, "acme");
  site::Scope domain(site::Level::Domain, "limited.test");
  site::Levels plain, of_tenant, of_domain;
  of_tenant.tenant = &tenant;
  of_domain.domain = &domain;
  auto const counts = [&] {
    return std::array{queue.size_with(plain), queue.size_with(of_tenant),
                      queue.size_with(of_domain)};
  };
  BOOST_TEST((counts() == std::array<std::size_t, 3>{0, 0, 0}));
  add(0, "a");
  auto& gone = add(1, "limited.test");
  add(1, "limited.test", true);
  add_of(tenant, 100, 2, "limited.test");
  BOOST_TEST((counts() == std::array<std::size_t, 3>{3, 1, 2}));
  BOOST_TEST(queue.remove(gone));
  BOOST_TEST((counts() == std::array<std::size_t, 3>{2, 1, 1}));
  take_all();
  BOOST_TEST((counts() == std::array<std::size_t, 3>{0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(a_domain_with_a_backlog_does_not_hold_up_another) {
  for (int i = 0; i < 4; ++i) add(i, "big");
  add(9, "small");
  BOOST_TEST(take_all() == "big0 small9 big1 big2 big3 ");
}

BOOST_AUTO_TEST_CASE(a_message_with_many_transactions_does_not_hold_up_another_of_the_domain) {
  for (int i = 0; i < 3; ++i) add(0, "d");
  add(1, "d");
  BOOST_TEST(take_all() == "d0 d1 d0 d0 ");
}

BOOST_AUTO_TEST_CASE(a_retry_keeps_its_place_in_front) {
  add(0, "a");
  add(1, "b");
  add(2, "b", true);
  BOOST_TEST(take_all() == "b2 a0 b1 ");
}

BOOST_AUTO_TEST_CASE(a_domain_at_its_limit_is_passed_over_and_the_others_go) {
  add(0, "limited");
  add(1, "limited");
  add(2, "free");
  std::string seen;
  queue.visit([&](Transaction& t) {
    seen += name_of(t) + " ";
    return t.domain == "limited" ? Verdict::SkipDomain : Verdict::Taken;
  });
  BOOST_TEST(seen == "limited0 free2 ");
  BOOST_TEST(queue.size() == 2U);
}

BOOST_AUTO_TEST_CASE(keep_shows_the_next_message_of_the_same_domain) {
  add(0, "d");
  add(1, "d");
  std::string seen;
  queue.visit([&](Transaction& t) {
    seen += name_of(t) + " ";
    return Verdict::Keep;
  });
  BOOST_TEST(seen == "d0 d1 ");
  BOOST_TEST(queue.size() == 2U);
}

BOOST_AUTO_TEST_CASE(stop_ends_the_look_and_removes_nothing) {
  add(0, "a");
  add(1, "b");
  int shown = 0;
  queue.visit([&](Transaction&) {
    ++shown;
    return Verdict::Stop;
  });
  BOOST_TEST(shown == 1);
  BOOST_TEST(queue.size() == 2U);
}

BOOST_AUTO_TEST_CASE(any_waiting_transaction_can_be_removed) {
  auto& a = add(0, "a");
  auto& b = add(1, "a");
  auto& c = add(0, "b");
  BOOST_TEST(queue.remove(b));
  BOOST_TEST(!queue.remove(b));
  BOOST_TEST(queue.remove(a));
  BOOST_TEST(queue.domains() == 1U);
  BOOST_TEST(queue.remove(c));
  BOOST_TEST(queue.is_empty());
  BOOST_TEST(queue.domains() == 0U);
}

BOOST_AUTO_TEST_CASE(groups_take_turns_in_proportion_to_priority_and_nobody_starves) {
  site::Scope fast(site::Level::Tenant, "fast");
  site::Scope slow(site::Level::Tenant, "slow");
  for (int i = 0; i < 40; ++i) add_of(slow, 10, 0, "slow");
  for (int i = 0; i < 40; ++i) add_of(fast, 30, 1, "fast");
  std::string order;
  int left = 16;
  // One at a time, as they go where little is allowed.
  while (left-- > 0)
    queue.visit([&, is_taken = false](Transaction& t) mutable {
      if (std::exchange(is_taken, true)) return Verdict::Stop;
      order += t.domain[0];
      return Verdict::Taken;
    });
  BOOST_TEST(std::count(order.begin(), order.end(), 'f') == 12);
  BOOST_TEST(order.find("fffff") == std::string::npos, order);
}

BOOST_AUTO_TEST_CASE(in_one_look_too_turns_go_by_priority) {
  site::Scope fast(site::Level::Tenant, "fast");
  site::Scope slow(site::Level::Tenant, "slow");
  for (int i = 0; i < 40; ++i) add_of(slow, 10, 0, "slow");
  for (int i = 0; i < 40; ++i) add_of(fast, 30, 1, "fast");
  std::string order;
  queue.visit([&](Transaction& t) {
    if (order.size() == 16) return Verdict::Stop;
    order += t.domain[0];
    return Verdict::Taken;
  });
  BOOST_TEST(std::count(order.begin(), order.end(), 'f') == 12);
}

BOOST_AUTO_TEST_CASE(a_blocked_group_is_asked_once_however_much_it_has) {
  site::Scope blocked(site::Level::Tenant, "blocked");
  site::Scope free(site::Level::Tenant, "free");
  for (int i = 0; i < 100; ++i) add_of(blocked, 10, 0, "d" + std::to_string(i));
  for (int i = 0; i < 3; ++i) add_of(free, 10, 1, "e");
  int asked = 0;
  int taken = 0;
  queue.visit([&](Transaction& t) {
    if (t.levels.tenant == &free) return ++taken, Verdict::Taken;
    return ++asked, Verdict::SkipGroup;
  });
  BOOST_TEST(asked == 1);
  BOOST_TEST(taken == 3);
  BOOST_TEST(queue.groups() == 1U);
  BOOST_TEST(queue.size() == 100U);
}

BOOST_AUTO_TEST_CASE(who_comes_back_has_saved_up_no_turns) {
  site::Scope a(site::Level::Tenant, "a");
  site::Scope b(site::Level::Tenant, "b");
  auto next = [&] {
    std::string name;
    queue.visit([&, is_taken = false](Transaction& t) mutable {
      if (std::exchange(is_taken, true)) return Verdict::Stop;
      name = t.levels.tenant->name();
      return Verdict::Taken;
    });
    return name;
  };
  for (int i = 0; i < 20; ++i) add_of(a, 10, 0);
  for (int i = 0; i < 10; ++i) BOOST_TEST(next() == "a");
  for (int i = 0; i < 10; ++i) add_of(b, 10, 1);
  std::string order;
  for (int i = 0; i < 6; ++i) order += next();
  BOOST_TEST(std::count(order.begin(), order.end(), 'b') == 3, order);
}

BOOST_AUTO_TEST_SUITE_END()
