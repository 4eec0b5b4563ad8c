// What delivery tells as events: each of what happens once, with the site, the path and the source
// that it concerns, and nothing where nobody wants to know.

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "core/config/load.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

using Events = std::vector<nlohmann::json>;

struct Told final : events::Sink {
  [[nodiscard]] bool is_wanted() const override { return wanted; }
  void write(std::string line) override { all.push_back(nlohmann::json::parse(line)); }
  [[nodiscard]] Events of(std::string_view kind) const {
    Events found;
    for (auto const& event : all)
      if (event.at("kind") == kind) found.push_back(event);
    return found;
  }
  bool wanted = true;
  Events all;
};

std::string text(nlohmann::json const& event, char const* key) {
  return event.contains(key) ? event.at(key).get<std::string>() : std::string();
}

// One site, whose mail has a source or none.
struct TellingLab : DeliveryLab {
  void begin_telling() {
    begin();
    context->events.set_sink(&told);
  }
  void use_source_west() {
    settings.sources["west"].address = {*IpAddress::parse("192.0.2.101")};
    settings.smtp.source = "west";
  }
  void rule(std::string const& words) {
    auto const loaded = load_settings("[[rule]]\n" + words, "f");
    BOOST_REQUIRE_MESSAGE(loaded.mistakes.empty(), words);
    settings.rules = loaded.settings.rules;
  }
  // Servers answer MAIL so; "" makes them good again.
  void say(std::string reply) {
    network.behaviour.answer = [reply = std::move(reply)](auto&, std::string const& line) {
      return !reply.empty() && line.starts_with("MAIL") ? reply : std::string("?");
    };
  }
  [[nodiscard]] std::string site() const { return site_of("one.test").name(); }
  Told told;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(telling, TellingLab)

BOOST_AUTO_TEST_CASE(a_recipient_is_told_with_the_path_it_left_by) {
  use_source_west();
  begin_telling();
  deliver("u@one.test");
  auto const outcomes = told.of("outcome");
  BOOST_REQUIRE(outcomes.size() == 1U);
  BOOST_TEST(text(outcomes[0], "site") == site());
  BOOST_TEST(text(outcomes[0], "path") == site() + "/west");
  BOOST_TEST(text(outcomes[0], "source") == "west");
  BOOST_TEST(text(outcomes[0], "result") == "delivered");
  BOOST_TEST(outcomes[0].at("use") == 1);
}

BOOST_AUTO_TEST_CASE(without_a_source_or_per_site_the_path_is_the_sites_own) {
  for (bool const is_per_site : {false, true}) {
    TellingLab lab;
    if (is_per_site) {
      lab.use_source_west();
      lab.settings.smtp.per = CountedPer::Site;
    }
    lab.begin_telling();
    lab.deliver("u@one.test");
    auto const outcome = lab.told.of("outcome").at(0);
    BOOST_TEST(text(outcome, "path") == lab.site());
    BOOST_TEST(text(outcome, "source") == (is_per_site ? "west" : ""));
  }
}

BOOST_AUTO_TEST_CASE(what_waited_in_vain_is_told_with_what_it_waited_for) {
  settings.smtp.rate = {1, 1h, 1};
  begin_telling();
  deliver("u@one.test");
  send({"v@one.test"});
  pass(10min);
  auto const outcomes = told.of("outcome");
  BOOST_REQUIRE(outcomes.size() == 2U);
  auto const& late = outcomes[1];
  BOOST_TEST(text(late, "path") == site());
  BOOST_TEST(text(late, "said_by") == "mailpool");
  BOOST_TEST(!late.contains("endpoint"));
  auto const part = [&](char const* key) { return late.at(key).get<double>(); };
  BOOST_TEST(part("wait") > 1.0);
  BOOST_TEST(std::abs(part("delay") - part("dns") - part("wait") - part("connecting") -
                      part("transaction")) < 1e-5);
}

BOOST_AUTO_TEST_CASE(several_paths_that_were_possible_are_none) {
  use_source_west();
  settings.sources["east"].address = {*IpAddress::parse("192.0.2.102")};
  settings.pools["both"].sources = {{"west", 1}, {"east", 1}};
  settings.smtp.source = "both";
  begin_telling();
  deliver("u@one.test");
  dispatcher->suspend_site(site(), {clock.now_ + 1h, "x", "root", {}}, clock.now_);
  deliver("v@one.test");
  auto const outcomes = told.of("outcome");
  BOOST_REQUIRE(outcomes.size() == 2U);
  BOOST_TEST(text(outcomes[0], "path") == site() + "/" + text(outcomes[0], "source"));
  BOOST_TEST(text(outcomes[1], "site") == site());
  BOOST_TEST(!outcomes[1].contains("path"));
  BOOST_TEST(!outcomes[1].contains("source"));
}

BOOST_AUTO_TEST_CASE(a_connection_is_told_when_it_is_ready_and_when_it_ends) {
  use_source_west();
  begin_telling();
  deliver("u@one.test");
  pass(2 * settings.smtp.idle_timeout);
  auto const opened = told.of("connection_opened");
  auto const closed = told.of("connection_closed");
  BOOST_REQUIRE(opened.size() == 1U);
  BOOST_REQUIRE(closed.size() == 1U);
  BOOST_TEST(opened[0].at("id") == closed[0].at("id"));
  for (auto const& event : {opened[0], closed[0]}) {
    BOOST_TEST(text(event, "path") == site() + "/west");
    BOOST_TEST(text(event, "source") == "west");
  }
  BOOST_TEST(text(closed[0], "reason") == "idle_timeout");
  BOOST_TEST(closed[0].at("messages") == 1);
}

BOOST_AUTO_TEST_CASE(what_a_path_is_given_less_and_more_of_is_told) {
  use_source_west();
  begin_telling();
  say("421 4.7.28 unusual rate\r\n\x04");
  deliver("u@one.test");
  auto const lowered = told.of("allowance_lowered");
  BOOST_REQUIRE(lowered.size() == 1U);
  BOOST_TEST(text(lowered[0], "path") == site() + "/west");
  BOOST_TEST(text(lowered[0], "source") == "west");
  BOOST_TEST(lowered[0].at("percent") == 50);
  BOOST_TEST(text(lowered[0], "reason") == "421 4.7.28 unusual rate");
  say("");
  for (int i = 0; i < 100 && told.of("allowance_raised").empty(); ++i) {
    pass(1min);
    deliver("u@one.test");
  }
  auto const raised = told.of("allowance_raised");
  BOOST_REQUIRE(!raised.empty());
  BOOST_TEST(text(raised[0], "path") == site() + "/west");
  BOOST_TEST(raised[0].at("percent") > 50);
  BOOST_TEST(!raised[0].contains("reason"));
}

BOOST_AUTO_TEST_CASE(a_learned_cap_is_told_when_it_is_learned) {
  use_source_west();
  begin_telling();
  network.behaviour.answer = [](SimulatedServer& server, std::string const& line) {
    bool const is_third = std::count(server.commands.begin(), server.commands.end(), "<body>") == 3;
    return std::string(line == "<body>" && is_third ? "250 2.0.0 OK\r\n\x04" : "?");
  };
  for (int i = 0; i < 9; ++i) deliver("u@one.test");
  auto const learned = told.of("cap_learned");
  BOOST_REQUIRE(!learned.empty());
  BOOST_TEST(text(learned[0], "path") == site() + "/west");
  BOOST_TEST(learned[0].at("max_messages") == 3);
}

BOOST_AUTO_TEST_CASE(a_rule_that_acts_is_told_and_so_is_what_it_suspends) {
  use_source_west();
  rule("site = '*'\nreply = 'blocked'\ndo = 'suspend'\nfor = '1h'\nscope = 'path'\n");
  begin_telling();
  say("550 5.7.1 <u@one.test> blocked\r\n");
  deliver("u@one.test");
  auto const acted = told.of("rule_acted");
  BOOST_REQUIRE(acted.size() == 1U);
  BOOST_TEST(text(acted[0], "path") == site() + "/west");
  BOOST_TEST(text(acted[0], "source") == "west");
  BOOST_TEST(text(acted[0], "scope") == "source west");
  BOOST_TEST(text(acted[0], "reply") == "550 5.7.1 <...@one.test> blocked");
  BOOST_TEST(text(told.of("outcome").at(0), "rule") == text(acted[0], "rule"));
  auto const suspended = told.of("suspended");
  BOOST_REQUIRE(suspended.size() == 1U);
  BOOST_TEST(text(suspended[0], "what") == "site");
  BOOST_TEST(text(suspended[0], "name") == site());
  BOOST_TEST(text(suspended[0], "scope") == "source west");
  BOOST_TEST(suspended[0].at("for") == 3600.0);
  // With the site, its parts go again.
  dispatcher->resume_site(site(), clock.now_);
  BOOST_REQUIRE(told.of("resumed").size() == 1U);
  BOOST_TEST(text(told.of("resumed")[0], "scope") == "source west");
}

BOOST_AUTO_TEST_CASE(whatever_an_operator_suspends_is_told_and_its_resumption_once) {
  use_source_west();
  begin_telling();
  deliver("u@one.test");
  auto const now = clock.now_;
  site::Suspension const why{now + 1h, "x", "root", {}};
  auto& d = *dispatcher;
  d.suspend_site(site(), why, now);
  d.suspend_scope(site(), "sender_domain mail.test", why, now);
  d.suspend_domain("one.test", why, now);
  d.suspend_tenant("shop", why, now);
  d.suspend_campaign("spring", why, now);
  d.suspend_source("west", why, now);
  d.suspend_all(why, now);
  std::vector<std::string> const all{"site",     "site",   "domain", "tenant",
                                     "campaign", "source", "all"};
  auto const whats = [&](std::string_view kind) {
    std::vector<std::string> found;
    for (auto const& event : told.of(kind)) found.push_back(text(event, "what"));
    return found;
  };
  BOOST_TEST(whats("suspended") == all, boost::test_tools::per_element());
  for (int i = 0; i < 2; ++i) {
    d.resume_scope(site(), "sender_domain mail.test", now);
    d.resume_site(site(), now);
    d.resume_domain("one.test", now);
    d.resume_tenant("shop", now);
    d.resume_campaign("spring", now);
    d.resume_source("west", now);
    d.resume_all(now);
  }
  BOOST_TEST(whats("resumed") == all, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_ran_out_is_not_told_as_resumed) {
  begin_telling();
  deliver("u@one.test");
  dispatcher->suspend_domain("one.test", {clock.now_ + 1h, "x", "root", {}}, clock.now_);
  pass(1h);
  dispatcher->resume_domain("one.test", clock.now_);
  BOOST_TEST(told.of("suspended").size() == 1U);
  BOOST_TEST(told.of("resumed").empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_told_where_nobody_wants_it) {
  begin_telling();
  told.wanted = false;
  deliver("u@one.test");
  dispatcher->suspend_all({clock.now_ + 1h, "x", "root", {}}, clock.now_);
  BOOST_TEST(told.all.empty());
}

BOOST_AUTO_TEST_SUITE_END()
