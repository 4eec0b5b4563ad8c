// A source that is being warmed up, over days: what servers answer decides whether its plan goes
// on.

#include "core/delivery/warm_up_answer.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "core/replies/load_rules.h"
#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

constexpr auto new_address = "192.0.2.101";
constexpr auto old_address = "192.0.2.102";
constexpr auto throttled = "451 4.7.28 unusual rate\r\n";

struct WarmUpLab : DeliveryLab {
  WarmUpLab() {
    settings.smtp.max_waiting = 10'000;
    settings.lmtp.slots = 20'000;
    settings.sources["new"].address = {*IpAddress::parse(new_address)};
    settings.sources["old"].address = {*IpAddress::parse(old_address)};
    settings.sources["new"].warm_up = {today(), {20, 40, 80}};
    settings.pools["both"].sources = {{"new", 1}, {"old", 1}};
    settings.smtp.source = "new";
    settings.smtp.adaptive = false;
  }
  [[nodiscard]] std::chrono::sys_days today() const {
    return std::chrono::floor<std::chrono::days>(clock.wall(clock.now_));
  }
  // The new address hears `reply` to MAIL.
  void say(std::string reply) {
    network.behaviour.answer = [reply = std::move(reply)](SimulatedServer& server,
                                                          std::string const& line) {
      bool const is_meant =
          !reply.empty() && server.client == new_address && line.starts_with("MAIL");
      return is_meant ? reply : std::string("?");
    };
  }
  // Messages that the new address took from its allowance today: MAIL commands.
  std::size_t send(int n, std::string const& domain = "one.test") {
    auto const before = mails();
    for (int i = 0; i < n; ++i) deliver("u" + std::to_string(i) + "@" + domain);
    return mails() - before;
  }
  [[nodiscard]] std::size_t mails() const {
    std::size_t n = 0;
    for (auto const& s : network.servers)
      if (s->client == new_address)
        n += static_cast<std::size_t>(
            std::count_if(s->commands.begin(), s->commands.end(),
                          [](auto const& c) { return c.starts_with("MAIL"); }));
    return n;
  }
  void good_and_bad(int good, int bad) {
    say({});
    send(good);
    say(throttled);
    send(bad);
    say({});
  }
  void restart_after(Duration took) {
    dispatcher.reset();
    clock.now_ += took;
    store.restart(clock.wall(clock.now_));
    begin();
    static_cast<void>(dispatcher->restore(clock.now_));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(warming_up, WarmUpLab)

BOOST_AUTO_TEST_CASE(a_good_day_is_followed_by_the_next_step) {
  BOOST_TEST(send(50) == 20U);
  pass(24h);
  BOOST_TEST(send(50) == 40U);
  BOOST_TEST(!log.has("warm_up source="));
}

BOOST_AUTO_TEST_CASE(a_day_on_which_too_much_is_put_off_is_done_again) {
  good_and_bad(17, 3);
  auto& beyond = deliver("u@one.test");
  pass(5min);
  BOOST_TEST(contains(beyond.line(), "warm_up reached (20 messages today), next in "),
             beyond.line());
  pass(24h);
  BOOST_TEST(send(50) == 20U, "the same again");
  BOOST_TEST(
      log.has("warm_up source=new site=192.0.2.1 day=2 step=1 messages=20 held: step 1 of 3 "
              "is held: 3 of 20 answers put it off on 1970-02-11 (warm_up_hold_above 10 %)"));
  auto& held = deliver("u@one.test");
  pass(5min);
  BOOST_TEST(contains(held.line(),
                      "451 4.7.1 source new: warm_up reached (20 messages today; step 1 of 3 is "
                      "held: 3 of 20 answers put it off on 1970-02-11 (warm_up_hold_above 10 %)), "
                      "next in "),
             held.line());
  pass(24h);
  BOOST_TEST(send(50) == 40U, "it goes on");
  BOOST_TEST(
      log.has("warm_up source=new site=192.0.2.1 day=3 step=2 messages=40 goes on, 1 day "
              "later than planned"));
}

BOOST_AUTO_TEST_CASE(no_pool_spills_more_into_a_held_step) {
  settings.smtp.source = "both";
  good_and_bad(20, 20);
  BOOST_TEST(mails() == 20U);
  pass(24h);
  BOOST_TEST(send(100) == 20U);
  for (auto const& answer : answers) BOOST_TEST(answer.is_over());
}

BOOST_AUTO_TEST_CASE(what_was_put_off_outlives_a_restart_and_so_does_what_is_held) {
  good_and_bad(8, 2);
  restart_after(1min);
  BOOST_TEST(send(50) == 10U, "the rest of the day");
  pass(24h);
  BOOST_TEST(send(50) == 40U, "2 of 20 is not above 10 %");
  good_and_bad(0, 0);
  pass(24h);
  good_and_bad(40, 40);
  restart_after(24h);
  BOOST_TEST(send(200) == 80U, "the third step again, after a restart");
  BOOST_TEST(log.has("step=3 messages=80 held"));
  restart_after(24h);
  BOOST_TEST(send(200) == 200U, "the plan is over");
}

BOOST_AUTO_TEST_CASE(other_sites_go_on) {
  good_and_bad(0, 20);
  pass(24h);
  BOOST_TEST(send(50, "two.test") == 40U);
  BOOST_TEST(send(50) == 20U);
}

BOOST_AUTO_TEST_CASE(connections_refused_for_the_address_count_too) {
  network.behaviour.greeting = "421 4.7.0 Too many connections from your address\r\n";
  for (int i = 0; i < 4; ++i) {
    deliver("u@one.test");
    pass(2h);
  }
  network.behaviour.greeting = "220 mx ESMTP\r\n";
  pass(16h);
  BOOST_TEST(send(50) == 20U);
  BOOST_TEST(log.has("held"));
}

BOOST_AUTO_TEST_CASE(what_is_tried_again_at_once_is_answered_once) {
  send(2);
  network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
    return std::string(line.starts_with("MAIL") ? "421 4.7.28 unusual rate\r\n\x04" : "?");
  };
  send(1);
  auto const stand = context->scopes.find_source("new")->warm_up.stand("192.0.2.1", today());
  BOOST_REQUIRE(stand.has_value());
  BOOST_TEST(stand->at_site.today.sent == mails());
  BOOST_TEST(mails() == 4U, "on the reused connection, and on a fresh one");
  BOOST_TEST(stand->at_site.today.taken == 2U);
  BOOST_TEST(stand->at_site.today.put_off == 1U);
}

BOOST_AUTO_TEST_CASE(what_says_nothing_of_the_address_holds_nothing) {
  for (auto const* reply : {"451 4.7.1 Greylisted, please try again in 300 seconds\r\n",
                            "451 4.3.0 Internal error\r\n", "550 5.1.1 No such user\r\n"}) {
    say(reply);
    send(6);
  }
  say({});
  pass(24h);
  BOOST_TEST(send(50) == 40U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(warm_up_answers)

BOOST_AUTO_TEST_CASE(each_class_is_about_the_source_or_not) {
  std::set<std::string_view> const put_off{"rate_limited", "too_many_connections", "ip_blocklisted",
                                           "ip_reputation", "reverse_dns_or_helo"};
  for (auto const& row : replies::class_rows()) {
    replies::ReplyRule rule;
    rule.is = row.which;
    rule.text = {"^words$"};
    replies::Classifier const classifier({rule});
    Remark const remark{Step::Mail, 451, "451 words"};
    auto const answer = delivery::warm_up_answer({&remark, 1}, false, classifier, "a");
    BOOST_TEST((answer == site::WarmUpAnswer::PutOff) == put_off.contains(row.name), row.name);
    BOOST_TEST((delivery::warm_up_answer({&remark, 1}, true, classifier, "a") ==
                site::WarmUpAnswer::Taken));
  }
}

BOOST_AUTO_TEST_CASE(a_throttling_reply_is_whatever_its_class) {
  replies::Classifier const knows_nothing;
  Remark const throttle{Step::Mail, 421, "421 4.7.28 unusual rate"};
  Remark const other{
      Step::Rcpt, 550, "550 5.1.1 <u@a.test>: throttle is no user here", 0, {"u@a.test"}};
  Remark const both[]{{Step::Rcpt, 550, "550 5.1.1 no"}, throttle};
  auto const of = [&](std::span<Remark const> remarks) {
    return delivery::warm_up_answer(remarks, false, knows_nothing, "a");
  };
  BOOST_TEST((of({&throttle, 1}) == site::WarmUpAnswer::PutOff));
  BOOST_TEST((of({&other, 1}) == site::WarmUpAnswer::Nothing));
  BOOST_TEST((of(both) == site::WarmUpAnswer::PutOff));
  BOOST_TEST((of({}) == site::WarmUpAnswer::Nothing));
}

BOOST_AUTO_TEST_SUITE_END()
