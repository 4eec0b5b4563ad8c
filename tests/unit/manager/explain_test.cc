// What explain says where mail would not go at once.

#include "manager/explain.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;

BOOST_FIXTURE_TEST_SUITE(explain, DeliveryLab)

namespace {

control::Explanation explained(DeliveryLab& lab, std::string const& domain) {
  auto route = std::make_shared<route::Route>();
  route->site = lab.site_of(domain).name();
  route->targets.push_back({"192.0.2.1", *IpAddress::parse("192.0.2.1"), 25, 0, true});
  manager::Explainer explainer(*lab.dispatcher, lab.clock);
  control::Question question;
  question.address = "u@" + domain;
  return explainer.explain(question, domain, route);
}

}  // namespace

BOOST_AUTO_TEST_CASE(with_dns_down_the_limits_of_the_site_that_the_domain_was_last_at_are_shown) {
  settings.smtp.rate = Rate::parse("5/s").value();
  deliver("u@one.test");
  manager::Explainer explainer(*dispatcher, clock);
  control::Question question;
  question.address = "u@one.test";
  auto const e = explainer.explain_without_route(question, "one.test",
                                                 Outcome::local(451, {4, 4, 3}, "DNS is down"));
  BOOST_TEST(e.site == site_of("one.test").name());
  BOOST_TEST(contains(e.would, "is answered 451 4.4.3 DNS is down"), e.would);
  BOOST_TEST(std::any_of(e.limits.begin(), e.limits.end(), [](auto const& use) {
    return use.option == "rate" && use.ceiling == "5/s";
  }));
}

BOOST_AUTO_TEST_CASE(where_all_hosts_back_off_it_is_answered_as_mail_would_be) {
  network.behaviour.accepts = [](auto const&) { return false; };
  deliver("u@one.test");
  auto const e = explained(*this, "one.test");
  BOOST_TEST(e.site_state == "backing_off");
  BOOST_TEST(e.blocked_by.value() == "backing_off");
  BOOST_TEST(e.would.starts_with("is answered 451 4.4.1 connect to 192.0.2.1"), e.would);
  BOOST_TEST(deliver("v@one.test").line() == e.would.substr(std::string("is answered ").size()));
}

BOOST_AUTO_TEST_CASE(where_an_idle_connection_is_there_that_one_is_named) {
  deliver("u@one.test");
  auto const e = explained(*this, "one.test");
  BOOST_TEST(e.would == "goes at once on an idle connection to 192.0.2.1[192.0.2.1]:25");
}

BOOST_AUTO_TEST_SUITE_END()
