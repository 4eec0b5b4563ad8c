#include "core/site/trouble.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

namespace {

Outcome network() {
  return Outcome::local(451, {4, 4, 1}, "mx.example[192.0.2.1]:25: connection timed out");
}
Outcome said(std::uint16_t code, EnhancedCode enhanced) {
  return Outcome::remote(code, enhanced, "no", "mx.example[192.0.2.1]:25", "MAIL FROM");
}
Outcome delivered() {
  return said(250, {2, 0, 0});
}

struct Watched {
  std::optional<Trouble::News> note(Outcome const& outcome) {
    return trouble.note(outcome, now, WallTime(std::chrono::hours(24 * 365)));
  }
  Trouble trouble;
  TimePoint now{1h};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(site_trouble)

BOOST_AUTO_TEST_CASE(the_third_failure_in_a_row_is_news_and_only_that_one) {
  Watched site;
  BOOST_TEST(!site.note(network()).has_value());
  BOOST_TEST(!site.note(network()).has_value());
  BOOST_TEST(!site.trouble.is_on(site.now));
  auto const news = site.note(network());
  BOOST_REQUIRE(news.has_value());
  BOOST_TEST(!news->is_well);
  BOOST_TEST(news->words ==
             "nothing delivered since 1971-01-01 00:00:00 UTC, 3 recipients failed in a row: 451 "
             "4.4.1 mx.example[192.0.2.1]:25: connection timed out");
  BOOST_TEST(site.trouble.is_on(site.now));
  BOOST_TEST(!site.note(network()).has_value());
}

BOOST_AUTO_TEST_CASE(one_delivery_ends_it_and_says_so_once) {
  Watched site;
  for (int i = 0; i < 5; ++i) (void)site.note(network());
  auto const news = site.note(delivered());
  BOOST_REQUIRE(news.has_value());
  BOOST_TEST(news->is_well);
  BOOST_TEST(news->words ==
             "delivers again; since 1971-01-01 00:00:00 UTC 5 recipients had failed");
  BOOST_TEST(!site.trouble.is_on(site.now));
  BOOST_TEST(!site.note(delivered()).has_value());
  BOOST_TEST(!site.note(network()).has_value());
  BOOST_TEST(!site.note(network()).has_value());
}

BOOST_AUTO_TEST_CASE(
    what_mailpool_holds_back_and_what_is_about_one_recipient_say_nothing_of_a_site) {
  Watched site;
  for (int i = 0; i < 50; ++i) {
    (void)site.note(Outcome::local(451, {4, 7, 1}, "google: rate reached (1/h), next in 3m"));
    (void)site.note(Outcome::local(451, {4, 3, 2}, "mailpool is draining: try again later"));
    (void)site.note(said(550, {5, 1, 1}));
    (void)site.note(said(452, {4, 2, 2}));
  }
  BOOST_TEST(!site.trouble.is_on(site.now));
}

BOOST_AUTO_TEST_CASE(it_takes_ten_refusals_since_they_may_be_about_the_recipients) {
  Watched site;
  for (int i = 0; i < 9; ++i) BOOST_TEST(!site.note(said(554, {5, 7, 1})).has_value());
  BOOST_TEST(site.note(said(554, {5, 7, 1})).has_value());
  BOOST_TEST(site.trouble.cure("mx.example").find("refuses all mail") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_421_to_everybody_is_in_trouble) {
  Watched site;
  for (int i = 0; i < 3; ++i) (void)site.note(said(451, {4, 7, 0}));
  BOOST_TEST(site.trouble.is_on(site.now));
  BOOST_TEST(site.trouble.cure("mx.example").find("takes nothing now") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(without_another_failure_for_an_hour_nobody_knows) {
  Watched site;
  for (int i = 0; i < 3; ++i) (void)site.note(network());
  BOOST_TEST(site.trouble.is_on(site.now + Trouble::lapses_after - 1ns));
  BOOST_TEST(!site.trouble.is_on(site.now + Trouble::lapses_after));
  site.now += Trouble::lapses_after;
  BOOST_TEST(!site.note(network()).has_value());
  BOOST_TEST(!site.trouble.is_on(site.now));
}

BOOST_AUTO_TEST_CASE(each_kind_of_trouble_has_its_cure) {
  auto const cure_of = [](Outcome const& outcome) {
    Watched site;
    (void)site.note(outcome);
    return site.trouble.cure("mx.example");
  };
  BOOST_TEST(cure_of(network()).find("firewall") != std::string::npos);
  BOOST_TEST(cure_of(Outcome::local(451, {4, 7, 5}, "x")).find("TLS") != std::string::npos);
  BOOST_TEST(cure_of(Outcome::local(451, {4, 7, 8}, "x")).find("login") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
