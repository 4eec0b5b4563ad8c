// Delivery before and after a restart: who was suspended still is, and the day's counts go on.
#include <boost/test/unit_test.hpp>

#include "fakes/delivery_lab.h"

namespace mailpool::delivery {
namespace {

using namespace std::chrono_literals;
using fakes::DeliveryLab;
using state::Kind;

// The manager that comes after: `took` later, with the records that the one before left.
struct AfterRestart {
  AfterRestart(DeliveryLab& before, Duration took) {
    lab.settings = before.settings;
    lab.clock.now_ = before.clock.now_ + took;
    lab.store = before.store;
    lab.store.restart(lab.clock.wall(lab.clock.now_));
    lab.begin();
    in_force = lab.dispatcher->restore(lab.clock.now_);
  }
  DeliveryLab lab;
  std::size_t in_force = 0;
};

BOOST_AUTO_TEST_CASE(sites_and_domains_are_still_suspended_after_a_restart) {
  DeliveryLab lab;
  auto const name = "one.test";
  lab.deliver("a@one.test");
  auto const site = lab.site_of(name).name();
  auto const now = lab.clock.now_;
  lab.dispatcher->suspend_site(site, {now + 2h, "they asked us to", "rule 3", {}}, now);
  lab.dispatcher->suspend_domain("two.test", {now + 1h, "list bombing", "uid 0", {}}, now);
  lab.settle();

  AfterRestart after(lab, 30min);
  BOOST_TEST(after.in_force == 2U);
  auto const* restored = after.lab.dispatcher->find_site(site);
  BOOST_TEST_REQUIRE(restored != nullptr);
  BOOST_TEST_REQUIRE(restored->suspension().has_value());
  BOOST_CHECK(restored->suspension()->until == now + 2h);
  BOOST_TEST(restored->suspension()->by == "rule 3");
  BOOST_CHECK(restored->suspension()->since == lab.clock.wall(now));
  BOOST_TEST(after.lab.deliver("b@one.test").line().find("they asked us to") != std::string::npos);
  BOOST_TEST(after.lab.deliver("b@two.test").line().find("list bombing") != std::string::npos);
  after.lab.pass(91min);
  BOOST_TEST(after.lab.deliver("c@one.test").is_delivered());
  BOOST_TEST(after.lab.deliver("c@two.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(what_was_resumed_or_ran_out_is_not_suspended_again) {
  DeliveryLab lab;
  lab.deliver("a@one.test");
  auto const site = lab.site_of("one.test").name();
  auto const now = lab.clock.now_;
  lab.dispatcher->suspend_site(site, {now + 2h, "x", "uid 0", {}}, now);
  lab.dispatcher->resume_site(site, now);
  lab.dispatcher->suspend_domain("two.test", {now + 2h, "x", "uid 0", {}}, now);
  lab.dispatcher->resume_domain("two.test", now);
  lab.dispatcher->suspend_domain("pair.test", {now + 1min, "x", "uid 0", {}}, now);
  AfterRestart after(lab, 2min);
  BOOST_TEST(after.in_force == 0U);
  BOOST_TEST(lab.store.size(Kind::Suspension) == 1U);  // it expires by itself
}

BOOST_AUTO_TEST_CASE(a_record_that_makes_no_sense_is_dropped_in_words) {
  DeliveryLab lab;
  lab.begin();
  lab.store.put(Kind::Suspension, "nonsense", "more of it", state::no_expiry);
  lab.store.put(Kind::Counter, "one", "nonsense", state::no_expiry);
  AfterRestart after(lab, 1s);
  BOOST_TEST(after.in_force == 0U);
  BOOST_TEST(after.lab.log.has("a suspension of \"nonsense\" cannot be read and is dropped"));
  BOOST_TEST(after.lab.store.size(Kind::Suspension) == 0U);
}

BOOST_AUTO_TEST_CASE(the_counts_of_the_day_go_on_after_a_restart) {
  DeliveryLab lab;
  for (int i = 0; i < 3; ++i) lab.deliver("a@one.test");
  auto const site = lab.site_of("one.test").name();
  BOOST_TEST(lab.store.size(Kind::Counter) == 0U);
  lab.dispatcher->keep_counts(100);
  BOOST_TEST(lab.store.size(Kind::Counter) == 1U);
  auto const puts = lab.store.puts;
  lab.dispatcher->keep_counts(100);
  BOOST_TEST(lab.store.puts == puts);  // nothing changed

  AfterRestart after(lab, 1s);
  after.lab.deliver("a@one.test");
  auto const& periods = after.lab.site_of("one.test").periods();
  BOOST_TEST(periods.day(after.lab.clock.wall(after.lab.clock.now_)).delivered == 4U);
}

// At every level, with and without a burst.
BOOST_AUTO_TEST_CASE(what_was_used_of_an_hour_or_a_day_survives_a_restart_and_resume_forgets_it) {
  for (auto const* text : {"10/d", "10/d, burst 10", "10/h", "10/min"}) {
    auto const rate = Rate::parse(text).value();
    for (std::string const level :
         {"site", "domain", "sender domain", "tenant", "source", "total"}) {
      DeliveryLab lab;
      lab.settings.tenants["shop"].sender_domains = {"mail.test"};
      if (level == "site") lab.settings.smtp.rate = rate;
      if (level == "domain") lab.settings.domains["one.test"].rate = rate;
      if (level == "sender domain") lab.settings.sender_domains["mail.test"].rate = rate;
      if (level == "tenant") lab.settings.tenants["shop"].rate = rate;
      if (level == "total") lab.settings.total.rate = rate;
      if (level == "source") {
        lab.settings.sources["west"].rate = rate;
        lab.settings.smtp.source = "west";
      }
      for (int i = 0; i < 10; ++i) BOOST_TEST(lab.deliver("a@one.test").is_delivered());
      lab.dispatcher->keep_counts(100);

      AfterRestart after(lab, 30s);
      auto& waits = after.lab.deliver("a@one.test");
      BOOST_TEST(!waits.is_over(), level << " " << text);
      auto const now = after.lab.clock.now_;
      if (level == "site")
        after.lab.dispatcher->resume_site(after.lab.site_of("one.test").name(), now);
      else if (level == "domain")
        BOOST_TEST(after.lab.dispatcher->resume_domain("one.test", now));
      else if (level == "tenant")
        BOOST_TEST(after.lab.dispatcher->resume_tenant("shop", now));
      else
        BOOST_TEST(after.lab.dispatcher->resume_level(level == "total" ? "total"
                                                      : level == "source"
                                                          ? "source west"
                                                          : "sender_domain mail.test",
                                                      now));
      after.lab.settle();
      BOOST_TEST(waits.is_delivered(), level << " " << text << ": who waits is looked at again");
      BOOST_TEST(after.lab.deliver("b@one.test").is_delivered(), level << " " << text);
    }
  }
}

BOOST_AUTO_TEST_CASE(after_the_clock_was_set_the_end_is_told_anew) {
  DeliveryLab lab;
  lab.deliver("a@one.test");
  auto const site = lab.site_of("one.test").name();
  auto const now = lab.clock.now_;
  lab.dispatcher->suspend_site(site, {now + 2h, "x", "uid 0", {}}, now);
  auto const puts = lab.store.puts;
  lab.dispatcher->keep_suspensions(now);
  BOOST_TEST(lab.store.puts == puts + 1);
}

}  // namespace
}  // namespace mailpool::delivery
