#include "core/delivery/fair_queue.h"

#include <boost/test/unit_test.hpp>

#include <list>

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

BOOST_AUTO_TEST_SUITE_END()
