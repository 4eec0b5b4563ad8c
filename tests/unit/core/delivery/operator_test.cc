// What an operator asks and orders of all of delivery: all mail suspended, sites that deliver
// nothing, domains by name.

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(delivery_operator)

BOOST_AUTO_TEST_CASE(all_mail_is_held_with_the_reason_and_its_end_before_anything_is_asked) {
  DeliveryLab lab;
  lab.begin();
  auto const now = lab.clock.now_;
  lab.dispatcher->suspend_all({now + 1h, "the list is bad", "root", {}}, now);
  // No route, and the resolver never answers: it must not be asked.
  auto& unknown = lab.send({"a@nowhere.test", "b@nowhere.test", "a@nowhere.test"});
  lab.settle();
  BOOST_TEST(unknown.is_over());
  BOOST_TEST(unknown.line().starts_with("451 4.7.1 all mail: suspended until "));
  BOOST_TEST(unknown.line(1).ends_with(": the list is bad"));
  BOOST_TEST(lab.deliver("a@one.test").line().starts_with("451 4.7.1 all mail"));
  BOOST_TEST(lab.opened() == 0U);
  BOOST_TEST(lab.dispatcher->resume_all(now));
  BOOST_TEST(!lab.dispatcher->resume_all(now));
  BOOST_TEST(lab.deliver("a@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(what_waits_is_answered_when_all_mail_is_suspended_and_its_time_ends_it) {
  DeliveryLab lab;
  lab.settings.smtp.rate = {1, 1h, 1};
  lab.deliver("a@one.test");
  auto& waiting = lab.send({"b@one.test"});
  lab.settle();
  BOOST_TEST(!waiting.is_over());
  auto const now = lab.clock.now_;
  lab.dispatcher->suspend_all({now + 10min, "x", "root", {}}, now);
  BOOST_TEST(waiting.line().starts_with("451 4.7.1 all mail"));
  lab.clock.now_ = now + 10min - 1ns;
  BOOST_TEST(lab.dispatcher->all_suspended(lab.clock.now_) != nullptr);
  lab.clock.now_ = now + 10min;
  BOOST_TEST(lab.dispatcher->all_suspended(lab.clock.now_) == nullptr);
  BOOST_TEST(lab.deliver("c@two.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(all_mail_is_still_suspended_after_a_restart) {
  DeliveryLab before;
  before.begin();
  auto const now = before.clock.now_;
  before.dispatcher->suspend_all({now + 2h, "x", "root", {}}, now);
  DeliveryLab after;
  after.store = before.store;
  after.clock.now_ = now + 1h;
  after.store.restart(after.clock.wall(after.clock.now_));
  after.begin();
  BOOST_TEST(after.dispatcher->restore(after.clock.now_) == 1U);
  BOOST_TEST(after.deliver("a@one.test").line().starts_with("451 4.7.1 all mail"));
  after.pass(61min);
  BOOST_TEST(after.deliver("b@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_site_that_has_had_no_mail_can_be_suspended_by_the_name_of_its_host) {
  DeliveryLab lab;
  lab.begin();
  auto const now = lab.clock.now_;
  BOOST_TEST(lab.dispatcher->suspend_site("mx.example.org", {now + 1h, "x", "root", {}}, now));
  BOOST_TEST(!lab.dispatcher->suspend_site("nonsense", {now + 1h, "x", "root", {}}, now));
  auto const* site = lab.dispatcher->find_site("mx.example.org");
  BOOST_REQUIRE(site != nullptr);
  BOOST_TEST((site->state(now) == site::SiteState::Suspended));
}

BOOST_AUTO_TEST_CASE(
    a_site_whose_servers_fail_is_failing_until_it_delivers_and_the_log_has_two_lines) {
  DeliveryLab lab;
  lab.network.behaviour.accepts = [](route::Target const&) { return false; };
  for (int i = 0; i < 4; ++i) {
    lab.deliver("a@one.test");
    lab.pass(10min);
  }
  auto const& site = lab.site_of("one.test");
  BOOST_TEST((site.state(lab.clock.now_) == site::SiteState::Failing));
  auto const lines = [&](std::string_view text) {
    return std::count_if(lab.log.lines.begin(), lab.log.lines.end(),
                         [&](auto const& line) { return contains(line, text); });
  };
  BOOST_TEST(lines(" is failing: nothing delivered since ") == 1);
  lab.network.behaviour.accepts = [](route::Target const&) { return true; };
  lab.pass(10min);  // no back-off is left
  BOOST_TEST(lab.deliver("a@one.test").is_delivered());
  BOOST_TEST((site.state(lab.clock.now_) == site::SiteState::Open));
  BOOST_TEST(lines(" is well: delivers again") == 1);
}

BOOST_AUTO_TEST_CASE(each_domain_has_its_counts) {
  DeliveryLab lab;
  lab.deliver("a@one.test");
  lab.deliver("b@one.test");
  auto const& domains = lab.context->domains;
  BOOST_REQUIRE(domains.find("one.test") != nullptr);
  BOOST_TEST(domains.find("one.test")->delivered == 2U);
  BOOST_TEST(domains.find("one.test")->no_route.empty());
  BOOST_TEST(domains.find("two.test") == nullptr);
}

BOOST_AUTO_TEST_CASE(
    a_domain_that_dns_gives_no_host_for_is_listed_for_an_hour_or_until_it_has_one) {
  delivery::DomainTally domains;
  TimePoint const now{1h};
  auto const listed = [&](TimePoint when) {
    std::vector<std::string> names;
    domains.visit_unrouted(when, [&](auto const& record) { names.push_back(record.domain); });
    return names;
  };
  domains.note_no_route("dead.example", Outcome::local(550, {5, 1, 2}, "no such domain"), now);
  domains.count("dead.example", OutcomeKind::Refused);
  domains.note_no_route("b.example", Outcome::local(451, {4, 4, 3}, "no answer"), now);
  BOOST_TEST(listed(now) == (std::vector<std::string>{"b.example", "dead.example"}),
             boost::test_tools::per_element());
  BOOST_TEST(domains.find("dead.example")->no_route == "550 5.1.2 no such domain");
  BOOST_TEST(domains.find("dead.example")->refused == 1U);
  domains.note_route("b.example");
  BOOST_TEST(listed(now).size() == 1U);
  BOOST_TEST(listed(now + delivery::DomainTally::listed_for).empty());
  domains.note_no_route("b.example", Outcome::local(451, {4, 4, 3}, "no answer"), now + 2h);
  BOOST_TEST(listed(now + 2h).size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_tally_is_bounded_and_forgets_who_was_used_longest_ago) {
  delivery::DomainTally domains;
  TimePoint const now{1h};
  auto const name = [](std::size_t n) { return "d" + std::to_string(n) + ".example"; };
  for (std::size_t n = 0; n <= delivery::DomainTally::most; ++n) {
    domains.count(name(n), OutcomeKind::Delivered);
    if (n == 1) domains.count(name(0), OutcomeKind::Delivered);
  }
  BOOST_TEST(domains.find(name(1)) == nullptr);
  BOOST_TEST(domains.find(name(0)) != nullptr);
  std::size_t listed = 0;
  for (std::size_t n = 0; n < 2 * delivery::DomainTally::most_unrouted; ++n)
    domains.note_no_route(name(n), Outcome::local(451, {4, 4, 3}, "x"), now);
  domains.visit_unrouted(now, [&](auto const&) { ++listed; });
  BOOST_TEST(listed == delivery::DomainTally::most_unrouted);
}

BOOST_AUTO_TEST_SUITE_END()
