// Very many sites: how many are kept, what one costs that rests, and how long forgetting holds up
// the loop.

#include <malloc.h>

#include <boost/test/unit_test.hpp>
#include <ctime>

#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct ManySitesLab : DeliveryLab {
  // Each has a domain of its own: dN.test at 10.x.y.z.
  static std::string domain(std::size_t n) { return "d" + std::to_string(n) + ".test"; }
  void route_to(std::size_t sites) {
    settings.routes.clear();
    for (std::size_t n = 0; n < sites; ++n)
      settings.routes[domain(n)] = {{"10." + std::to_string(n >> 16U) + "." +
                                         std::to_string((n >> 8U) & 255U) + "." +
                                         std::to_string(n & 255U),
                                     25}};
  }
  // While draining a message makes its site known, and is answered at once.
  void make_known(std::size_t n) {
    send({"u@" + domain(n)});
    if (n % 256 == 255) settle_and_forget_answers();
  }
  void settle_and_forget_answers() {
    settle();
    dispatcher->keep_counts(1'000'000);
    dispatcher->visit_learned([](auto const&, auto const&) {});
    answers.clear();
    log.lines = {};
  }
  // Lets a day pass, and returns the longest that a turn of the loop took meanwhile, of CPU.
  Duration longest_turn_of_a_day() {
    Duration longest{};
    clock.now_ += 25h;
    while (dispatcher->deadline() <= clock.now_ + 1s) {
      clock.now_ = std::max(clock.now_, dispatcher->deadline());
      auto const began = std::clock();
      dispatcher->run(clock.now_);
      auto const took = std::clock() - began;
      longest = std::max<Duration>(longest, took * 1'000'000'000ns / CLOCKS_PER_SEC);
    }
    return longest;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(many_sites, ManySitesLab)

BOOST_AUTO_TEST_CASE(sites_are_bounded_and_forgetting_them_holds_up_no_turn_of_the_loop) {
  std::size_t const more = 300;
  route_to(delivery::most_sites + more);
  begin();
  dispatcher->drain(clock.now_);
  for (std::size_t n = 0; n < delivery::most_sites + more; ++n) make_known(n);
  settle_and_forget_answers();
  BOOST_TEST(dispatcher->sites().size() == delivery::most_sites);
  BOOST_TEST(dispatcher->domains_known() == delivery::most_sites, "a site goes with its domains");
  BOOST_TEST(dispatcher->site_of_domain(domain(0)) == nullptr);
  BOOST_TEST(dispatcher->site_of_domain(domain(more)) != nullptr);

  auto const longest = longest_turn_of_a_day();
  BOOST_TEST(dispatcher->sites().empty());
  BOOST_TEST(dispatcher->domains_known() == 0U);
  BOOST_TEST((longest < 50ms), longest.count());
}

BOOST_AUTO_TEST_CASE(what_is_held_back_is_not_forgotten_and_keeps_nothing_else) {
  route_to(1000);
  begin();
  dispatcher->drain(clock.now_);
  for (std::size_t n = 0; n < 1000; ++n) make_known(n);
  settle_and_forget_answers();
  for (std::size_t n = 0; n < 1000; n += 2) {
    auto const site = dispatcher->site_of_domain(domain(n))->name();
    dispatcher->suspend_site(site, {never, "for good", "uid 0", {}}, clock.now_);
  }
  longest_turn_of_a_day();
  BOOST_TEST(dispatcher->sites().size() == 500U);
  BOOST_TEST(dispatcher->domains_known() == 500U);
}

BOOST_AUTO_TEST_CASE(the_domains_of_a_site_are_shown_most_recently_used_first) {
  settings.routes["*"] = {{"192.0.2.9", 25}};
  for (auto const* d : {"a.example", "b.example", "c.example", "a.example"})
    deliver(std::string("u@") + d);
  std::string all;
  dispatcher->known_domains().visit_domains_of(site_of("a.example"), [&](auto const& d) {
    all += d.substr(0, 1);
    return true;
  });
  BOOST_TEST(all == "acb");
}

BOOST_AUTO_TEST_CASE(a_site_that_rests_costs_at_most_two_and_three_quarter_kilobytes) {
  std::size_t const count = 500;
  route_to(count);
  begin();
  for (std::size_t n = 0; n < count; ++n) BOOST_TEST(deliver("u@" + domain(n)).is_delivered());
  pass(10min);
  BOOST_TEST(dispatcher->busy_sites().empty());
  settle_and_forget_answers();
  auto const before = mallinfo2().uordblks;
  longest_turn_of_a_day();
  BOOST_TEST(dispatcher->sites().empty());
  auto const each = (before - mallinfo2().uordblks) / count;
  BOOST_TEST_MESSAGE("a site and its domain: " << each << " octets, of these "
                                               << sizeof(delivery::Site) << " the site itself");
  BOOST_TEST(each <= 2816U);
}

BOOST_AUTO_TEST_SUITE_END()
