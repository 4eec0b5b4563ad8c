#include "core/lmtp/server.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "client.h"

using namespace mailpool;
using namespace mailpool::lmtp;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(lmtp_server)

BOOST_AUTO_TEST_CASE(the_greeting_and_lhlo_always_succeed) {
  Client c;
  BOOST_TEST(c.replies() == "220 mail.example.com LMTP mailpool|");
  BOOST_TEST(
      c.send("lhlo me\r\n") ==
      "250-mail.example.com|250-PIPELINING|250-ENHANCEDSTATUSCODES|250-SIZE 1000|250-8BITMIME|"
      "250-SMTPUTF8|250-REQUIRETLS|250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE|");
}

BOOST_AUTO_TEST_CASE(a_message_goes_through_in_one_write) {
  Client c;
  c.replies();
  c.answers = {"one", "two"};
  c.send("LHLO me\r\n");
  BOOST_TEST(
      c.send("MAIL FROM:<s@example.com> SIZE=20 BODY=8BITMIME\r\nRCPT TO:<a@Example.ORG>\r\n"
             "RCPT TO:<b@example.net>\r\nDATA\r\nSubject: x\r\n\r\n..y\r\n.\r\nQUIT\r\n") ==
      "250 2.1.0 Ok|250 2.1.5 Ok|250 2.1.5 Ok|354 End data with <CR><LF>.<CR><LF>|250 2.0.0 one|"
      "250 2.0.0 two|221 2.0.0 Bye|");
  BOOST_TEST(c.server.is_over());
  BOOST_TEST(c.server.close_reason() == "QUIT");
  auto const& m = c.messages.at(0);
  BOOST_TEST(m.body.storage->memory() == "Subject: x\r\n\r\n.y\r\n");
  BOOST_TEST(m.body.has_leading_dot);
  BOOST_TEST(m.envelope.eight_bit);
  BOOST_TEST(m.envelope.sender == "s@example.com");
  BOOST_TEST(m.envelope.queue_id == "OWN1");
  BOOST_TEST(m.envelope.client == "postfix[1]");
  BOOST_TEST(m.envelope.recipients.at(0).address == "a@Example.ORG");
  BOOST_TEST(m.envelope.recipients.at(0).domain == "example.org");
  BOOST_TEST(c.bodies.expected == 20U);
}

BOOST_AUTO_TEST_CASE(replies_go_out_in_rcpt_order_each_as_soon_as_its_predecessors_are_known) {
  Client c;
  c.begin({"a@x.example", "b@x.example", "a@x.example"});
  BOOST_TEST(c.send("x\r\n.\r\nNOOP\r\n") == "");
  BOOST_TEST(c.server.is_delivering());
  c.say(1, 550, "second");
  BOOST_TEST(c.replies() == "");
  c.say(0, 250, "first");
  BOOST_TEST(c.replies() == "250 2.0.0 first|550 5.0.0 second|");
  c.say(2, 451, "third");
  BOOST_TEST(c.replies() == "451 4.0.0 third|250 2.0.0 Ok|");
  BOOST_TEST(c.server.is_idle());
}

BOOST_AUTO_TEST_CASE(replies_in_reverse_go_out_together_at_the_end) {
  Client c;
  c.begin({"a@x.example", "b@x.example", "c@x.example"});
  c.send("x\r\n.\r\n");
  c.say(2, 250, "third");
  c.say(1, 250, "second");
  BOOST_TEST(c.replies() == "");
  BOOST_TEST(c.server.is_delivering());
  c.say(0, 250, "first");
  BOOST_TEST(c.replies() == "250 2.0.0 first|250 2.0.0 second|250 2.0.0 third|");
  BOOST_TEST(!c.server.is_delivering());
}

BOOST_AUTO_TEST_CASE(a_dialogue_cut_anywhere_gives_the_same_replies_and_the_same_message) {
  std::string_view const dialogue =
      "LHLO me\r\nXFORWARD IDENT=4ED1\r\nMAIL FROM:<s@example.com>\r\nRCPT TO:<a@x.example>\r\n"
      "DATA\r\nA: b\r\n\r\n..\r\n.x\n.\r\n\r\n.\r\nNOOP\r\nQUIT\r\n";
  auto play = [&](std::size_t cut) {
    Client c;
    c.received = "Received: by us id ";
    c.answers = {"ok"};
    auto out = c.send(dialogue.substr(0, cut));
    out += c.send(dialogue.substr(cut));
    return out + std::string(c.messages.at(0).body.storage->memory());
  };
  auto const whole = play(0);
  BOOST_TEST(whole.ends_with("Received: by us id 4ED1\r\nA: b\r\n\r\n.\r\nx\r\n.\r\n\r\n"));
  for (std::size_t cut = 1; cut <= dialogue.size(); ++cut) BOOST_TEST(play(cut) == whole);
}

BOOST_AUTO_TEST_CASE(an_owner_may_answer_before_on_message_returns) {
  Client c;
  c.answers = {"one"};
  c.begin();
  BOOST_TEST(c.send("x\r\n.\r\nMAIL FROM:<>\r\n") == "250 2.0.0 one|250 2.1.0 Ok|");
}

BOOST_AUTO_TEST_CASE(what_the_client_says_too_early_waits_and_is_bounded) {
  Client c;
  c.begin();
  c.send("x\r\n.\r\n");
  BOOST_TEST(c.server.wants_input());
  std::string early;
  while (early.size() < 16384) early += "NOOP\r\n";
  BOOST_TEST(c.send(early) == "");
  BOOST_TEST(!c.server.wants_input());
  c.say(0, 250, "ok");
  BOOST_TEST(c.replies().starts_with("250 2.0.0 ok|250 2.0.0 Ok|"));
  BOOST_TEST(c.server.wants_input());
}

BOOST_AUTO_TEST_CASE(a_client_that_reads_no_replies_is_not_read_either) {
  Client c;
  c.send("LHLO me\r\n");
  std::string noops;
  for (int i = 0; i < 10000; ++i) noops += "NOOP\r\n";
  c.server.receive(noops, c.now);
  BOOST_TEST(!c.server.wants_input());
  BOOST_TEST(c.server.output().size() <= 64U * 1024U + 512U);
  std::size_t replies = 0;
  while (!c.server.output().empty()) {
    auto const n = std::min<std::size_t>(1000, c.server.output().size());
    auto const text = c.server.output().substr(0, n);
    replies += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    c.server.written(n);
  }
  BOOST_TEST(replies == 10000U);
  BOOST_TEST(c.server.wants_input());
}

BOOST_AUTO_TEST_CASE(a_body_whose_storage_is_behind_stops_the_reading) {
  Client c;
  c.begin();
  c.bodies.wants_more = false;
  BOOST_TEST(!c.server.wants_input());
  c.bodies.wants_more = true;
  BOOST_TEST(c.server.wants_input());
}

BOOST_AUTO_TEST_CASE(silence_between_commands_ends_the_connection_and_not_with_421) {
  Client c;
  c.send("LHLO me\r\n");
  BOOST_TEST((c.server.deadline() == c.now + 5min));
  c.server.expire(c.now + 5min - 1ms);
  BOOST_TEST(!c.server.is_over());
  c.server.expire(c.now + 5min);
  BOOST_TEST(c.replies() == "451 4.4.2 mail.example.com no command came for 5m, closing|");
  BOOST_TEST(c.server.is_over());
  BOOST_TEST(c.server.close_reason() == "idle_timeout");
  BOOST_TEST((c.server.deadline() == never));
}

BOOST_AUTO_TEST_CASE(silence_inside_a_body_ends_the_connection_and_the_message_is_dropped) {
  Client c;
  c.begin();
  c.now += 4min;
  c.send("some\r\n");
  c.server.expire(c.now + 5min - 1ms);
  BOOST_TEST(!c.server.is_over());
  c.server.expire(c.now + 5min);
  BOOST_TEST(c.server.is_over());
  BOOST_TEST(c.messages.empty());
  BOOST_TEST(c.bodies.alive == 0U);
}

BOOST_AUTO_TEST_CASE(
    a_delivery_in_flight_never_expires_here_and_its_time_is_not_held_against_the_client) {
  Client c;
  c.begin();
  c.send("x\r\n.\r\n");
  BOOST_TEST((c.server.deadline() == never));
  c.now += 14min;
  c.server.expire(c.now);
  BOOST_TEST(!c.server.is_over());
  c.say(0, 250, "ok");
  BOOST_TEST((c.server.deadline() == c.now + 5min));
}

BOOST_AUTO_TEST_CASE(a_closing_client_that_does_not_read_is_given_up) {
  Client c;
  c.now += 1min;
  c.server.receive("QUIT\r\n", c.now);
  BOOST_TEST((c.server.deadline() == c.now + 5min));
  c.server.expire(c.now + 5min);
  BOOST_TEST(c.server.output() == "");
  BOOST_TEST((c.server.deadline() == never));
}

BOOST_AUTO_TEST_CASE(idle_means_that_closing_now_loses_nothing) {
  Client c;
  BOOST_TEST(!c.server.is_idle());  // the greeting is still here
  c.replies();
  BOOST_TEST(c.server.is_idle());
  c.send("LHLO me\r\n");
  BOOST_TEST(c.server.is_idle());
  c.send("MAIL FROM:<>\r\n");
  BOOST_TEST(!c.server.is_idle());
  c.send("RCPT TO:<u@example.org>\r\nDATA\r\n");
  BOOST_TEST(!c.server.is_idle());
  c.send(".\r\n");
  BOOST_TEST(!c.server.is_idle());
  c.say(0, 250, "ok");
  BOOST_TEST(!c.server.is_idle());
  c.replies();
  BOOST_TEST(c.server.is_idle());
}

BOOST_AUTO_TEST_CASE(one_connection_carries_message_after_message) {
  Client c;
  c.answers = {"ok"};
  c.send("LHLO me\r\n");
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(
        c.send("MAIL FROM:<> SIZE=10\r\nRCPT TO:<u@example.org>\r\nDATA\r\nx\r\n.\r\nRSET\r\n")
            .ends_with("|250 2.0.0 ok|250 2.0.0 Ok|"));
  BOOST_TEST(c.messages.size() == 3U);
  BOOST_TEST(c.messages[2].envelope.recipients.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
