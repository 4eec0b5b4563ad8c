#include "core/admission/desk.h"

#include <boost/test/unit_test.hpp>

#include "fakes/memory_store.h"

using namespace mailpool;
using namespace mailpool::admission;
using namespace std::chrono_literals;

namespace {

struct KnownPlaces final : Places {
  std::map<std::string, Place> places;
  [[nodiscard]] Place place_of(std::string const& domain, TimePoint) const override {
    auto const found = places.find(domain);
    return found == places.end() ? Place{} : found->second;
  }
};

struct Room {
  KnownPlaces places;
  Settings settings;
  TimePoint now{1h};

  void domain(std::string const& name, std::string const& rate) {
    settings.domains[name].accept_rate = Rate::parse(rate).value();
    desk.reconfigure(settings);
  }
  Answer ask(std::string const& name, std::uint16_t recipients = 1,
             std::string const& tenant = {}) {
    return desk.ask({1, recipients, name, tenant}, now);
  }
  bool has_room(std::string const& name) { return ask(name).verdict == Verdict::Room; }

  fakes::MemoryStore store;
  Desk desk{settings, places, store};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(desk)

BOOST_AUTO_TEST_CASE(a_domain_without_a_limit_has_room_and_that_may_be_remembered) {
  Room room;
  auto const answer = room.ask("free.test");
  BOOST_TEST((answer.verdict == Verdict::Room));
  BOOST_TEST(answer.keep_for > 0U);
}

BOOST_AUTO_TEST_CASE(a_domains_limit_is_kept_to_the_nanosecond) {
  Room room;
  room.domain("a.test", "1/s, burst 2");
  BOOST_TEST(room.ask("a.test").keep_for == 0U);  // it counted: the next must ask again
  BOOST_TEST(room.has_room("a.test"));
  BOOST_TEST(!room.has_room("a.test"));
  room.now += 1s - 1ns;
  BOOST_TEST(!room.has_room("a.test"));
  room.now += 1ns;
  BOOST_TEST(room.has_room("a.test"));
  BOOST_TEST(!room.has_room("a.test"));
  BOOST_TEST(room.has_room("b.test"));
}

BOOST_AUTO_TEST_CASE(a_refusal_says_domain_option_value_and_when_to_come_back) {
  Room room;
  room.domain("a.test", "6/min, burst 1");
  BOOST_TEST(room.has_room("a.test"));
  auto const answer = room.ask("a.test");
  BOOST_TEST((answer.verdict == Verdict::Full));
  BOOST_TEST(answer.text ==
             "a.test: [domain.\"a.test\"] accept_rate reached (6/min, burst 1), next in 10s");
  BOOST_TEST(answer.keep_for == 10'000U);
}

BOOST_AUTO_TEST_CASE(domains_of_one_site_share_its_limit_and_the_latest_limit_is_named) {
  Room room;
  Place const at_big{true, "big", Rate::parse("1/s, burst 2").value(), ""};
  room.places.places = {{"a.test", at_big}, {"b.test", at_big}};
  room.domain("a.test", "10/s, burst 1");
  BOOST_TEST(room.has_room("a.test"));
  BOOST_TEST(room.has_room("b.test"));
  BOOST_TEST(room.ask("b.test").text ==
             "b.test: [site.big] accept_rate reached (1/s, burst 2), next in 1s");
  BOOST_TEST(room.ask("a.test").text ==
             "a.test: [site.big] accept_rate reached (1/s, burst 2), next in 1s");
}

BOOST_AUTO_TEST_CASE(what_one_limit_refuses_is_not_counted_against_another) {
  Room room;
  Place const at_big{true, "big", Rate::parse("1/h, burst 2").value(), ""};
  room.places.places = {{"a.test", at_big}, {"b.test", at_big}};
  room.domain("a.test", "1/h, burst 1");
  BOOST_TEST(room.has_room("a.test"));
  for (int i = 0; i < 5; ++i) BOOST_TEST(!room.has_room("a.test"));
  BOOST_TEST(room.has_room("b.test"));
  BOOST_TEST(!room.has_room("b.test"));
}

BOOST_AUTO_TEST_CASE(several_recipients_at_once_are_all_paid_for) {
  Room room;
  room.domain("a.test", "1/s, burst 1");
  BOOST_TEST((room.ask("a.test", 5).verdict == Verdict::Room));
  room.now += 5s - 1ns;
  BOOST_TEST(!room.has_room("a.test"));
  room.now += 1ns;
  BOOST_TEST(room.has_room("a.test"));
}

BOOST_AUTO_TEST_CASE(a_tenant_has_a_limit_over_all_domains) {
  Room room;
  room.settings.tenants["shop"].accept_rate = Rate::parse("1/h, burst 2").value();
  room.desk.reconfigure(room.settings);
  BOOST_TEST((room.ask("a.test", 1, "shop").verdict == Verdict::Room));
  BOOST_TEST((room.ask("", 1, "shop").verdict == Verdict::Room));
  BOOST_TEST(room.ask("b.test", 1, "shop").text ==
             "b.test: [tenant.shop] accept_rate reached (1/h, burst 2), next in 1h");
  BOOST_TEST(room.ask("", 1, "shop").text ==
             "shop: [tenant.shop] accept_rate reached (1/h, burst 2), next in 1h");
  BOOST_TEST(room.has_room("b.test"));
  BOOST_TEST((room.ask("b.test", 1, "other").verdict == Verdict::Room));
}

BOOST_AUTO_TEST_CASE(where_mailpool_carries_no_mail_it_has_no_say) {
  Room room;
  room.places.places["local.test"] = {false, "", {}, ""};
  room.domain("local.test", "1/d");
  for (int i = 0; i < 3; ++i) BOOST_TEST(room.has_room("local.test"));
}

BOOST_AUTO_TEST_CASE(the_suspended_wait_in_the_mtas_queue_unless_told_otherwise) {
  Room room;
  room.places.places["a.test"] = {true, "", {}, "a.test: suspended until noon: a reason"};
  BOOST_TEST(room.has_room("a.test"));
  room.settings.milter.on_suspended = MilterReply::Tempfail;
  room.desk.reconfigure(room.settings);
  auto const answer = room.ask("a.test");
  BOOST_TEST((answer.verdict == Verdict::Suspended));
  BOOST_TEST(answer.text == "a.test: suspended until noon: a reason");
}

BOOST_AUTO_TEST_CASE(a_reload_keeps_what_was_used) {
  Room room;
  room.domain("a.test", "1/h, burst 1");
  BOOST_TEST(room.has_room("a.test"));
  room.domain("a.test", "2/h, burst 1");
  BOOST_TEST(!room.has_room("a.test"));
  room.settings.domains.clear();
  room.desk.reconfigure(room.settings);
  BOOST_TEST(room.has_room("a.test"));
}

BOOST_AUTO_TEST_CASE(recipients_are_counted) {
  Room room;
  room.domain("a.test", "1/h, burst 1");
  (void)room.ask("a.test", 3);
  (void)room.ask("a.test");
  BOOST_TEST(room.desk.counts().asked == 4U);
  BOOST_TEST(room.desk.counts().full == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_accepted_is_forgotten_at_the_level_that_is_named_alone) {
  Room room;
  room.domain("a.test", "1/d");
  room.settings.tenants["acme"].accept_rate = Rate::parse("1/d").value();
  room.desk.reconfigure(room.settings);
  room.places.places["s.test"] = {true, "provider", Rate::parse("1/d").value(), ""};
  auto const is_full = [&](std::string const& domain, std::string const& tenant = {}) {
    return room.ask(domain, 1, tenant).verdict == Verdict::Full;
  };
  BOOST_TEST(room.has_room("a.test"));
  BOOST_TEST(room.has_room("s.test"));
  BOOST_TEST(!is_full("free.test", "acme"));
  BOOST_TEST((is_full("a.test") && is_full("s.test") && is_full("free.test", "acme")));
  BOOST_TEST(room.desk.forget_use(Desk::Level::Domain, "a.test"));
  BOOST_TEST(!room.desk.forget_use(Desk::Level::Domain, "provider"), "that is a site");
  BOOST_TEST(room.has_room("a.test"));
  BOOST_TEST((is_full("s.test") && is_full("free.test", "acme")));
  BOOST_TEST(room.desk.forget_use(Desk::Level::Site, "provider"));
  BOOST_TEST(room.has_room("s.test"));
  BOOST_TEST(is_full("free.test", "acme"));
  BOOST_TEST(room.desk.forget_use(Desk::Level::Tenant, "acme"));
  BOOST_TEST(!is_full("free.test", "acme"));
}

// Domain, site and tenant may each take ten of a day; a unit of a second begins anew.
BOOST_AUTO_TEST_CASE(what_was_accepted_of_an_hour_or_a_day_survives_a_restart_until_it_is_resumed) {
  auto const wall = [](Room const& room) {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(room.now.time_since_epoch()));
  };
  for (auto const level : {Desk::Level::Site, Desk::Level::Domain, Desk::Level::Tenant})
    for (std::string const rate : {"10/d", "10/h", "10/d, burst 10", "10/min", "10/s"}) {
      auto const configure = [&](Room& room) {
        auto const parsed = Rate::parse(rate).value();
        if (level == Desk::Level::Domain) room.settings.domains["a.test"].accept_rate = parsed;
        if (level == Desk::Level::Tenant) room.settings.tenants["acme"].accept_rate = parsed;
        room.places.places["a.test"] = {true, "provider",
                                        level == Desk::Level::Site ? parsed : Rate{}, ""};
        room.desk.reconfigure(room.settings);
      };
      auto const is_full = [](Room& room) {
        return room.ask("a.test", 1, "acme").verdict == Verdict::Full;
      };
      Room room;
      configure(room);
      BOOST_TEST((room.ask("a.test", 10, "acme").verdict == Verdict::Room));
      room.desk.keep_use(100, wall(room), room.now);

      auto const after = [&](Room& next, bool forgets) {
        next.now = room.now + 30s;
        configure(next);
        next.store = room.store;
        next.store.restart(wall(next));
        next.desk.restore(wall(next), next.now);
        if (forgets)
          next.desk.forget_use(level, level == Desk::Level::Site     ? "provider"
                                      : level == Desk::Level::Domain ? "a.test"
                                                                     : "acme");
        return is_full(next);
      };
      Room restarted;
      BOOST_TEST(after(restarted, false) == (rate != "10/s"), rate);
      Room resumed;
      BOOST_TEST(!after(resumed, true), rate);
      Room forgetful;
      BOOST_TEST(!is_full((configure(forgetful), forgetful)), "nothing is kept without a store");
    }
}

BOOST_AUTO_TEST_SUITE_END()
