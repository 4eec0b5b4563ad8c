// What explain says where mail would not go at once.

#include "manager/explain.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"
#include "manager/snapshots.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

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

BOOST_AUTO_TEST_CASE(with_dns_down_a_domain_that_was_never_seen_is_shown_the_limits_that_it_has) {
  settings.domains["never.test"].rate = Rate::parse("7/s").value();
  settings.total.rate = Rate::parse("9/s").value();
  begin();
  manager::Explainer explainer(*dispatcher, clock);
  control::Question question;
  question.address = "u@never.test";
  auto const e = explainer.explain_without_route(question, "never.test",
                                                 Outcome::local(451, {4, 4, 3}, "DNS is down"));
  BOOST_TEST(e.site.empty());
  BOOST_TEST(contains(e.would, "is answered 451 4.4.3 DNS is down"), e.would);
  auto const shows = [&](std::string_view scope, std::string_view ceiling) {
    return std::any_of(e.limits.begin(), e.limits.end(), [&](auto const& use) {
      return use.scope == scope && use.option == "rate" && use.ceiling == ceiling;
    });
  };
  BOOST_TEST(shows("domain never.test", "7/s"));
  BOOST_TEST(shows("total", "9/s"));
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

BOOST_AUTO_TEST_CASE(a_site_whose_hosts_all_back_off_is_shown_so_with_why_and_until_when) {
  network.behaviour.accepts = [](auto const&) { return false; };
  deliver("u@one.test");
  auto const shown = manager::status_of(site_of("one.test"), clock, true);
  BOOST_TEST(shown.state == "backing_off");
  BOOST_TEST(shown.blocked_by.value() == "backing_off");
  BOOST_TEST(contains(shown.reason, "Connection refused"), shown.reason);
  BOOST_REQUIRE(shown.not_before.has_value());
  BOOST_TEST((shown.not_before->in == 2s));
  BOOST_REQUIRE(shown.endpoints.size() == 1U);
  BOOST_TEST(shown.endpoints[0].state == "backing_off");
  pass(2s);
  BOOST_TEST(manager::status_of(site_of("one.test"), clock, true).state == "open",
             "it may be tried again");
}

BOOST_AUTO_TEST_CASE(one_host_of_two_that_backs_off_makes_no_site_back_off) {
  network.behaviour.accepts = [](auto const& t) { return t.address.to_string() != "192.0.2.3"; };
  BOOST_TEST(deliver("u@pair.test").is_delivered());
  BOOST_TEST(manager::status_of(site_of("pair.test"), clock, true).state == "open");
}

BOOST_AUTO_TEST_CASE(where_tls_cannot_be_met_it_is_answered_as_mail_would_be) {
  settings.smtp.tls = TlsLevel::Encrypt;
  BOOST_TEST(contains(deliver("u@one.test").line(), "451 4.7.5 "), answers.back().line());
  auto const e = explained(*this, "one.test");
  BOOST_TEST(e.blocked_by.value() == "tls");
  BOOST_TEST(e.not_before.has_value());
  BOOST_TEST(e.would == "is answered " + deliver("v@one.test").line(), e.would);
  BOOST_TEST(contains(e.reason, "TLS"), e.reason);
}

BOOST_AUTO_TEST_CASE(where_the_login_is_refused_it_is_answered_as_mail_would_be) {
  LoginSettings login;
  login.user = "relay";
  login.password_file = "/p";
  login.allow_plaintext = true;
  settings.logins["relay"] = login;
  settings.route_logins["one.test"] = "relay";
  network.behaviour.ehlo = "250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n";
  network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
    return line.starts_with("AUTH") ? std::string("535 5.7.8 wrong password\r\n")
                                    : std::string("?");
  };
  begin();
  context->logins.set_nonce([] { return "nonce"; });
  for (auto const& wanted : context->logins.take_wanted())
    (void)context->logins.take(wanted.name, Secret("mistaken"), clock.now_);
  BOOST_TEST(contains(deliver("u@one.test").line(), "451 4.7.8 login relay was refused"));
  auto const e = explained(*this, "one.test");
  BOOST_TEST(e.blocked_by.value() == "login");
  BOOST_REQUIRE(e.not_before.has_value());
  BOOST_TEST((e.not_before->in == 5min));
  BOOST_TEST(e.would == "is answered " + deliver("v@one.test").line(), e.would);
  BOOST_TEST(contains(e.reason, "wrong password"), e.reason);
}

BOOST_AUTO_TEST_CASE(where_no_socket_can_be_made_it_waits_and_the_limit_is_named) {
  network.behaviour.no_socket = "Too many open files (raise LimitNOFILE)";
  deliver("u@one.test");
  auto const e = explained(*this, "one.test");
  BOOST_TEST(e.blocked_by.value() == "descriptors");
  BOOST_TEST(contains(e.would,
                      "waits: 192.0.2.1: no socket for a connection: Too many open files "
                      "(raise LimitNOFILE), next in 1s"),
             e.would);
}

BOOST_AUTO_TEST_CASE(where_an_idle_connection_is_there_that_one_is_named) {
  deliver("u@one.test");
  auto const e = explained(*this, "one.test");
  BOOST_TEST(e.would == "goes at once on an idle connection to 192.0.2.1[192.0.2.1]:25");
}

BOOST_AUTO_TEST_SUITE_END()
