#include "core/control/urgency.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace mailpool::control;

namespace {

SiteStatus site(std::string name, std::string state, std::uint64_t waiting,
                std::uint64_t delivered) {
  SiteStatus s;
  s.site = std::move(name);
  s.state = std::move(state);
  s.waiting = waiting;
  s.delivered = delivered;
  return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(control_urgency)

BOOST_AUTO_TEST_CASE(what_stands_still_comes_before_what_waits_before_what_is_busy) {
  std::vector<SiteStatus> sites{site("quiet", "open", 0, 1),       site("busy", "open", 0, 900),
                                site("limited", "limited", 4, 5),  site("off", "suspended", 0, 0),
                                site("down", "backing_off", 1, 0), site("queue", "limited", 90, 0)};
  std::sort(sites.begin(), sites.end(),
            [](auto const& a, auto const& b) { return urgency_of(a) > urgency_of(b); });
  std::string order;
  for (auto const& s : sites) order += s.site + " ";
  BOOST_TEST(order == "off down queue limited busy quiet ");
}

BOOST_AUTO_TEST_CASE(a_state_of_a_newer_manager_counts_as_trouble) {
  BOOST_TEST(urgency_of_state("warming") > urgency_of_state("limited"));
  BOOST_TEST(urgency_of_state("warming") < urgency_of_state("suspended"));
  BOOST_TEST(urgency_of_state("failing") > urgency_of_state("suspended"));
}

BOOST_AUTO_TEST_SUITE_END()
