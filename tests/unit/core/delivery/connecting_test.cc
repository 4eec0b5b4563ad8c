// Hosts that are dead, silent or slow, with the options as they ship: the next one is used within
// the attempt, and who is slow gets its time where nothing else is there.

#include <boost/test/unit_test.hpp>

#include "core/config/load.h"
#include "fakes/contains.h"
#include "fakes/mx_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

/// x.test has two MX hosts, pair.test one host with two addresses, equal.test two that are as good.
struct DefaultsLab : DeliveryLab {
  DefaultsLab() {
    settings.routes.clear();
    dns.mx("x.test", {{10, "mx1.test"}, {20, "mx2.test"}});
    dns.host("mx1.test", {"192.0.2.1"});
    dns.host("mx2.test", {"192.0.2.2"});
    dns.mx("pair.test", {{10, "both.test"}});
    dns.host("both.test", {"2001:db8::1", "192.0.2.3"});
    dns.mx("one.test", {{10, "one.test"}});
    dns.host("one.test", {"192.0.2.4"});
  }
  ~DefaultsLab() { dispatcher.reset(); }
  void begin() {
    router = std::make_unique<route::Router>(settings, dns, random, &sts);
    context = std::make_unique<delivery::Context>(network, random, log, clock, store);
    dispatcher = std::make_unique<delivery::Dispatcher>(settings, *router, *context);
  }
  Answers& hand_in(std::string const& recipient) {
    if (!dispatcher) begin();
    auto& a = send({recipient});
    settle();
    return a;
  }
  /// How long it took until it was answered.
  [[nodiscard]] static Duration took(Answers const& a, TimePoint from) {
    BOOST_REQUIRE(a.is_over());
    return a.answered_at - from;
  }
  [[nodiscard]] std::size_t tried(std::string const& address) const {
    return static_cast<std::size_t>(
        std::count_if(network.servers.begin(), network.servers.end(),
                      [&](auto const& s) { return s->address.address.to_string() == address; }));
  }
  void drop(std::string const& address) {
    network.behaviour.drops = [address](auto const& t) { return t.address.to_string() == address; };
  }
  void greet_after(std::string const& address, Duration time) {
    network.behaviour.greets_after = [address, time](auto const& t) {
      return t.address.to_string() == address ? time : Duration::zero();
    };
  }

  TableResolver dns;
  TableSts sts;
};

constexpr Duration for_ever = 24h;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(connecting_with_the_defaults, DefaultsLab)

BOOST_AUTO_TEST_CASE(a_first_host_that_drops_syns_costs_one_connect_timeout_within_the_attempt) {
  drop("192.0.2.1");
  auto const begun = clock.now_;
  auto& a = hand_in("u@x.test");
  pass(1min);
  BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST(contains(a.line(), "mx2.test"));
  BOOST_TEST((took(a, begun) == settings.smtp.connect_timeout));
  BOOST_TEST(tried("192.0.2.1") == 1U);
}

BOOST_AUTO_TEST_CASE(a_first_host_that_does_not_greet_is_not_waited_for_where_another_is_there) {
  greet_after("192.0.2.1", for_ever);
  auto const begun = clock.now_;
  auto& a = hand_in("u@x.test");
  pass(1min);
  BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST(contains(a.line(), "mx2.test"));
  BOOST_TEST((took(a, begun) == settings.smtp.connect_timeout));
}

BOOST_AUTO_TEST_CASE(so_it_is_with_a_single_connection_too) {
  settings.smtp.max_connections = 1;
  greet_after("192.0.2.1", for_ever);
  auto& a = hand_in("u@x.test");
  pass(1min);
  BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST(network.most_open == 1U);
}

BOOST_AUTO_TEST_CASE(a_lone_host_that_greets_late_gets_its_time) {
  greet_after("192.0.2.4", 35s);
  auto const begun = clock.now_;
  auto& a = hand_in("u@one.test");
  pass(34s);
  BOOST_TEST(!a.is_over(), "max_wait bounds what waits for limits, not for a host");
  pass(1s);
  BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST((took(a, begun) == 35s));
  BOOST_TEST(opened() == 1U);
}

BOOST_AUTO_TEST_CASE(just_within_five_minutes_and_not_after) {
  greet_after("192.0.2.4", 5min - 1s);
  auto& early = hand_in("u@one.test");
  pass(5min);
  BOOST_TEST(early.is_delivered(), early.line());
  dispatcher->flush(site_of("one.test").name(), "flush", clock.now_);
  settle();
  greet_after("192.0.2.4", for_ever);
  auto& late = hand_in("u@one.test");
  pass(5min - 1ms);
  BOOST_TEST(!late.is_over());
  pass(1ms);
  BOOST_TEST(late.line().starts_with("451 4.4."), late.line());
  BOOST_TEST(contains(late.line(), "one.test[192.0.2.4]:25"), late.line());
}

BOOST_AUTO_TEST_CASE(a_dead_address_beside_a_good_one_costs_a_head_start) {
  drop("2001:db8::1");
  settings.smtp.ip = IpPreference::Prefer6;
  auto const begun = clock.now_;
  auto& a = hand_in("u@pair.test");
  pass(10s);
  BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST((took(a, begun) == 500ms));
  BOOST_TEST(network.open() == 1U, "the loser is closed");
  BOOST_TEST(context->totals.closed["overtaken"] == 1U);
}

BOOST_AUTO_TEST_CASE(a_burst_at_a_dead_address_finds_the_other_as_soon) {
  drop("2001:db8::1");
  settings.smtp.ip = IpPreference::Prefer6;
  if (!dispatcher) begin();
  for (int i = 0; i < 100; ++i) send({"u" + std::to_string(i) + "@pair.test"});
  pass(1s);
  for (auto const& a : answers) BOOST_TEST(a.is_delivered(), a.line());
  BOOST_TEST(network.most_open <= settings.smtp.max_connections);
}

BOOST_AUTO_TEST_CASE(who_is_slow_at_all_addresses_loses_no_race_to_itself) {
  network.behaviour.connects_after = [](auto const&) { return Duration(700ms); };
  if (!dispatcher) begin();
  for (int i = 0; i < 40; ++i) send({"u" + std::to_string(i) + "@pair.test"});
  pass(10s);
  for (auto const& a : answers) BOOST_TEST(a.is_delivered(), a.line());
  for (auto const& [endpoint, record] : site_of("pair.test").paths().own().health.records())
    BOOST_TEST(record.failures == 0U, endpoint.to_string());
}

BOOST_AUTO_TEST_CASE(a_head_start_is_no_race_for_who_is_connected_within_it) {
  settings.smtp.ip = IpPreference::Prefer6;
  network.behaviour.connects_after = [](auto const&) { return Duration(499ms); };
  auto& a = hand_in("u@pair.test");
  pass(1s);
  BOOST_TEST(a.is_delivered());
  BOOST_TEST(opened() == 1U);
}

BOOST_AUTO_TEST_CASE(steady_mail_waits_once_for_a_dead_first_host) {
  drop("192.0.2.1");
  std::vector<Duration> times;
  for (int i = 0; i < 200; ++i) {
    auto const begun = clock.now_;
    auto& a = hand_in("u@x.test");
    pass(5s);
    if (!a.is_over()) pass(55s);
    BOOST_TEST(a.is_delivered(), a.line());
    times.push_back(took(a, begun));
  }
  BOOST_TEST(std::count_if(times.begin(), times.end(), [](auto t) { return t > 0s; }) == 1);
  BOOST_TEST(tried("192.0.2.1") > 3U, "it is probed all the while");
}

BOOST_AUTO_TEST_CASE(rare_mail_does_not_wait_for_a_host_that_failed_last_time) {
  drop("192.0.2.1");
  hand_in("u@x.test");
  for (int i = 0; i < 10; ++i) {
    pass(10min);
    auto const begun = clock.now_;
    auto& a = hand_in("u@x.test");
    pass(10s);
    BOOST_TEST(a.is_delivered(), a.line());
    BOOST_TEST((took(a, begun) <= 2s));
  }
}

BOOST_AUTO_TEST_CASE(a_host_that_answers_again_is_used_again) {
  drop("192.0.2.1");
  hand_in("u@x.test");
  pass(1min);
  network.behaviour.drops = [](auto const&) { return false; };
  for (int i = 0; i < 100; ++i) {
    hand_in("u@x.test");
    pass(5s);
  }
  auto& last = hand_in("u@x.test");
  BOOST_TEST(contains(last.line(), "mx1.test"), last.line());
}

BOOST_AUTO_TEST_CASE(a_failed_host_is_probed_by_one_however_much_waits) {
  drop("192.0.2.4");
  hand_in("u@one.test");
  pass(31s);
  auto const before = tried("192.0.2.4");
  pass(10s);
  for (int i = 0; i < 100; ++i) send({"u" + std::to_string(i) + "@one.test"});
  settle();
  BOOST_TEST(tried("192.0.2.4") - before == 1U);
}

BOOST_AUTO_TEST_CASE(when_all_hosts_drop_syns_each_is_tried_once_and_the_last_word_is_told) {
  network.silent_connects = true;
  auto const begun = clock.now_;
  auto& a = hand_in("u@x.test");
  pass(10min);
  BOOST_TEST((took(a, begun) == 2 * settings.smtp.connect_timeout));
  BOOST_TEST(tried("192.0.2.1") == 1U);
  BOOST_TEST(tried("192.0.2.2") == 1U);
  BOOST_TEST(contains(a.line(), "mx2.test[192.0.2.2]:25: Connection timed out"), a.line());
}

BOOST_AUTO_TEST_CASE(waiting_for_a_limit_still_ends_at_max_wait_however_long_connecting_took) {
  greet_after("192.0.2.4", 35s);
  settings.smtp.rate = {1, 1h, 1};
  hand_in("u@one.test");
  auto& second = hand_in("v@one.test");
  pass(35s + settings.lmtp.max_wait - 1ms);
  BOOST_TEST(!second.is_over());
  pass(1ms);
  BOOST_TEST(contains(second.line(), "rate reached (1/h"), second.line());
}

BOOST_AUTO_TEST_CASE(a_host_can_fail_again_at_once_after_it_was_left_alone_and_answered) {
  site::EndpointHealth health;
  site::EndpointName const mx{"mx", *IpAddress::parse("192.0.2.1"), 25};
  auto const now = clock.now_;
  auto const failure = Outcome::local(451, {4, 4, 1}, "no");
  health.leave_alone(mx, failure, now + 1s, now);
  health.succeeded(mx);
  health.failed(mx, failure, now);
  BOOST_TEST((health.find(mx)->not_before == now + site::first_back_off));
}

BOOST_AUTO_TEST_CASE(a_site_all_of_whose_hosts_fail_is_backing_off_until_one_may_be_tried) {
  network.behaviour.accepts = [](auto const&) { return false; };
  auto& a = hand_in("u@x.test");
  BOOST_TEST(a.is_over());
  auto const& site = site_of("x.test");
  BOOST_TEST((site.state(clock.now_) == site::SiteState::BackingOff));
  BOOST_TEST(dispatcher->busy_sites().contains(&site));
  pass(site::first_back_off);
  BOOST_TEST((site.state(clock.now_) == site::SiteState::Open));
  BOOST_TEST(!dispatcher->busy_sites().contains(&site));
}

BOOST_AUTO_TEST_CASE(what_was_suspended_held_or_drained_meanwhile_is_not_tried_again) {
  using delivery::Dispatcher;
  auto const stop = std::vector<std::function<void(Dispatcher&, TimePoint)>>{
      [](Dispatcher& d, TimePoint now) {
        d.suspend_site(d.site_of_domain("one.test")->name(), {now + 1h, "x", "uid 0", {}}, now);
      },
      [](Dispatcher& d, TimePoint now) {
        d.suspend_domain("one.test", {now + 1h, "x", "uid 0", {}}, now);
      },
      [](Dispatcher& d, TimePoint now) { d.drain(now); },
  };
  for (auto const& how : stop) {
    DefaultsLab lab;
    lab.begin();
    lab.network.behaviour.answer = [&, n = 0](SimulatedServer&, std::string const& line) mutable {
      if (!line.starts_with("MAIL") || ++n != 2) return std::string("?");
      how(*lab.dispatcher, lab.clock.now_);
      return std::string("\x04");  // the connection is gone: a fresh one would be tried
    };
    BOOST_TEST(lab.hand_in("u@one.test").is_delivered());
    auto& second = lab.hand_in("v@one.test");
    lab.pass(1min);
    BOOST_TEST(second.line().starts_with("451 "), second.line());
    BOOST_TEST(lab.opened() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(what_a_hostile_host_says_acts_on_no_providers_site) {
  auto& yahoo = settings.sites["yahoo"];
  yahoo.name = "yahoo";
  yahoo.mx = {".yahoodns.test"};
  yahoo.settings = settings.smtp;
  dns.mx("yahoo.test", {{1, "mta5.yahoodns.test"}});
  dns.host("mta5.yahoodns.test", {"192.0.2.50"});
  dns.mx("attacker.test", {{5, "nx.yahoodns.test"}, {10, "mx.attacker.test"}});
  dns.host("mx.attacker.test", {"192.0.2.66"});
  auto const loaded = load_settings(
      "[[rule]]\nsite = 'yahoo'\nreply = 'TSS04'\ndo = 'suspend'\nfor = '2h'\n"
      "[site.yahoo]\nmx = ['.yahoodns.test']\n",
      "f");
  BOOST_REQUIRE(loaded.mistakes.empty());
  settings.rules = loaded.settings.rules;
  network.behaviour.answer = [](SimulatedServer& s, std::string const& line) {
    bool const is_hostile = s.address.host == "mx.attacker.test" && line.starts_with("MAIL");
    return std::string(is_hostile ? "421 4.7.0 [TSS04] deferred\r\n\x04" : "?");
  };
  hand_in("u@attacker.test");
  BOOST_TEST(tried("192.0.2.66") == 1U);
  BOOST_TEST(hand_in("u@yahoo.test").is_delivered());
  BOOST_TEST(site_of("yahoo.test").name() == "yahoo");
  BOOST_TEST(!site_of("yahoo.test").suspension().has_value());
  BOOST_TEST(site_of("attacker.test").name() != "yahoo");
}

BOOST_AUTO_TEST_CASE(min_idle_takes_a_sources_turn_only_when_it_opens_a_connection) {
  for (auto const* name : {"west", "east"}) settings.sources[name].ehlo_name = name;
  settings.pools["both"].sources = {{"west", 1}, {"east", 1}};
  settings.smtp.source = "both";
  settings.smtp.min_idle = 2;
  settings.smtp.idle_timeout = settings.smtp.check_after = settings.smtp.max_lifetime = 24h;
  std::map<std::string, int> from;
  network.behaviour.answer = [&](SimulatedServer& s, std::string const& line) {
    if (line == "<body>")
      for (auto const& c : s.commands)
        if (c.starts_with("EHLO ")) ++from[c.substr(5)];
    return std::string("?");
  };
  for (int i = 0; i < 20; ++i) {
    hand_in("u@one.test");
    pass(1s);  // each turn of the loop is one in which min_idle is looked after
  }
  BOOST_TEST(from["west"] == 10);
  BOOST_TEST(from["east"] == 10);
}

BOOST_AUTO_TEST_SUITE_END()
