// What becomes of messages: pooling, limits, waiting, retries and ends, on a simulated network and
// clock.

#include <boost/test/unit_test.hpp>
#include <functional>
#include <utility>
#include <vector>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(delivery_of_messages, DeliveryLab)

BOOST_AUTO_TEST_CASE(a_message_is_delivered_only_with_the_words_of_the_remote) {
  auto& a = deliver("u@one.test");
  BOOST_TEST(a.is_delivered());
  BOOST_TEST(a.line() == "250 2.0.0 192.0.2.1[192.0.2.1]:25 said: OK");
  BOOST_TEST(log.has("Q1: to=<u@one.test>"));
  BOOST_TEST(log.has("status=sent (250 2.0.0 OK)"));
}

BOOST_AUTO_TEST_CASE(the_next_message_uses_the_same_connection_without_rset) {
  deliver("u@one.test");
  auto& second = deliver("v@one.test");
  BOOST_TEST(second.is_delivered());
  BOOST_TEST(opened() == 1U);
  BOOST_TEST(count_commands("EHLO") == 1U);
  BOOST_TEST(count_commands("RSET") == 0U);
  BOOST_TEST(context->totals.reused == 1U);
  BOOST_TEST(log.has("conn_use=2"));
}

BOOST_AUTO_TEST_CASE(max_messages_ends_a_connection_with_quit) {
  settings.smtp.max_messages = 2;
  for (int i = 0; i < 4; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(opened() == 2U);
  BOOST_TEST(count_commands("QUIT") == 2U);
  BOOST_TEST(context->totals.closed["max_messages"] == 2U);
}

BOOST_AUTO_TEST_CASE(idle_timeout_ends_a_connection_at_its_time_and_not_before) {
  settings.smtp.idle_timeout = 60s;
  deliver("u@one.test");
  pass(59s);
  BOOST_TEST(network.open() == 1U);
  pass(1s);
  BOOST_TEST(network.open() == 0U);
  BOOST_TEST(log.has("reason=\"idle_timeout\""));
}

BOOST_AUTO_TEST_CASE(max_lifetime_ends_a_connection_even_if_it_is_used) {
  settings.smtp.max_lifetime = 5min;
  for (int i = 0; i < 62; ++i) {
    deliver("u@one.test");
    pass(5s);
  }
  BOOST_TEST(opened() == 2U);
  BOOST_TEST(context->totals.closed["max_lifetime"] == 1U);
}

BOOST_AUTO_TEST_CASE(max_connections_is_never_exceeded_and_all_is_delivered) {
  settings.smtp.max_connections = 3;
  settings.smtp.max_waiting = 1000;
  for (int i = 0; i < 100; ++i) send({"u" + std::to_string(i) + "@one.test"});
  settle();
  for (auto const& a : answers) BOOST_TEST(a.is_delivered());
  BOOST_TEST(network.most_open <= 3U);
  BOOST_TEST(opened() == 3U);
}

// Messages that an MTA's queue hands over `at_once` at a time, until `how_long` is over.
void hand_over(DeliveryLab& lab, std::size_t at_once, Duration how_long) {
  for (auto const end = lab.clock.now_ + how_long; lab.clock.now_ < end; lab.pass(5ms)) {
    auto const under_way = static_cast<std::size_t>(std::count_if(
        lab.answers.begin(), lab.answers.end(), [](auto const& a) { return !a.is_over(); }));
    for (auto n = under_way; n < at_once; ++n) lab.send({"u@one.test"});
  }
}

BOOST_AUTO_TEST_CASE(a_queue_of_which_little_is_seen_gets_its_connections_while_it_lasts) {
  settings.smtp.max_connections = 20;
  network.latency = 50ms;
  hand_over(*this, 20, 100ms);  // greeting and EHLO
  BOOST_TEST(opened() < 10U);   // what twenty messages are worth, then what the rest of them is
  hand_over(*this, 20, 150ms);
  BOOST_TEST(opened() == 20U);
}

BOOST_AUTO_TEST_CASE(a_burst_that_is_soon_served_gets_no_more_connections_than_it_is_worth) {
  settings.smtp.max_connections = 20;
  network.latency = 50ms;
  for (int i = 0; i < 20; ++i) send({"u@one.test"});
  pass(2s);
  for (auto const& a : answers) BOOST_TEST(a.is_delivered());
  BOOST_TEST(opened() <= 10U);
}

BOOST_AUTO_TEST_CASE(a_rate_lets_messages_pass_one_by_one) {
  settings.smtp.rate = {10, 1s, 1};
  for (int i = 0; i < 5; ++i) send({"u@one.test"});
  settle();
  auto delivered = [&] {
    return std::count_if(answers.begin(), answers.end(),
                         [](auto const& a) { return a.is_delivered(); });
  };
  BOOST_TEST(delivered() == 1);
  BOOST_TEST((site_of("one.test").blocked().limit == site::Limit::Rate));
  pass(99ms);
  BOOST_TEST(delivered() == 1);
  pass(1ms);
  BOOST_TEST(delivered() == 2);
  pass(300ms);
  BOOST_TEST(delivered() == 5);
}

BOOST_AUTO_TEST_CASE(connect_rate_spaces_connections) {
  settings.smtp.connect_rate = {1, 1s, 1};
  settings.smtp.max_messages = 1;
  for (int i = 0; i < 3; ++i) send({"u@one.test"});
  settle();
  BOOST_TEST(opened() == 1U);
  pass(999ms);
  BOOST_TEST(opened() == 1U);
  pass(1ms);
  BOOST_TEST(opened() == 2U);
  pass(1s);
  BOOST_TEST(opened() == 3U);
}

BOOST_AUTO_TEST_CASE(a_domain_has_limits_below_its_site) {
  settings.domains["one.test"].rate = {1, 1s, 1};
  send({"a@one.test"});
  auto& second = send({"b@one.test"});
  settle();
  BOOST_TEST(!second.is_over());
  BOOST_TEST((site_of("one.test").blocked().limit == site::Limit::Rate));
  pass(1s);
  BOOST_TEST(second.is_delivered());
}

BOOST_AUTO_TEST_CASE(max_connections_of_a_domain_leaves_room_for_others_of_the_site) {
  settings.sites["both"].name = "both";
  settings.sites["both"].domains = {"one.test", "two.test"};
  settings.domains["one.test"].max_connections = 1;
  network.behaviour.answer = [](auto&, std::string const& line) {
    return line == "<body>" ? "" : "?";
  };
  send({"a@one.test"});
  send({"b@one.test"});
  send({"c@two.test"});
  settle();
  BOOST_TEST(dispatcher->in_flight() == 2U);
  BOOST_TEST(dispatcher->waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(who_waits_longer_than_max_wait_is_deferred_with_the_option_and_its_value) {
  settings.smtp.rate = {1, 1h, 1};
  deliver("a@one.test");
  auto& second = deliver("b@one.test");
  pass(settings.lmtp.max_wait - 1ms);
  BOOST_TEST(!second.is_over());
  pass(1ms);
  BOOST_TEST(second.line().starts_with("451 4.7.1 "), second.line());
  BOOST_TEST(contains(second.line(), "rate reached (1/h, burst 1), next in 59m30s"), second.line());
}

BOOST_AUTO_TEST_CASE(beyond_max_waiting_the_answer_is_451_at_once) {
  settings.smtp.max_waiting = 2;
  network.silent_connects = true;
  for (int i = 0; i < 2; ++i) send({"u@one.test"});
  settle();
  auto& third = deliver("v@one.test");
  BOOST_TEST(contains(third.line(), "max_waiting reached (2 waiting)"), third.line());
  BOOST_TEST(third.line().starts_with("451 4.7.1 "));
  auto& elsewhere = deliver("w@two.test");
  BOOST_TEST(!elsewhere.is_over());
}

BOOST_AUTO_TEST_CASE(a_dead_host_is_passed_over_for_the_next) {
  network.behaviour.accepts = [](auto const& t) { return t.address.to_string() == "192.0.2.4"; };
  BOOST_TEST(deliver("u@pair.test").is_delivered());
  BOOST_TEST(deliver("u@pair.test").is_delivered());
  BOOST_TEST(opened() == 2U);
}

BOOST_AUTO_TEST_CASE(when_all_hosts_are_dead_the_answer_says_which_and_why) {
  network.behaviour.accepts = [](auto const&) { return false; };
  auto& a = deliver("u@pair.test");
  BOOST_TEST(
      a.line().starts_with("451 4.4.1 connect to 192.0.2.4[192.0.2.4]:25: Connection refused"),
      a.line());
  BOOST_TEST(opened() == 2U);
  deliver("u@pair.test");
  BOOST_TEST(opened() == 2U, "they are backing off");
  pass(site::first_back_off);
  network.behaviour.accepts = [](auto const&) { return true; };
  BOOST_TEST(deliver("u@pair.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_dead_site_does_not_delay_another) {
  network.behaviour.accepts = [](auto const& t) { return t.address.to_string() != "192.0.2.1"; };
  send({"a@one.test"});
  auto& b = send({"b@two.test"});
  settle();
  BOOST_TEST(b.is_delivered());
}

BOOST_AUTO_TEST_CASE(a_connection_that_the_server_ends_while_idle_is_not_used_again) {
  deliver("u@one.test");
  network.hang_up(*network.servers[0]);
  settle();
  BOOST_TEST(log.has("state=closing reason=\"the server closed the connection\""));
  BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(opened() == 2U);
}

BOOST_AUTO_TEST_CASE(unasked_octets_on_an_idle_connection_end_it) {
  deliver("u@one.test");
  network.say(*network.servers[0], "421 4.4.2 idle too long\r\n");
  settle();
  BOOST_TEST(network.open() == 0U);
  BOOST_TEST(log.has("421 4.4.2 idle too long"));
}

BOOST_AUTO_TEST_CASE(a_connection_whose_server_has_begun_to_end_it_carries_nothing_more) {
  deliver("u@one.test");
  network.say(*network.servers[0], "421 4.4.2 idle");
  BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(opened() == 2U);
  network.say(*network.servers[0], " too long\r\n");
  settle();
  BOOST_TEST(network.open() == 1U);
  BOOST_TEST(log.has("reason=\"421 4.4.2 idle too long\""));
  BOOST_TEST(!log.has("poisoned"));
}

BOOST_AUTO_TEST_CASE(
    what_fails_on_a_reused_connection_before_the_commit_point_goes_once_more_on_a_fresh_one) {
  deliver("u@one.test");
  network.behaviour.answer = [&](SimulatedServer& s, std::string const& line) {
    return &s == network.servers[0].get() && line.starts_with("MAIL") ? "421 4.3.2 closing\r\n\x04"
                                                                      : "?";
  };
  auto& a = deliver("v@one.test");
  BOOST_TEST(a.is_delivered());
  BOOST_TEST(opened() == 2U);
  BOOST_TEST(context->totals.retried == 1U);
}

BOOST_AUTO_TEST_CASE(the_retry_comes_only_once) {
  deliver("u@one.test");
  network.behaviour.answer = [&](SimulatedServer&, std::string const& line) {
    return line.starts_with("MAIL") ? "421 4.3.2 closing\r\n\x04" : "?";
  };
  auto& a = deliver("v@one.test");
  BOOST_TEST(a.line().starts_with("451 4.3.2 "), a.line());
  BOOST_TEST(opened() == 2U);
}

BOOST_AUTO_TEST_CASE(after_the_commit_point_nothing_is_retried) {
  deliver("u@one.test");
  network.behaviour.answer = [&](SimulatedServer&, std::string const& line) {
    return line == "<body>" ? "\x04" : "?";
  };
  auto& a = deliver("v@one.test");
  BOOST_TEST(a.line().starts_with("451 4.4.2 "), a.line());
  BOOST_TEST(contains(a.line(), "message may be delivered more than once"), a.line());
  BOOST_TEST(opened() == 1U);
  BOOST_TEST(context->totals.ambiguous == 1U);
}

BOOST_AUTO_TEST_CASE(equal_recipients_are_sent_once_and_answered_each) {
  auto& a = send({"u@one.test", "v@one.test", "u@one.test"});
  settle();
  BOOST_TEST(count_commands("RCPT") == 2U);
  for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(a.is_delivered(i));
}

BOOST_AUTO_TEST_CASE(domains_of_one_message_go_their_own_ways_at_once) {
  network.behaviour.answer = [](SimulatedServer& s, std::string const& line) {
    return s.address.address.to_string() == "192.0.2.1" && line == "<body>" ? "" : "?";
  };
  auto& a = send({"u@one.test", "v@two.test"});
  settle();
  BOOST_TEST(!a.outcomes[0].has_value());
  BOOST_TEST(a.is_delivered(1));
}

BOOST_AUTO_TEST_CASE(once_one_group_has_committed_the_others_wait_five_seconds_at_most) {
  settings.domains["two.test"].rate = {1, 1h, 1};
  deliver("x@two.test");
  auto& a = send({"u@one.test", "v@two.test"});
  settle();
  BOOST_TEST(a.is_delivered(0));
  pass(5s - 1ms);
  BOOST_TEST(!a.is_over());
  pass(1ms);
  BOOST_TEST(a.line(1).starts_with("451 4.7.1 "), a.line(1));
}

BOOST_AUTO_TEST_CASE(max_recipients_splits_a_message) {
  settings.smtp.max_recipients = 2;
  auto& a = send({"a@one.test", "b@one.test", "c@one.test", "d@one.test", "e@one.test"});
  settle();
  BOOST_TEST(a.is_over());
  BOOST_TEST(count_commands("MAIL") == 3U);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_before_the_commit_point_takes_its_message_with_it) {
  network.behaviour.ehlo = "250 mx\r\n";
  network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
    return line == "DATA" ? "" : "?";
  };
  auto& a = send({"u@one.test"});
  settle();
  dispatcher->release(*a.delivery, clock.now_);
  settle();
  BOOST_TEST(count_commands("<body>") == 0U);
  BOOST_TEST(network.open() == 0U);
  BOOST_TEST(!a.is_over(), "nobody is there to be told");
  BOOST_TEST(dispatcher->deliveries() == 0U);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_after_the_commit_point_changes_nothing_for_the_recipient) {
  network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
    return line == "<body>" ? "" : "?";
  };
  auto& a = send({"u@one.test"});
  settle();
  dispatcher->release(*a.delivery, clock.now_);
  settle();
  BOOST_TEST(network.open() == 1U);
  network.say(*network.servers[0], "250 2.0.0 late\r\n");
  settle();
  BOOST_TEST(log.has("status=sent (250 2.0.0 late)"));
  BOOST_TEST(dispatcher->deliveries() == 0U);
}

BOOST_AUTO_TEST_CASE(everything_before_the_commit_point_ends_within_five_minutes) {
  settings.smtp.greeting_timeout = 1h;
  settings.smtp.rcpt_timeout = 1h;
  settings.smtp.mail_timeout = 1h;
  network.behaviour.ehlo = "250 mx\r\n";
  network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
    return line.starts_with("RCPT") ? "" : "?";
  };
  auto& a = send({"u@one.test"});
  pass(delivery::longest_before_commit - 1ms);
  BOOST_TEST(!a.is_over());
  pass(1ms);
  BOOST_TEST(
      a.line().starts_with("451 4.3.2 the time for everything before the end of data is over"),
      a.line());
}

BOOST_AUTO_TEST_CASE(a_suspended_site_answers_at_once_with_the_reason_and_its_end) {
  deliver("u@one.test");
  auto const name = site_of("one.test").name();
  BOOST_TEST(dispatcher->suspend_site(name, {clock.now_ + 1h, "complaints", "uid 0"}, clock.now_));
  auto& a = deliver("u@one.test");
  BOOST_TEST(a.line().starts_with("451 4.7.1 " + name + ": suspended until 1970-"), a.line());
  BOOST_TEST(contains(a.line(), "complaints"));
  pass(1h);
  BOOST_TEST(deliver("u@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_suspended_domain_stops_alone) {
  begin();
  dispatcher->suspend_domain("one.test", {clock.now_ + 1h, "by hand", "uid 0"}, clock.now_);
  BOOST_TEST(contains(deliver("u@one.test").line(), "one.test: suspended until"));
  BOOST_TEST(deliver("u@two.test").is_delivered());
  BOOST_TEST(dispatcher->resume_domain("one.test", clock.now_));
  BOOST_TEST(deliver("u@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(draining_defers_what_is_new_or_waits_and_says_quit_to_idle_connections) {
  deliver("u@one.test");
  dispatcher->drain(clock.now_);
  settle();
  BOOST_TEST(network.open() == 0U);
  BOOST_TEST(count_commands("QUIT") == 1U);
  BOOST_TEST(deliver("u@one.test").line().starts_with("451 4.3.2 "));
  dispatcher->undrain(clock.now_);
  BOOST_TEST(deliver("u@one.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(
    a_connection_that_is_busy_while_draining_begins_says_quit_when_its_message_is_over) {
  settings.smtp.min_idle = 1;
  network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
    return line == "<body>" ? "" : "?";
  };
  auto& a = send({"u@one.test"});
  settle();
  dispatcher->drain(clock.now_);
  settle();
  BOOST_TEST(network.open() == 1U);
  network.say(*network.servers[0], "250 2.0.0 done\r\n");
  settle();
  BOOST_TEST(a.is_delivered());
  BOOST_TEST(count_commands("QUIT") == 1U);
  BOOST_TEST(network.open() == 0U);
}

BOOST_AUTO_TEST_CASE(min_idle_connections_are_opened_again_once_the_site_was_used) {
  settings.smtp.min_idle = 2;
  settings.smtp.idle_timeout = 10s;
  deliver("u@one.test");
  BOOST_TEST(network.open() == 2U);
  pass(60s);
  BOOST_TEST(network.open() == 2U);
  network.hang_up(*network.servers[0]);
  settle();
  BOOST_TEST(network.open() == 2U);
}

BOOST_AUTO_TEST_CASE(a_connection_that_was_idle_for_long_is_proved_alive_by_rset) {
  settings.smtp.idle_timeout = 10min;
  settings.smtp.max_lifetime = 1h;
  settings.smtp.check_after = 30s;
  deliver("u@one.test");
  pass(31s);
  BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(count_commands("RSET") == 1U);
  BOOST_TEST(opened() == 1U);
}

BOOST_AUTO_TEST_CASE(tls_is_demanded_before_mail_where_the_option_says_encrypt) {
  settings.smtp.tls = TlsLevel::Encrypt;
  auto& a = deliver("u@one.test");
  BOOST_TEST(a.line().starts_with("451 4.7.5 "), a.line());
  BOOST_TEST(count_commands("MAIL") == 0U);
}

BOOST_AUTO_TEST_CASE(a_new_configuration_changes_limits_and_keeps_connections) {
  deliver("u@one.test");
  settings.smtp.rate = {1, 1h, 1};
  dispatcher->reconfigure(settings, clock.now_);
  settle();
  BOOST_TEST(network.open() == 1U);
  deliver("u@one.test");
  BOOST_TEST(!deliver("u@one.test").is_over());
}

// Each option that a session was told at its beginning, changed in turn.
BOOST_AUTO_TEST_CASE(no_connection_is_used_on_under_options_that_a_reload_has_changed) {
  using S = SiteSettings;
  std::vector<std::pair<std::string, std::function<void(S&)>>> const changes{
      {"greeting_timeout", [](S& s) { s.greeting_timeout += 1s; }},
      {"ehlo_timeout", [](S& s) { s.ehlo_timeout += 1s; }},
      {"starttls_timeout", [](S& s) { s.starttls_timeout += 1s; }},
      {"auth_timeout", [](S& s) { s.auth_timeout += 1s; }},
      {"mail_timeout", [](S& s) { s.mail_timeout += 1s; }},
      {"rcpt_timeout", [](S& s) { s.rcpt_timeout += 1s; }},
      {"data_timeout", [](S& s) { s.data_timeout += 1s; }},
      {"body_timeout", [](S& s) { s.body_timeout += 1s; }},
      {"end_of_data_timeout", [](S& s) { s.end_of_data_timeout += 1s; }},
      {"eight_bit", [](S& s) { s.eight_bit = EightBit::Refuse; }},
      {"pipelining", [](S& s) { s.pipelining = !s.pipelining; }},
      {"chunking", [](S& s) { s.chunking = !s.chunking; }},
      {"one_flight_within", [](S& s) { s.one_flight_within += 1s; }},
      {"max_lifetime", [](S& s) { s.max_lifetime += 1s; }}};
  for (auto const& [option, change] : changes) {
    DeliveryLab lab;
    lab.deliver("u@one.test");
    BOOST_REQUIRE(lab.network.open() == 1U);
    change(lab.settings.smtp);
    lab.dispatcher->reconfigure(lab.settings, lab.clock.now_);
    lab.settle();
    BOOST_TEST(lab.network.open() == 0U, option);
    BOOST_TEST(lab.deliver("u@one.test").is_delivered(), option);
    BOOST_TEST(lab.opened() == 2U, option);
  }
}

// Whoever looks at all of delivery looks at these alone.
BOOST_AUTO_TEST_CASE(a_site_is_busy_while_something_is_open_waits_or_is_suspended_there) {
  settings.smtp.idle_timeout = 10s;
  auto const is_busy = [&](std::string const& domain) {
    return dispatcher->busy_sites().contains(&site_of(domain));
  };
  deliver("u@one.test");
  deliver("u@two.test");
  BOOST_TEST(is_busy("one.test"));  // an idle connection
  pass(10s);
  BOOST_TEST(dispatcher->busy_sites().empty());
  auto const name = site_of("one.test").name();
  dispatcher->suspend_site(name, {clock.now_ + 1h, "x", "uid 0", {}}, clock.now_);
  BOOST_TEST(is_busy("one.test"));
  pass(1h - 1ms);
  BOOST_TEST(is_busy("one.test"));
  pass(1ms);
  BOOST_TEST(!is_busy("one.test"));
  settings.smtp.rate = {1, 1h, 1};
  dispatcher->reconfigure(settings, clock.now_);
  deliver("a@two.test");
  deliver("b@two.test");
  pass(10s);
  BOOST_TEST(site_of("two.test").connections().is_empty());
  BOOST_TEST(is_busy("two.test"));  // one waits
  pass(1min);
  BOOST_TEST(!is_busy("two.test"));
}

BOOST_AUTO_TEST_CASE(a_suspended_domain_is_listed_until_it_is_resumed_or_its_time_is_over) {
  begin();
  dispatcher->suspend_domain("one.test", {clock.now_ + 1h, "x", "uid 0", {}}, clock.now_);
  dispatcher->suspend_domain("two.test", {clock.now_ + 2h, "x", "uid 0", {}}, clock.now_);
  BOOST_TEST(dispatcher->suspended_domains().size() == 2U);
  dispatcher->resume_domain("two.test", clock.now_);
  BOOST_TEST(dispatcher->suspended_domains().size() == 1U);
  pass(61min + 10min);
  BOOST_TEST(dispatcher->suspended_domains().empty());
}

BOOST_AUTO_TEST_CASE(sites_and_domains_are_forgotten_after_a_day) {
  deliver("u@one.test");
  pass(25h);
  BOOST_TEST(dispatcher->sites().empty());
  BOOST_TEST(dispatcher->site_of_domain("one.test") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
