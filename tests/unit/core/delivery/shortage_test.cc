// No socket can be made here: no host is held to blame, all wait for a second, and are told for
// what.

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct ShortageLab : DeliveryLab {
  void run_short() {
    network.behaviour.no_socket = "Too many open files (this process may open 64: LimitNOFILE)";
  }
  void recover() { network.behaviour.no_socket.clear(); }
  [[nodiscard]] std::size_t said() const {
    return static_cast<std::size_t>(
        std::count_if(log.lines.begin(), log.lines.end(), [](auto const& line) {
          return line.starts_with("no socket for a connection to a server: Too many");
        }));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(without_a_socket, ShortageLab)

BOOST_AUTO_TEST_CASE(no_host_is_to_blame_and_the_message_goes_a_second_later) {
  run_short();
  auto& a = deliver("u@one.test");
  BOOST_TEST(!a.is_over());
  auto const& site = site_of("one.test");
  BOOST_TEST(site.paths().own().health.records().empty());
  BOOST_TEST(site.last_error().empty());
  BOOST_TEST((site.state(clock.now_) == site::SiteState::Limited));
  BOOST_TEST((site.blocked().limit == site::Limit::Descriptors));
  BOOST_TEST((site.blocked().not_before == clock.now_ + 1s));
  BOOST_TEST(site.words_for(site.blocked(), clock.now_) ==
             site.name() +
                 ": no socket for a connection: Too many open files (this process may open 64: "
                 "LimitNOFILE), next in 1s");
  recover();
  pass(1s - 1ms);
  BOOST_TEST(opened() == 1U);
  pass(1ms);
  BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST(opened() == 2U);
}

BOOST_AUTO_TEST_CASE(all_sites_wait_and_one_line_says_so) {
  run_short();
  deliver("u@one.test");
  for (int i = 0; i < 20; ++i) deliver("u@two.test");
  BOOST_TEST(opened() == 1U, "the others know already");
  pass(20s);
  BOOST_TEST(opened() <= 2U * 21U * 5U, "nobody tries without end");
  BOOST_TEST(said() == 1U);
  BOOST_TEST(context->totals.closed["descriptors"] == opened());
  recover();
  pass(1s);
  for (auto const& a : answers) BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST(site_of("one.test").paths().own().health.records().empty());
  BOOST_TEST(site_of("two.test").paths().own().health.records().empty());
}

BOOST_AUTO_TEST_CASE(a_shortage_that_outlasts_max_wait_defers_and_names_the_limit) {
  run_short();
  auto& a = deliver("u@one.test");
  pass(settings.lmtp.max_wait);
  BOOST_TEST(contains(a.line(), "451 4.3.0 "), a.line());
  BOOST_TEST(contains(a.line(), "LimitNOFILE"), a.line());
  pass(1h);
  BOOST_TEST(said() == 1U, "nobody asked for a socket any more");
}

BOOST_AUTO_TEST_CASE(idle_connections_make_room) {
  settings.smtp.idle_timeout = 1h;
  for (int i = 0; i < 8; ++i) {
    auto const domain = "d" + std::to_string(i) + ".test";
    settings.routes[domain] = {{"192.0.2." + std::to_string(10 + i), 25}};
  }
  for (int i = 0; i < 8; ++i) deliver("u@d" + std::to_string(i) + ".test");
  BOOST_TEST(network.open() == 8U);
  run_short();
  deliver("u@one.test");
  BOOST_TEST(network.open() == 6U, "a quarter of them");
  BOOST_TEST(context->totals.closed["descriptors"] == 3U);
  recover();
  pass(1s);
  BOOST_TEST(answers.back().is_delivered(), answers.back().line());
}

BOOST_AUTO_TEST_CASE(min_idle_is_kept_again_when_it_is_over) {
  settings.smtp.min_idle = 3;
  settings.smtp.idle_timeout = 1h;
  deliver("u@one.test");
  BOOST_TEST(network.open() == 3U);
  network.hang_up(*network.servers.back());
  run_short();
  settle();
  BOOST_TEST(network.open() == 2U);
  pass(10s);
  BOOST_TEST(opened() <= 3U + 12U, "one a second");
  recover();
  pass(2s);
  BOOST_TEST(network.open() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
