// Which sites have a backlog: as many waiting as Postfix hands over for one door, and a while
// longer.

#include "core/parking/backlogged_sites.h"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace mailpool;
using namespace mailpool::parking;
using namespace std::chrono_literals;

namespace {

struct Lot {
  Register entries;
  BackloggedSites backlogged;
  TimePoint now{1h};

  void park(std::string const& lane, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n)
      entries.park({"ABC" + std::to_string(100'000 + next++), 0, lane, {}, 100, Why::Limit, now},
                   now);
  }
  void take_all(std::string const& lane) {
    for (std::size_t n = 0; n < next; ++n)
      entries.arrive("ABC" + std::to_string(100'000 + n), lane, now);
  }
  std::size_t next = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(backlogged_sites, Lot)

BOOST_AUTO_TEST_CASE(a_site_has_one_from_a_doors_worth_on_until_some_time_after_the_last) {
  park("google", BackloggedSites::begins_with - 1);
  BOOST_TEST(!backlogged.look(entries, now));
  park("google", 1);
  park("other", 3);
  BOOST_TEST(backlogged.look(entries, now));
  BOOST_TEST(backlogged.sites().size() == 1U);
  BOOST_TEST(backlogged.sites().contains("google"));
  BOOST_TEST(!backlogged.look(entries, now));  // no news
  take_all("google");
  now += BackloggedSites::lasts - 1s;
  BOOST_TEST(!backlogged.look(entries, now));
  now += 1s;
  BOOST_TEST(backlogged.look(entries, now));
  BOOST_TEST(backlogged.sites().empty());
}

BOOST_AUTO_TEST_CASE(while_anything_waits_it_goes_on) {
  park("google", BackloggedSites::begins_with);
  static_cast<void>(backlogged.look(entries, now));
  take_all("google");
  park("google", 1);
  now += 10 * BackloggedSites::lasts;
  BOOST_TEST(!backlogged.look(entries, now));
  BOOST_TEST(backlogged.sites().contains("google"));
}

BOOST_AUTO_TEST_CASE(domains_whose_site_is_not_known_have_none) {
  park("@nobody.example", 100);
  BOOST_TEST(!backlogged.look(entries, now));
}

BOOST_AUTO_TEST_SUITE_END()
