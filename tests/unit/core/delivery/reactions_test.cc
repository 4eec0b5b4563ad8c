// What a site does about what its servers say and hide: rules, the adaptive allowance, learned
// caps, idle connections that nobody needs, slow hosts.

#include <boost/test/unit_test.hpp>

#include "core/config/load.h"
#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct ReactionLab : DeliveryLab {
  void rule(std::string const& text) {
    auto const loaded = load_settings("[[rule]]\n" + text, "f");
    for (auto const& mistake : loaded.mistakes) BOOST_TEST(false, mistake.to_line());
    settings.rules.insert(settings.rules.end(), loaded.settings.rules.begin(),
                          loaded.settings.rules.end());
  }
  // The servers answer `command` so from now on; "" makes them good again.
  void say_to(std::string command, std::string reply) {
    network.behaviour.answer = [command = std::move(command), reply = std::move(reply)](
                                   SimulatedServer&, std::string const& line) {
      return !reply.empty() && line.starts_with(command) ? reply : std::string("?");
    };
  }
  // Servers end each connection after so many messages: silently, or with these words to MAIL.
  void end_after(std::size_t most, std::string words = "") {
    network.behaviour.answer = [most, words](SimulatedServer& server, std::string const& line) {
      auto const bodies = static_cast<std::size_t>(
          std::count(server.commands.begin(), server.commands.end(), "<body>"));
      if (line == "<body>" && bodies == most && words.empty())
        return std::string("250 2.0.0 OK\r\n\x04");
      if (line.starts_with("MAIL") && bodies >= most) return words + "\r\n\x04";
      return std::string("?");
    };
  }
  // sender@mail.test is told to stay away from one.test, for two hours by a rule.
  void hold_the_sender() {
    rule(
        "site = '*'\nreply = 'your domain'\nscope = 'sender_domain'\ndo = 'suspend'\nfor = "
        "'2h'\n");
    say_to("MAIL FROM:<sender@mail.test>", "451 4.7.0 not your domain now\r\n");
    deliver("u@one.test");
    say_to("MAIL", "");
  }
  void restart_after(Duration took) {
    dispatcher.reset();
    clock.now_ += took;
    store.restart(clock.wall(clock.now_));
    begin();
    in_force = dispatcher->restore(clock.now_);
  }
  std::size_t in_force = 0;  ///< suspensions, after the restart
  delivery::Reactions const& reactions(std::string const& domain = "one.test") {
    return site_of(domain).paths().own().reactions;
  }
};

constexpr auto throttled = "421 4.7.28 unusual rate\r\n\x04";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(reactions_of_a_site, ReactionLab)

// Rules

BOOST_AUTO_TEST_CASE(a_rule_suspends_the_site_with_its_reason_and_the_reply) {
  rule("site = '*'\nreply = 'TSS04'\ndo = 'suspend'\nfor = '2h'\nreason = 'they said so'\n");
  say_to("MAIL", "451 4.7.0 [TSS04] deferred\r\n");
  deliver("u@one.test");
  auto const& site = site_of("one.test");
  BOOST_REQUIRE(site.suspension().has_value());
  BOOST_TEST(site.suspension()->reason == "they said so (451 4.7.0 [TSS04] deferred)");
  BOOST_TEST(site.suspension()->by == "rule f:1");
  BOOST_TEST((site.suspension()->until == clock.now_ + 2h));
  BOOST_TEST(contains(deliver("v@one.test").line(), "suspended until"));
  say_to("MAIL", "");
  pass(2h);
  BOOST_TEST(deliver("w@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_rule_acts_after_its_threshold_and_one_message_counts_once) {
  settings.smtp.adaptive = false;
  rule("site = '*'\nreply = 'busy'\nafter = '3/h'\ndo = 'suspend'\n");
  say_to("RCPT", "451 4.7.500 Server busy\r\n");
  send({"a@one.test", "b@one.test", "c@one.test", "d@one.test"});
  settle();
  deliver("u@one.test");
  BOOST_TEST(!site_of("one.test").suspension().has_value());
  deliver("u@one.test");
  BOOST_TEST(site_of("one.test").suspension().has_value());
}

BOOST_AUTO_TEST_CASE(replies_of_mailpools_own_making_never_match) {
  rule("site = '*'\nreply = '.'\nat = 'mail'\ndo = 'suspend'\n");
  rule("site = '*'\nreply = 'timed out|refused|closed|451'\ndo = 'suspend'\n");
  network.behaviour.accepts = [](auto const&) { return false; };
  deliver("u@one.test");
  network.behaviour.accepts = [](auto const&) { return true; };
  pass(10min);
  say_to("MAIL", "\x04");
  deliver("u@one.test");
  BOOST_TEST(!site_of("one.test").suspension().has_value());
}

BOOST_AUTO_TEST_CASE(a_rule_at_connect_meets_the_greeting) {
  rule("site = '*'\nreply = '^554'\nat = 'connect'\ndo = 'suspend'\n");
  network.behaviour.greeting = "554 5.7.1 your network is on our block list\r\n\x04";
  deliver("u@one.test");
  BOOST_TEST(site_of("one.test").suspension().has_value());
}

BOOST_AUTO_TEST_CASE(a_rule_of_a_domain_suspends_the_domain_alone) {
  settings.routes["sister.test"] = settings.routes["one.test"];
  rule("domain = 'one.test'\nreply = 'later'\ndo = 'suspend'\n");
  say_to("MAIL", "451 4.3.0 later\r\n");
  deliver("u@one.test");
  settle();
  say_to("MAIL", "");
  BOOST_TEST(contains(deliver("u@one.test").line(), "one.test: suspended until"));
  BOOST_TEST(deliver("u@sister.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_rule_of_sender_domains_holds_one_back_and_lets_the_others_go) {
  rule("site = '*'\nreply = 'your domain'\nscope = 'sender_domain'\ndo = 'suspend'\nfor = '1h'\n");
  say_to("MAIL FROM:<sender@mail.test>", "451 4.7.0 not your domain now\r\n");
  deliver("u@one.test");
  BOOST_TEST(!site_of("one.test").suspension().has_value());
  BOOST_TEST(contains(deliver("u@one.test").line(), "suspended until"));
  BOOST_TEST(
      (site_of("one.test").holds().of("sender_domain", "other.example", clock.now_) == nullptr));
  BOOST_TEST((site_of("one.test").holds().of("sender_domain", "mail.test", clock.now_) != nullptr));
  say_to("MAIL", "");
  pass(1h);
  BOOST_TEST(deliver("u@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(what_is_said_of_one_sender_and_meets_a_bounce_holds_nobody_back) {
  settings.lmtp.trust_unsigned_tenant = true;
  for (std::string const scope : {"sender_domain", "tenant", "campaign"})
    rule("site = '*'\nreply = 'your " + scope + "'\nscope = '" + scope +
         "'\ndo = 'suspend'\nfor = '1h'\n");
  sender.clear();
  for (std::string const scope : {"sender_domain", "tenant", "campaign"}) {
    say_to("MAIL", "451 4.7.0 not your " + scope + " now\r\n");
    deliver("u@one.test");
    say_to("MAIL", "");
    BOOST_TEST(!site_of("one.test").suspension().has_value(), scope);
    BOOST_TEST(site_of("one.test").holds().is_empty(), scope);
    BOOST_TEST(deliver("u@one.test").is_delivered(), scope);
  }
}

BOOST_AUTO_TEST_CASE(rules_of_tenants_and_campaigns_hold_these_back_and_let_the_others_go) {
  settings.lmtp.trust_unsigned_tenant = true;
  for (std::string const kind : {"tenant", "campaign"}) {
    settings.rules.clear();
    rule("site = '*'\nreply = 'unwanted'\nscope = '" + kind + "'\ndo = 'suspend'\nfor = '1h'\n");
    if (dispatcher) dispatcher->reconfigure(settings, clock.now_);
    marks.names = {"shop"};
    marks.campaigns = {"spring"};
    say_to("MAIL", "451 4.7.0 unwanted\r\n");
    deliver("u@one.test");
    BOOST_TEST(!site_of("one.test").suspension().has_value());
    say_to("MAIL", "");
    BOOST_TEST(contains(deliver("u@one.test").line(), "suspended until"), kind);
    BOOST_TEST(deliver("u@two.test").is_delivered(), kind);
    (kind == "tenant" ? marks.names : marks.campaigns) = {"other"};
    BOOST_TEST(deliver("u@one.test").is_delivered(), kind);
    marks = {};
    BOOST_TEST(deliver("u@one.test").is_delivered(), kind);
    pass(1h);
  }
}

BOOST_AUTO_TEST_CASE(what_a_rule_holds_back_is_held_back_after_a_restart_until_its_end) {
  hold_the_sender();
  restart_after(30min);
  BOOST_TEST(in_force == 1U);
  BOOST_TEST(contains(deliver("u@one.test").line(), "not your domain now"));
  sender = "sender@other.example";
  BOOST_TEST(deliver("u@one.test").is_delivered());
  pass(90min - 1ms);
  sender = "sender@mail.test";
  BOOST_TEST(contains(deliver("u@one.test").line(), "suspended until"));
  pass(1ms);
  BOOST_TEST(site_of("one.test").holds().is_empty());
  BOOST_TEST(deliver("u@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(an_operator_gives_back_what_a_rule_holds_alone_or_with_all_of_the_site) {
  hold_the_sender();
  auto const name = site_of("one.test").name();
  dispatcher->suspend_site(name, {clock.now_ + 1h, "x", "uid 0", {}}, clock.now_);
  BOOST_TEST(!dispatcher->resume_scope(name, "sender_domain other.example", clock.now_));
  BOOST_TEST(!dispatcher->resume_scope("nowhere", "sender_domain mail.test", clock.now_));
  BOOST_TEST(dispatcher->resume_scope(name, "sender_domain mail.test", clock.now_));
  BOOST_TEST(site_of("one.test").suspension().has_value());
  BOOST_TEST(store.size(state::Kind::Suspension) == 1U);
  dispatcher->resume_site(name, clock.now_);
  hold_the_sender();
  BOOST_TEST(store.size(state::Kind::Suspension) == 1U);
  dispatcher->resume_site(name, clock.now_);
  BOOST_TEST(store.size(state::Kind::Suspension) == 0U);
  BOOST_TEST(deliver("u@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(what_a_rule_holds_back_outlives_a_shorter_suspension_of_the_site) {
  hold_the_sender();
  auto const name = site_of("one.test").name();
  dispatcher->suspend_site(name, {clock.now_ + 1h, "x", "uid 0", {}}, clock.now_);
  pass(1h);
  BOOST_TEST(!site_of("one.test").suspension().has_value());
  BOOST_TEST(contains(deliver("u@one.test").line(), "not your domain now"));
}

BOOST_AUTO_TEST_CASE(when_the_clock_was_set_the_end_of_what_is_held_back_is_told_anew) {
  hold_the_sender();
  auto const puts = store.puts;
  dispatcher->keep_suspensions(clock.now_);
  BOOST_TEST(store.puts == puts + 1);
}

BOOST_AUTO_TEST_CASE(a_rule_backs_off_from_the_host_that_said_it_and_the_other_takes_over) {
  rule("site = '*'\nreply = 'not here'\ndo = 'back_off'\nfor = '10m'\n");
  network.behaviour.answer = [](SimulatedServer& server, std::string const& line) {
    bool const is_first = server.address.host == "192.0.2.3";
    return line.starts_with("MAIL") && is_first ? std::string("451 4.3.2 not here\r\n")
                                                : std::string("?");
  };
  deliver("u@pair.test");
  auto const& second = deliver("v@pair.test");
  BOOST_TEST(second.is_delivered());
  BOOST_TEST(contains(second.line(), "192.0.2.4"));
  network.behaviour.answer = nullptr;
  pass(9min);
  BOOST_TEST(contains(deliver("w@pair.test").line(), "192.0.2.4"));
  pass(2min);
  BOOST_TEST(contains(deliver("x@pair.test").line(), "192.0.2.3"));
}

BOOST_AUTO_TEST_CASE(a_rule_sets_tighter_limits_for_its_time_and_never_looser_ones) {
  settings.smtp.max_connections = 5;
  settings.smtp.rate = {10, 1s, 1};
  rule(
      "site = '*'\nreply = 'slower'\ndo = 'set'\nfor = '30m'\n"
      "set = { rate = '6/min', max_connections = 1, max_messages = 2 }\n");
  rule("site = '*'\nreply = 'faster'\ndo = 'set'\nset = { rate = '99/s', max_connections = 50 }\n");
  say_to("MAIL", "451 4.3.0 faster\r\n");
  deliver("u@one.test");
  BOOST_TEST(reactions().rate().to_string() == "10/s, burst 1");
  BOOST_TEST(reactions().max_connections() == 5U);
  pass(1s);
  say_to("MAIL", "451 4.3.0 slower\r\n");
  deliver("u@one.test");
  BOOST_TEST(reactions().rate().to_string() == "6/min");
  BOOST_TEST(reactions().max_connections() == 1U);
  BOOST_TEST(reactions().max_messages() == 2U);
  BOOST_TEST(site_of("one.test").paths().own().scope.rate.rate().to_string() == "6/min");
  BOOST_TEST(contains(reactions().why_lowered(), "rule f:1: 451 4.3.0 slower"));
  pass(30min);
  BOOST_TEST(site_of("one.test").paths().own().scope.rate.rate().to_string() == "10/s, burst 1");
}

BOOST_AUTO_TEST_CASE(a_rule_does_not_cut_an_operators_longer_suspension_short) {
  rule("site = '*'\nreply = 'busy'\ndo = 'suspend'\nfor = '1m'\n");
  auto& running = send({"u@one.test"});
  say_to("MAIL", "");  // silence until the operator has spoken
  network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
    return line.starts_with("MAIL") ? std::string() : std::string("?");
  };
  settle();
  dispatcher->suspend_site(site_of("one.test").name(), {clock.now_ + 5h, "by hand", "uid 0"},
                           clock.now_);
  network.say(*network.servers.at(0), "451 busy\r\n");
  settle();
  BOOST_TEST(running.is_over());
  BOOST_TEST(site_of("one.test").suspension()->reason == "by hand");
}

// Adaptive

BOOST_AUTO_TEST_CASE(a_throttling_reply_lowers_what_the_site_may_do) {
  settings.smtp.rate = {10, 1s, 1};
  settings.smtp.max_connections = 8;
  say_to("MAIL", throttled);
  deliver("u@one.test");
  BOOST_TEST(reactions().adaptive().level() == 0.5);
  BOOST_TEST(reactions().max_connections() == 4U);
  BOOST_TEST(site_of("one.test").paths().own().scope.rate.rate().to_string() == "300/min, burst 1");
  BOOST_TEST(log.has("adaptive site="));
}

BOOST_AUTO_TEST_CASE(a_throttling_greeting_lowers_it_too) {
  network.behaviour.greeting = "421 4.3.2 too many connections\r\n\x04";
  deliver("u@one.test");
  BOOST_TEST(reactions().adaptive().level() == 0.5);
}

BOOST_AUTO_TEST_CASE(with_adaptive_off_nothing_is_lowered) {
  settings.smtp.adaptive = false;
  say_to("MAIL", throttled);
  deliver("u@one.test");
  BOOST_TEST(!reactions().adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(one_recipient_that_is_refused_again_and_again_is_no_throttling) {
  say_to("RCPT", "450 4.7.1 rate limit of this mailbox\r\n");
  for (int i = 0; i < 10; ++i) deliver("u@one.test");
  BOOST_TEST(!reactions().adaptive().is_lowered());
  deliver("v@one.test");
  BOOST_TEST(!reactions().adaptive().is_lowered());
  deliver("w@one.test");
  BOOST_TEST(reactions().adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(different_recipients_over_a_long_time_are_no_throttling) {
  say_to("RCPT", "450 4.7.1 rate limit of this mailbox\r\n");
  for (auto const* who : {"a@one.test", "b@one.test", "c@one.test", "d@one.test"}) {
    deliver(who);
    pass(31s);
  }
  BOOST_TEST(!reactions().adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(greylisting_lowers_nothing) {
  say_to("RCPT", "450 4.2.0 Greylisted, see postgrey\r\n");
  for (auto const* who : {"a@one.test", "b@one.test", "c@one.test", "d@one.test"}) deliver(who);
  BOOST_TEST(!reactions().adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(an_operators_resume_gives_everything_back) {
  settings.smtp.rate = {10, 1s, 1};
  say_to("MAIL", throttled);
  deliver("u@one.test");
  dispatcher->resume_site(site_of("one.test").name(), clock.now_);
  BOOST_TEST(!reactions().adaptive().is_lowered());
  BOOST_TEST(site_of("one.test").paths().own().scope.rate.rate().to_string() == "10/s, burst 1");
  BOOST_TEST(store.size(state::Kind::Adaptive) == 0U);
}

BOOST_AUTO_TEST_CASE(level_limits_by_rule_and_cap_survive_a_restart) {
  settings.smtp.rate = {10, 1s, 1};
  rule("site = '*'\nreply = 'unusual'\ndo = 'set'\nfor = '30m'\nset = { max_connections = 2 }\n");
  say_to("MAIL", throttled);
  deliver("u@one.test");
  BOOST_TEST(reactions().adaptive().level() == 0.5);
  end_after(2);
  pass(1min);
  for (int i = 0; i < 6; ++i) {
    deliver("u@one.test");
    pass(500ms);
  }
  BOOST_TEST(reactions().max_messages() == 2U);

  restart_after(10min);
  network.behaviour.answer = nullptr;
  deliver("u@one.test");
  BOOST_TEST(reactions().adaptive().level() >= 0.5);
  BOOST_TEST(reactions().adaptive().is_lowered());
  BOOST_TEST(reactions().adaptive().why() == "421 4.7.28 unusual rate");
  BOOST_TEST(reactions().max_connections() == 2U);
  BOOST_TEST(reactions().max_messages() == 2U);
  pass(20min);
  BOOST_TEST(reactions().overrides().is_empty());
}

// Learned caps

BOOST_AUTO_TEST_CASE(a_server_that_closes_silently_after_so_many_is_not_asked_for_more) {
  end_after(3);
  for (int i = 0; i < 9; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(reactions().max_messages() == 3U);
  BOOST_TEST(!reactions().adaptive().is_lowered());
  auto const quits = count_commands("QUIT");
  for (int i = 0; i < 3; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(count_commands("QUIT") == quits + 1);  // we were first
  pass(site::LearnedCap::remembered_for);
  BOOST_TEST(reactions().max_messages() == 100U);
}

BOOST_AUTO_TEST_CASE(a_421_after_so_many_messages_is_a_cap_and_no_throttling) {
  end_after(2, "421 4.7.0 too many messages per connection");
  for (int i = 0; i < 8; ++i) deliver("u@one.test");
  BOOST_TEST(reactions().max_messages() == 2U);
  BOOST_TEST(!reactions().adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(a_server_that_stops_and_ends_all_connections_at_once_has_no_cap) {
  for (auto const* words : {"421 4.3.2 Service shutting down\r\n", "421 4.0.0 bye\r\n", ""}) {
    ReactionLab lab;
    lab.network.latency = 50ms;
    for (int i = 0; i < 40; ++i) lab.send({"u@one.test"});
    lab.pass(110ms);  // all are open and have carried something
    lab.pass(1s);
    for (auto const& server : std::vector(lab.network.servers)) {
      if (*words != '\0') lab.network.say(*server, words);
      lab.network.hang_up(*server);
    }
    lab.settle();
    for (int i = 0; i < 20; ++i) {
      lab.send({"u@one.test"});
      lab.pass(1s);
    }
    BOOST_TEST(lab.reactions().max_messages() == 100U, words);
  }
}

BOOST_AUTO_TEST_CASE(poolctl_resume_forgets_a_learned_cap_for_good) {
  end_after(3);
  for (int i = 0; i < 9; ++i) deliver("u@one.test");
  BOOST_TEST(reactions().max_messages() == 3U);
  dispatcher->resume_site(site_of("one.test").name(), clock.now_);
  BOOST_TEST(reactions().max_messages() == 100U);
  restart_after(1min);
  deliver("u@one.test");
  BOOST_TEST(reactions().max_messages() == 100U);
}

BOOST_AUTO_TEST_CASE(a_limit_that_a_rule_sets_holds_for_its_time_and_no_longer) {
  settings.smtp.rate = Rate::parse("100/s").value();
  rule("site = '*'\nreply = 'slow please'\ndo = 'set'\nset = { rate = '2/h' }\nfor = '3s'\n");
  deliver("u@one.test");
  say_to("MAIL", "451 4.7.1 slow please\r\n");
  deliver("u@one.test");
  say_to("MAIL", "");
  auto& held = deliver("v@one.test");
  pass(3s - 1ms);
  BOOST_TEST(!held.is_over());
  pass(2ms);
  BOOST_TEST(held.is_delivered(), held.line());
}

BOOST_AUTO_TEST_CASE(what_is_raised_by_a_reload_or_resumed_is_not_held_back_by_what_was_used) {
  for (bool const by_reload : {true, false}) {
    ReactionLab lab;
    lab.settings.smtp.rate = Rate::parse("10/d").value();
    for (int i = 0; i < 10; ++i) BOOST_TEST(lab.deliver("u@one.test").is_delivered());
    BOOST_TEST(!lab.deliver("u@one.test").is_over());
    if (by_reload) {
      lab.settings.smtp.rate = Rate::parse("100/s").value();
      lab.dispatcher->reconfigure(lab.settings, lab.clock.now_);
    } else {
      lab.dispatcher->resume_site(lab.site_of("one.test").name(), lab.clock.now_);
    }
    lab.settle();
    BOOST_TEST(lab.answers.back().is_delivered());
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_closes_idle_connections_after_a_while_teaches_nothing) {
  for (int i = 0; i < 5; ++i) {
    deliver("u@one.test");
    pass(5s);
    network.hang_up(*network.servers.back());
    settle();
  }
  BOOST_TEST(opened() == 5U);
  BOOST_TEST(reactions().max_messages() == 100U);
}

BOOST_AUTO_TEST_CASE(what_limits_announces_is_kept) {
  network.behaviour.ehlo = "250-mx\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=2 RCPTMAX=3\r\n";
  for (int i = 0; i < 4; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(opened() == 2U);
  auto& many = send({"a@one.test", "b@one.test", "c@one.test", "d@one.test", "e@one.test"});
  settle();
  for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(many.is_delivered(i));
  for (auto const& server : network.servers) {
    std::size_t rcpts = 0;
    for (auto const& command : server->commands) {
      rcpts = command.starts_with("MAIL") ? 0 : rcpts + (command.starts_with("RCPT") ? 1 : 0);
      BOOST_TEST(rcpts <= 3U);
    }
  }
}

// Idle connections

BOOST_AUTO_TEST_CASE(idle_connections_beyond_what_was_in_use_lately_are_closed_early) {
  settings.smtp.max_connections = 10;
  settings.smtp.idle_timeout = 60s;
  for (int i = 0; i < 60; ++i) send({"u" + std::to_string(i) + "@one.test"});
  settle();
  auto const at_first = network.open();
  BOOST_TEST(at_first > 3U);
  for (int i = 0; i < 8; ++i) {
    pass(5s);
    deliver("u@one.test");
  }
  BOOST_TEST(network.open() == 1U);
  BOOST_TEST(context->totals.closed["surplus"] == at_first - 1);
  pass(59s);
  BOOST_TEST(network.open() == 1U);  // one stays for idle_timeout
}

// One connection is enough for the traffic, but none of them can do the other's work.
BOOST_AUTO_TEST_CASE(
    a_connection_that_was_in_use_lately_is_no_surplus_whichever_source_it_is_from) {
  settings.smtp.idle_timeout = 60s;
  for (auto const* name : {"west", "east"}) {
    settings.sources[name].ehlo_name = std::string(name) + ".test";
    settings.sender_domains[std::string(name) + ".example"].source = name;
  }
  for (int i = 0; i < 20; ++i) {
    sender = i % 2 == 0 ? "news@west.example" : "news@east.example";
    BOOST_TEST(deliver("u@one.test").is_delivered());
    pass(10s);
  }
  BOOST_TEST(opened() == 2U);  // that from west is idle for 20 s now, that from east for 10 s
  pass(10s - 1ms);
  BOOST_TEST(network.open() == 2U);
  pass(1ms);
  BOOST_TEST(network.open() == 1U);
  BOOST_TEST(context->totals.closed["surplus"] == 1U);
}

BOOST_AUTO_TEST_CASE(min_idle_is_never_surplus) {
  settings.smtp.min_idle = 3;
  deliver("u@one.test");
  pass(50s);
  BOOST_TEST(network.open() == 3U);
}

// Slow hosts

BOOST_AUTO_TEST_CASE(the_place_in_weights_is_found_at_its_edges) {
  BOOST_TEST(site::chosen({5, 1, 4}, 0) == 0U);
  BOOST_TEST(site::chosen({5, 1, 4}, 4) == 0U);
  BOOST_TEST(site::chosen({5, 1, 4}, 5) == 1U);
  BOOST_TEST(site::chosen({5, 1, 4}, 6) == 2U);
  BOOST_TEST(site::chosen({5, 1, 4}, 9) == 2U);
}

BOOST_AUTO_TEST_CASE(a_slow_host_weighs_less_and_an_unknown_one_as_much_as_the_fastest) {
  site::HostSpeed speed;
  site::EndpointName const a{"a", *IpAddress::parse("192.0.2.1"), 25};
  site::EndpointName const b{"b", *IpAddress::parse("192.0.2.2"), 25};
  site::EndpointName const c{"c", *IpAddress::parse("192.0.2.3"), 25};
  auto const now = clock.now_;
  speed.took(a, 100ms, now);
  speed.took(b, 1s, now);
  auto const weights = speed.weights({a, b, c}, now);
  BOOST_TEST(weights[0] == 10'000U);
  BOOST_TEST(weights[1] == 1'000U);
  BOOST_TEST(weights[2] == 10'000U);
  for (int i = 0; i < 20; ++i) speed.took(b, 100ms, now);
  BOOST_TEST(speed.weights({a, b}, now)[1] > 9'000U);
  auto const later = now + site::HostSpeed::remembered_for;
  BOOST_TEST(!speed.average(a, later).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
