// What waits in the MTA's queue: who is told to wait there, who is woken when. An MTA of a few
// lines keeps the messages, and tries one that it is told to; with the shipped defaults.

#include <boost/test/unit_test.hpp>
#include <map>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"
#include "fakes/table_resolver.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct ParkingLab : DeliveryLab {
  ParkingLab() { begin(); }

  void configure() {
    dispatcher.reset();
    begin();
    context->parking.set_wakeable(0, true);
  }

  Answers& hand_over(std::string const& id, std::string const& recipient) {
    Message message;
    message.envelope.sender = sender;
    message.envelope.queue_id = id;
    message.envelope.queue = 0;
    message.envelope.recipients.push_back({recipient, recipient.substr(recipient.find('@') + 1)});
    message.body.storage = std::make_unique<StringStorage>("Subject: x\r\n\r\nx\r\n");
    auto& a = answers.emplace_back(1U);
    a.delivery = dispatcher->submit(std::move(message), a, clock.now_);
    queue[id] = {recipient, &a};
    ++tries;
    settle();
    return a;
  }
  void hand_over(int count, std::string const& domain) {
    for (int n = 0; n < count; ++n) {
      auto const number = std::to_string(100'000 + static_cast<int>(queue.size()));
      hand_over("ABC" + number, "u@" + domain);
    }
  }
  /// Time passes for all: what is woken comes 100 ms later.
  void run(Duration d) {
    for (auto const end = clock.now_ + d; clock.now_ < end; pass(100ms))
      for (auto const& call : std::exchange(context->parking.calls, {})) {
        ++woken;
        if (!queue.contains(call.queue_id)) continue;  // removed by hand
        auto const& [recipient, answer] = queue.at(call.queue_id);
        BOOST_REQUIRE(answer->is_over());
        BOOST_REQUIRE(!answer->is_delivered());
        hand_over(call.queue_id, recipient);
      }
  }
  [[nodiscard]] int delivered() const {
    int n = 0;
    for (auto const& [id, message] : queue) n += message.second->is_delivered() ? 1 : 0;
    return n;
  }
  [[nodiscard]] int in_slots() const {
    int n = 0;
    for (auto const& [id, message] : queue) n += message.second->is_over() ? 0 : 1;
    return n;
  }

  std::map<std::string, std::pair<std::string, Answers*>> queue;
  int tries = 0;
  int woken = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(parking_at_sites, ParkingLab)

BOOST_AUTO_TEST_CASE(what_cannot_begin_soon_is_answered_at_once_and_the_rate_is_used_up) {
  settings.smtp.rate = {60, 1min, 1};
  configure();
  hand_over(100, "one.test");
  BOOST_TEST(in_slots() <= 3);
  auto const put_off = std::find_if(answers.begin(), answers.end(),
                                    [](auto const& a) { return a.is_over() && !a.is_delivered(); });
  BOOST_REQUIRE(put_off != answers.end());
  BOOST_TEST(contains(put_off->line(), "451 4.7.1 192.0.2.1: rate reached (60/min"));
  run(1min);
  BOOST_TEST(delivered() >= 58);
  BOOST_TEST(delivered() <= 62);
  BOOST_TEST(in_slots() <= 4);
  run(45s);
  BOOST_TEST(delivered() == 100);
  BOOST_TEST(tries <= 210);
}

// The MTA has so much to do that it does not bring them; what it does bring goes.
BOOST_AUTO_TEST_CASE(room_is_not_kept_for_those_that_were_woken_and_are_late) {
  settings.smtp.rate = {60, 1min, 1};
  configure();
  hand_over(30, "one.test");
  run(2s);
  auto const before = delivered();
  for (int n = 0; n < 60; ++n) {
    pass(500ms);
    context->parking.calls.clear();
    hand_over(1, "one.test");
  }
  BOOST_TEST(delivered() - before >= 28);
  BOOST_TEST(delivered() - before <= 32);
}

// Whoever has limits of its own and waits for them: thousands of tenants hold up nobody.
BOOST_AUTO_TEST_CASE(of_thousands_of_tenants_that_may_not_go_none_holds_up_who_may) {
  for (int n = 0; n < 3000; ++n) {
    auto const name = "t" + std::to_string(10'000 + n);
    settings.tenants[name].sender_domains = {name + ".test"};
    settings.tenants[name].rate = {1, 1h, 1};
  }
  settings.tenants["free"].sender_domains = {"free.test"};
  configure();
  for (int round = 0; round < 2; ++round)
    for (int n = 0; n < 3000; ++n) {
      sender = "a@t" + std::to_string(10'000 + n) + ".test";
      hand_over(1, "one.test");
    }
  BOOST_TEST(context->parking.entries.waiting("192.0.2.1") >= 2900U);
  dispatcher->suspend_tenant("free", {clock.now_ + 5s, "audit", "uid 0", {}}, clock.now_);
  sender = "a@free.test";
  auto const& last = hand_over("ABCFREE", "u@one.test");
  BOOST_TEST(last.is_over());
  run(8s);
  BOOST_TEST(queue.at("ABCFREE").second->is_delivered());
}

BOOST_AUTO_TEST_CASE(a_rate_of_a_window_is_used_in_every_window) {
  settings.smtp.rate = {20, 1min, 0};
  configure();
  hand_over(70, "one.test");
  run(10s);
  BOOST_TEST(delivered() == 20);
  run(1min);
  BOOST_TEST(delivered() == 40);
  run(1min);
  BOOST_TEST(delivered() == 60);
  BOOST_TEST(tries <= 150);
}

BOOST_AUTO_TEST_CASE(a_suspension_that_ends_brings_its_mail_within_two_seconds) {
  settings.smtp.rate = {100, 1s, 1};
  configure();
  hand_over(1, "one.test");
  dispatcher->suspend_site("192.0.2.1", {never, "audit", "uid 0", {}}, clock.now_);
  hand_over(50, "one.test");
  run(30s);
  BOOST_TEST(woken == 0);
  BOOST_TEST(delivered() == 1);
  dispatcher->resume_site("192.0.2.1", clock.now_);
  run(2s);
  BOOST_TEST(delivered() == 51);
}

BOOST_AUTO_TEST_CASE(draining_and_a_tenants_suspension_end_likewise) {
  settings.tenants["acme"].sender_domains = {"acme.test"};
  configure();
  sender = "a@acme.test";
  dispatcher->suspend_tenant("acme", {never, "unpaid", "uid 0", {}}, clock.now_);
  hand_over(3, "one.test");
  sender = "b@other.test";
  hand_over(2, "one.test");
  run(5s);
  BOOST_TEST(delivered() == 2);
  dispatcher->resume_tenant("acme", clock.now_);
  sender = "a@acme.test";
  run(2s);
  BOOST_TEST(delivered() == 5);
  dispatcher->drain(clock.now_);
  hand_over(4, "two.test");
  run(5s);
  BOOST_TEST(delivered() == 5);
  dispatcher->undrain(clock.now_);
  run(3s);
  BOOST_TEST(delivered() == 9);
}

BOOST_AUTO_TEST_CASE(all_mail_that_was_held_comes_when_it_may_go_again_or_its_time_is_over) {
  configure();
  dispatcher->suspend_all({clock.now_ + 1h, "a bad list", "root", {}}, clock.now_);
  hand_over(3, "one.test");
  hand_over(3, "two.test");
  run(30s);
  BOOST_TEST(delivered() == 0);
  dispatcher->resume_all(clock.now_);
  run(3s);
  BOOST_TEST(delivered() == 6);
  dispatcher->suspend_all({clock.now_ + 20s, "a moment", "root", {}}, clock.now_);
  hand_over(3, "one.test");
  run(19s);
  BOOST_TEST(delivered() == 6);
  run(5s);
  BOOST_TEST(delivered() == 9);
}

BOOST_AUTO_TEST_CASE(a_limit_that_a_reload_raises_brings_its_mail_within_two_seconds) {
  settings.smtp.rate = {1, 1h, 1};
  configure();
  hand_over(40, "one.test");
  run(20s);
  BOOST_TEST(delivered() == 1);
  settings.smtp.rate = {100, 1s, 1};
  dispatcher->reconfigure(settings, clock.now_);
  run(2s);
  BOOST_TEST(delivered() == 40);
}

BOOST_AUTO_TEST_CASE(suspensions_that_run_out_bring_their_mail_within_two_seconds) {
  configure();
  hand_over(1, "one.test");
  dispatcher->suspend_site("192.0.2.1", {clock.now_ + 60s, "audit", "uid 0", {}}, clock.now_);
  dispatcher->suspend_domain("two.test", {clock.now_ + 60s, "audit", "uid 0", {}}, clock.now_);
  hand_over(10, "one.test");
  hand_over(10, "two.test");
  // Postfix's own clock brings them in between: that is no reason to come late.
  for (int n = 0; n < 7; ++n) {
    run(8s);
    for (auto const& [id, message] : std::map(queue))
      if (!message.second->is_delivered()) hand_over(id, message.first);
  }
  BOOST_TEST(delivered() == 1);
  run(6s);
  BOOST_TEST(delivered() == 21);
}

BOOST_AUTO_TEST_CASE(a_domain_that_is_resumed_brings_its_mail) {
  configure();
  hand_over(1, "one.test");
  dispatcher->suspend_domain("one.test", {never, "audit", "uid 0", {}}, clock.now_);
  hand_over(10, "one.test");
  run(30s);
  BOOST_TEST(delivered() == 1);
  dispatcher->resume_domain("one.test", clock.now_);
  run(2s);
  BOOST_TEST(delivered() == 11);
}

BOOST_AUTO_TEST_CASE(a_host_that_is_back_gets_its_mail_within_two_seconds_of_its_back_off) {
  configure();
  network.behaviour.accepts = [](auto const&) { return false; };
  hand_over(10, "one.test");
  run(3min);
  BOOST_TEST(delivered() == 0);
  BOOST_TEST(tries < 60);
  network.behaviour.accepts = [](auto const&) { return true; };
  auto const until = site_of("one.test").backs_off_until(clock.now_);
  BOOST_REQUIRE((until > clock.now_));
  run(until - clock.now_ + 2s);
  BOOST_TEST(delivered() == 10);
}

BOOST_AUTO_TEST_CASE(what_resume_says_of_a_host_that_backs_off_brings_its_mail) {
  configure();
  network.behaviour.accepts = [](auto const&) { return false; };
  hand_over(10, "one.test");
  run(3min);
  network.behaviour.accepts = [](auto const&) { return true; };
  dispatcher->resume_site("192.0.2.1", clock.now_);
  run(2s);
  BOOST_TEST(delivered() == 10);
}

BOOST_AUTO_TEST_CASE(a_login_that_works_again_brings_its_mail_within_two_seconds) {
  LoginSettings relay;
  relay.user = "relay";
  relay.password_file = "/p";
  relay.allow_plaintext = true;
  settings.logins["relay"] = relay;
  settings.route_logins["one.test"] = "relay";
  configure();
  context->logins.set_nonce([] { return "nonce"; });
  auto const give = [&](std::string_view password) {
    context->logins.reconfigure(settings.logins);
    for (auto const& wanted : context->logins.take_wanted())
      (void)context->logins.take(wanted.name, Secret(password), clock.now_);
    dispatcher->logins_changed(clock.now_);
  };
  network.behaviour.ehlo = "250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n";
  bool is_right = false;
  network.behaviour.answer = [&](SimulatedServer&, std::string const& line) {
    if (!line.starts_with("AUTH")) return std::string("?");
    return std::string(is_right ? "235 2.7.0 ok\r\n" : "535 5.7.8 wrong password\r\n");
  };
  give("wrong");
  hand_over(10, "one.test");
  run(1min);
  BOOST_TEST(delivered() == 0);
  BOOST_TEST(tries < 30);
  is_right = true;
  give("right");
  run(2s);
  BOOST_TEST(delivered() == 10);
}

BOOST_AUTO_TEST_CASE(dns_that_answers_again_brings_its_mail_within_two_seconds) {
  TableResolver dns;
  for (auto const* domain : {"a.example", "b.example"})
    dns.mx_fails(domain, route::DnsStatus::Failure);
  dispatcher.reset();
  router = std::make_unique<route::Router>(settings, dns, random);
  context = std::make_unique<delivery::Context>(network, random, log, clock, store);
  dispatcher = std::make_unique<delivery::Dispatcher>(settings, *router, *context);
  context->parking.set_wakeable(0, true);
  hand_over(5, "a.example");
  hand_over(5, "b.example");
  run(5min);
  BOOST_TEST(delivered() == 0);
  BOOST_TEST(tries < 100);  // each message a few times, then one of each domain now and then
  dns.mx("b.example", {{10, "mx.b.example"}});
  dns.host("mx.b.example", {"192.0.2.9"});
  // Two domains are looked up in turn, each two seconds one of them.
  run(5s);
  BOOST_TEST(delivered() == 5);
  dns.mx("a.example", {{10, "mx.b.example"}});
  run(3s);
  BOOST_TEST(delivered() == 10);
  dispatcher.reset();
  router.reset();
}

BOOST_AUTO_TEST_CASE(one_site_leaves_the_slots_of_the_others_even_where_nothing_can_be_woken) {
  settings.smtp.rate = {1, 1h, 1};
  configure();
  context->parking.set_wakeable(0, false);
  hand_over(400, "one.test");
  BOOST_TEST(in_slots() <= 126);  // a quarter of 500
  hand_over(400, "two.test");
  BOOST_TEST(in_slots() <= 190);
  auto& other = hand_over("ABCDEF", "u@pair.test");
  BOOST_TEST(other.is_delivered());
}

BOOST_AUTO_TEST_CASE(what_waited_before_a_restart_is_found_by_one_of_its_domain) {
  configure();
  for (int n = 0; n < 10; ++n) {
    auto const id = "OLD" + std::to_string(1000 + n);
    queue[id] = {"u@one.test", &answers.emplace_back(1U)};
    queue[id].second->outcomes[0] = Outcome::local(451, {4, 7, 1}, "of before");
    BOOST_TEST(dispatcher->relearn(id, 0, "u@one.test", parking::Why::Limit, 1h, clock.now_));
  }
  run(10s);
  BOOST_TEST(delivered() == 10);
  BOOST_TEST(context->parking.entries.unheard == 0U);
}

BOOST_AUTO_TEST_CASE(messages_that_are_gone_hold_up_no_others_of_their_domain) {
  configure();
  for (int n = 0; n < 10; ++n) {
    auto const id = "OLD" + std::to_string(1000 + n);
    auto& answer = answers.emplace_back(1U);
    answer.outcomes[0] = Outcome::local(451, {4, 7, 1}, "of before");
    if (n >= 3) queue[id] = {"u@one.test", &answer};
    BOOST_TEST(dispatcher->relearn(id, 0, "u@one.test", parking::Why::Limit, 1h, clock.now_));
  }
  run(25s);
  BOOST_TEST(delivered() == 7);
}

BOOST_AUTO_TEST_CASE(with_every_path_at_its_rate_mail_waits_in_the_queue_and_both_rates_are_used) {
  settings.sources["west"].address = {*IpAddress::parse("192.0.2.101")};
  settings.sources["east"].address = {*IpAddress::parse("192.0.2.102")};
  settings.pools["both"].sources = {{"west", 1}, {"east", 1}};
  settings.smtp.source = "both";
  settings.smtp.rate = {6, 1min, 0};
  configure();
  hand_over(40, "one.test");
  BOOST_TEST(site_of("one.test").paths().used() == 2U);
  BOOST_TEST(delivered() == 12);
  BOOST_TEST(in_slots() == 0);
  run(2min + 10s);
  BOOST_TEST(delivered() >= 34);
  BOOST_TEST(tries <= 40 * 3);
}

BOOST_AUTO_TEST_SUITE_END()
