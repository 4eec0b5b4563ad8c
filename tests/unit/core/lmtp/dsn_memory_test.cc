#include "core/lmtp/dsn_memory.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::lmtp;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(dsn_memory)

BOOST_AUTO_TEST_CASE(of_unknown_servers_nothing_is_promised) {
  BOOST_TEST(!DsnMemory().all_offer_it(TimePoint(1h)));
}

BOOST_AUTO_TEST_CASE(one_server_without_is_remembered_for_a_day_and_one_with_too) {
  TimePoint const now(1000h);
  DsnMemory memory;
  memory.met(true, now);
  BOOST_TEST(memory.all_offer_it(now));
  memory.met(false, now);
  memory.met(true, now + 23h);
  BOOST_TEST(!memory.all_offer_it(now + 24h - 1ns));
  BOOST_TEST(memory.all_offer_it(now + 24h));
  BOOST_TEST(memory.all_offer_it(now + 47h - 1ns));
  BOOST_TEST(!memory.all_offer_it(now + 47h));
}

BOOST_AUTO_TEST_SUITE_END()
