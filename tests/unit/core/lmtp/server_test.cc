#include "core/lmtp/server.h"

#include <boost/test/unit_test.hpp>

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
      "250-SMTPUTF8|250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE|");
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

BOOST_AUTO_TEST_SUITE_END()
