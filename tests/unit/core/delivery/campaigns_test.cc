// Campaigns: counted, held back by hand and by rules, bounded however many names come.

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct CampaignLab : DeliveryLab {
  CampaignLab() { settings.lmtp.trust_unsigned_tenant = true; }

  Answers& deliver_of(std::string const& campaign, std::string const& recipient = "u@one.test") {
    marks.campaigns = {campaign};
    return deliver(recipient);
  }
  void suspend(std::string const& campaign, Duration how_long = 1h) {
    if (!dispatcher) begin();
    BOOST_REQUIRE(dispatcher->suspend_campaign(
        campaign, {clock.now_ + how_long, "a wrong link", "root", {}}, clock.now_));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(campaigns, CampaignLab)

BOOST_AUTO_TEST_CASE(what_becomes_of_each_ones_mail_is_counted) {
  deliver_of("Spring");
  deliver_of("spring", "u@two.test");
  deliver_of("no name");
  network.behaviour.answer = [](auto&, std::string const& line) {
    return line.starts_with("RCPT") ? "550 5.1.1 no\r\n" : "?";
  };
  deliver_of("spring");
  auto const& known = context->campaigns;
  BOOST_TEST(known.all().size() == 1U);
  BOOST_REQUIRE(known.find("spring") != nullptr);
  BOOST_TEST(known.find("spring")->delivered == 2U);
  BOOST_TEST(known.find("spring")->refused == 1U);
  BOOST_TEST(known.find("spring")->deferred == 0U);
}

BOOST_AUTO_TEST_CASE(one_that_is_suspended_waits_at_all_sites_and_nobody_else_does) {
  never_answer();
  settings.smtp.max_connections = 1;
  deliver_of("other");
  auto& waiting = deliver_of("spring");
  BOOST_TEST(!waiting.is_over());
  suspend("spring");
  settle();
  BOOST_TEST(waiting.line().starts_with("451 4.7.1 campaign spring: suspended until "));
  BOOST_TEST(contains(waiting.line(), "a wrong link"));
  network.behaviour.answer = {};
  auto const& later = deliver_of("spring", "u@two.test");
  BOOST_TEST(later.line().starts_with("451 4.7.1 campaign spring: suspended until "));
  BOOST_TEST(deliver_of("other", "u@two.test").is_delivered());
  BOOST_TEST(context->campaigns.find("spring")->deferred == 2U);
  BOOST_TEST(dispatcher->resume_campaign("spring", clock.now_));
  BOOST_TEST(!dispatcher->resume_campaign("spring", clock.now_));
  BOOST_TEST(deliver_of("spring", "u@two.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_suspension_ends_by_itself_and_outlives_a_restart) {
  suspend("spring", 1h);
  pass(30min);
  CampaignLab after;
  after.clock.now_ = clock.now_;
  after.store = store;
  after.store.restart(after.clock.wall(after.clock.now_));
  after.begin();
  BOOST_TEST(after.dispatcher->restore(after.clock.now_) == 1U);
  BOOST_TEST(contains(after.deliver_of("spring").line(), "a wrong link"));
  after.pass(30min);
  BOOST_TEST(after.deliver_of("spring").is_delivered());
}

BOOST_AUTO_TEST_CASE(at_one_site_it_is_held_as_a_part_of_the_sites_mail) {
  deliver_of("spring");
  auto const site = site_of("one.test").name();
  dispatcher->suspend_scope(site, "campaign spring", {clock.now_ + 1h, "x", "root", {}},
                            clock.now_);
  BOOST_TEST(deliver_of("spring").line().starts_with("451 4.7.1 " + site +
                                                     ": campaign spring: suspended until "));
  BOOST_TEST(deliver_of("spring", "u@two.test").is_delivered());
  BOOST_TEST(deliver_of("other").is_delivered());
  BOOST_TEST(dispatcher->resume_scope(site, "campaign spring", clock.now_));
  BOOST_TEST(deliver_of("spring").is_delivered());
}

BOOST_AUTO_TEST_CASE(where_a_site_holds_too_many_parts_already_that_is_said) {
  deliver_of("spring");
  auto const site = site_of("one.test").name();
  auto const hold = [&](std::string const& scope) {
    return dispatcher->suspend_scope(site, scope, {clock.now_ + 1h, "x", "root", {}}, clock.now_);
  };
  for (std::size_t n = 0; n < delivery::Holds::most; ++n)
    BOOST_REQUIRE(hold("campaign c" + std::to_string(n)));
  BOOST_TEST(!hold("campaign spring"));
  BOOST_TEST(hold("campaign c0"));
  BOOST_TEST(deliver_of("spring").is_delivered());
}

BOOST_AUTO_TEST_CASE(names_without_end_are_forgotten_oldest_first_but_suspensions_are_kept) {
  delivery::Campaigns many;
  auto const wall = clock.wall(clock.now_);
  BOOST_TEST(many.suspend("held", {clock.now_ + 1h, "x", "root", {}}, store, wall, clock.now_));
  for (std::size_t n = 0; n < 2 * delivery::Campaigns::most; ++n)
    many.count("c" + std::to_string(n), OutcomeKind::Delivered, clock.now_);
  BOOST_TEST(many.all().size() == delivery::Campaigns::most);
  BOOST_TEST((many.held("held", clock.now_) != nullptr));
  BOOST_TEST((many.find("c0") == nullptr));
  BOOST_TEST((many.find("c" + std::to_string(2 * delivery::Campaigns::most - 1)) != nullptr));
  delivery::Campaigns full;
  for (std::size_t n = 0; n < delivery::Campaigns::most; ++n)
    BOOST_REQUIRE(full.suspend("c" + std::to_string(n), {clock.now_ + 1h, "x", "root", {}}, store,
                               wall, clock.now_));
  BOOST_TEST(
      !full.suspend("one more", {clock.now_ + 1h, "x", "root", {}}, store, wall, clock.now_));
  full.count("one more", OutcomeKind::Delivered, clock.now_);
  BOOST_TEST((full.find("one more") == nullptr));
  // Those whose time is over make room.
  full.count("one more", OutcomeKind::Delivered, clock.now_ + 1h);
  BOOST_TEST((full.find("one more") != nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
