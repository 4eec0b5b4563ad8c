#include <boost/test/unit_test.hpp>
#include <string>

#include "client.h"

using namespace mailpool;
using namespace mailpool::lmtp;
using namespace std::string_literals;
using namespace std::string_view_literals;
using namespace std::chrono_literals;

namespace {

std::string received(std::string_view id) {
  return "Received: from a by b with ESMTP id " + std::string(id) + "; x\r\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lmtp_body)

BOOST_AUTO_TEST_CASE(the_body_is_stored_unstuffed_with_clean_line_ends) {
  Client c;
  BOOST_TEST(c.body_of("a\nb\rc\r\n..d\r\n\n.\ne\r\n.\r\n") ==
             "a\r\nb\r\nc\r\n.d\r\n\r\n.\r\ne\r\n");
}

BOOST_AUTO_TEST_CASE(what_the_sender_asks_of_tls_goes_with_its_message_and_no_other) {
  Client c;
  c.send("LHLO me\r\nMAIL FROM:<s@example.com> REQUIRETLS\r\nRCPT TO:<u@example.org>\r\nDATA\r\n");
  c.send("Subject: x\r\n\r\nTLS-Required: No\r\n.\r\n");
  c.say(0, 250, "ok");
  c.body_of("Subject: x\r\ntls-required: no\r\n\r\nx\r\n.\r\n");
  BOOST_TEST(c.messages.at(0).envelope.require_tls);
  BOOST_TEST(!c.messages.at(0).envelope.tls_required_no);
  BOOST_TEST(!c.messages.at(1).envelope.require_tls);
  BOOST_TEST(c.messages.at(1).envelope.tls_required_no);
}

BOOST_AUTO_TEST_CASE(an_empty_body_stays_empty) {
  Client c;
  BOOST_TEST(c.body_of(".\r\n") == "");
  BOOST_TEST(!c.messages.at(0).body.has_leading_dot);
}

BOOST_AUTO_TEST_CASE(a_smuggled_transaction_stays_inside_the_message_it_came_with) {
  for (auto const end : {"\n.\n"sv, "\r\n.\n"sv, "\n.\r\n"sv, "\r.\r"sv, "\r\n.\r"sv, "\r.\r\n"sv,
                         "\r\n\0.\r\n"sv, "\r\n.\0\r\n"sv, "\r\n.\r\r\n"sv}) {
    Client c;
    c.begin();
    BOOST_TEST(c.send("x" + std::string(end) +
                      "MAIL FROM:<evil@example.com>\r\nRCPT TO:<v@example.org>\r\nDATA\r\n") == "");
    BOOST_TEST(c.messages.empty());
    c.send(".\r\n");
    BOOST_TEST(c.messages.size() == (end.find('\0') == end.npos ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(nul_is_refused_for_every_recipient_after_the_whole_message_was_read) {
  Client c;
  c.begin({"a@x.example", "b@x.example"});
  BOOST_TEST(c.send("a\0b\r\n"sv) == "");
  BOOST_TEST(c.bodies.alive == 0U);
  auto const line = "554 5.6.0 the message holds a NUL octet, which no mail may (RFC 5321 4.5.2)|"s;
  BOOST_TEST(c.send("c\r\n.\r\nNOOP\r\n") == line + line + "250 2.0.0 Ok|");
  BOOST_TEST(c.messages.empty());
}

BOOST_AUTO_TEST_CASE(a_body_of_max_message_size_passes_and_one_octet_more_does_not) {
  auto const exactly = std::string(998, 'x') + "\r\n.\r\n";
  Client fits;
  fits.received = "Received: not counted; ";
  fits.body_of(exactly);
  BOOST_TEST(fits.messages.size() == 1U);
  Client exceeds;
  exceeds.begin();
  BOOST_TEST(exceeds.send("x" + exactly) ==
             "552 5.3.4 the message is larger than [lmtp] max_message_size (1000 octets)|");
}

BOOST_AUTO_TEST_CASE(stuffed_dots_do_not_count_for_the_size) {
  Client c;
  std::string wire;
  for (int i = 0; i < 250; ++i) wire += "..x\r\n";  // 4 octets each once unstuffed
  c.body_of(wire + ".\r\n");
  BOOST_TEST(c.messages.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_body_too_large_is_read_but_not_kept_and_not_for_ever) {
  Client c;
  c.begin();
  auto const start = c.now;
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST(c.send(std::string(100000, 'x')) == "");
    BOOST_TEST(c.bodies.alive == 0U);
    BOOST_TEST((c.server.deadline() == start + 5min));
    c.now += 1min;
  }
  BOOST_TEST(c.send("\r\n.\r\n").starts_with("552 5.3.4 "));
  BOOST_TEST((c.server.deadline() == c.now + 5min));
}

BOOST_AUTO_TEST_CASE(local_trouble_is_deferred_in_words_that_name_the_option) {
  Client memory;
  memory.bodies.memory_limit = 100;
  memory.begin();
  BOOST_TEST(memory.send(std::string(200, 'x') + "\r\n.\r\n") ==
             "452 4.3.1 [lmtp] memory_limit is reached: try again later|");
  Client disk;
  disk.bodies.disk_limit = 100;
  disk.begin();
  BOOST_TEST(disk.send(std::string(200, 'x') + "\r\n.\r\n").starts_with("452 4.3.1 "));
  BOOST_TEST(disk.messages.empty());
}

BOOST_AUTO_TEST_CASE(mail_that_goes_in_circles_is_refused_at_the_hundred_and_first_hop) {
  auto settings = Client::settings();
  settings.max_message_size = 100000;
  std::string hops;
  for (int i = 0; i < 100; ++i) hops += received("A1");
  Client passes(settings);
  passes.body_of(hops + "\r\nReceived: in the body\r\n.\r\n");
  BOOST_TEST(passes.messages.size() == 1U);
  Client circles(settings);
  circles.begin();
  BOOST_TEST(circles.send(hops + received("A1") + "\r\n.\r\n").starts_with("554 5.4.6 "));
}

BOOST_AUTO_TEST_CASE(xforward_ident_names_the_message_and_is_used_once) {
  Client c;
  c.send("LHLO me\r\nXFORWARD IDENT=4ED10A9055E\r\n");
  c.body_of(received("OTHER") + "\r\n.\r\n");
  BOOST_TEST(c.messages.at(0).envelope.queue_id == "OTHER");  // LHLO of body_of() forgot it
  c.say(0, 250, "ok");
  c.send("XFORWARD IDENT=4ED10A9055E\r\nMAIL FROM:<>\r\nRCPT TO:<u@example.org>\r\nDATA\r\n");
  c.send(received("OTHER") + "\r\n.\r\n");
  BOOST_TEST(c.messages.at(1).envelope.queue_id == "4ED10A9055E");
  c.say(0, 250, "ok");
  c.send("MAIL FROM:<>\r\nRCPT TO:<u@example.org>\r\nDATA\r\nx\r\n.\r\n");
  BOOST_TEST(c.messages.at(2).envelope.queue_id == "OWN1");
}

BOOST_AUTO_TEST_CASE(rset_forgets_the_ident) {
  Client c;
  c.send("LHLO me\r\nXFORWARD IDENT=4ED10A9055E\r\nRSET\r\n");
  c.send("MAIL FROM:<>\r\nRCPT TO:<u@example.org>\r\nDATA\r\nx\r\n.\r\n");
  BOOST_TEST(c.messages.at(0).envelope.queue_id == "OWN1");
}

BOOST_AUTO_TEST_CASE(without_xforward_the_newest_received_field_names_the_message) {
  Client c;
  c.received = "Received: by us id ";
  auto const wire = received("NEWEST") + received("OLDER") + "\r\nx\r\n";
  BOOST_TEST(c.body_of(wire + ".\r\n") == "Received: by us id NEWEST\r\n" + wire);
}

BOOST_AUTO_TEST_CASE(
    our_own_received_field_comes_first_whatever_the_body_is_and_however_it_is_cut) {
  for (auto const& wire :
       {std::string(), std::string("\r\nx\r\n"), "A: b\r\n" + received("Q1") + "\r\nx\r\n"}) {
    auto const whole = wire + ".\r\n";
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      Client c;
      c.received = "Received: by us id ";
      c.begin();
      c.send(std::string_view(whole).substr(0, cut));
      c.send(std::string_view(whole).substr(cut));
      auto const id = wire.find("Q1") == std::string::npos ? "OWN1" : "Q1";
      BOOST_TEST(c.messages.at(0).body.storage->memory() ==
                 "Received: by us id " + std::string(id) + "\r\n" + wire);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_header_without_end_is_not_held_back_for_ever) {
  auto settings = Client::settings();
  settings.max_message_size = 0;  // none
  Client c(settings);
  c.received = "Received: by us id ";
  c.begin();
  for (int i = 0; i < 1000; ++i) c.send("X-Long: " + std::string(60, 'x') + "\r\n");
  c.send(".\r\n");
  auto const& body = c.messages.at(0).body;
  BOOST_TEST(body.storage->memory().starts_with("Received: by us id OWN1\r\nX-Long: "));
  BOOST_TEST(body.size() == 25U + 70U * 1000U);
}

BOOST_AUTO_TEST_CASE(what_the_next_server_must_know_is_noted_in_passing) {
  struct Row {
    std::string_view wire;
    bool eight_bit, leading_dot, utf8_header;
  };
  for (auto const& row : {
           Row{"A: b\r\n\r\nx\r\n.\r\n", false, false, false},
           Row{"A: b\r\n\r\n\xc3\xbc\r\n.\r\n", true, false, false},
           Row{"A: \xc3\xbc\r\n\r\nx\r\n.\r\n", true, false, true},
           Row{"A: b\r\n\r\n..x\r\n.\r\n", false, true, false},
           Row{"A: b\r\n\r\n.x\r\n.\r\n", false, false, false},
           Row{"A: b\r\n\r\nx\n.y\r\n.\r\n", false, true, false},
       }) {
    Client c;
    c.body_of(row.wire);
    auto const& body = c.messages.at(0).body;
    BOOST_TEST(body.has_eight_bit == row.eight_bit);
    BOOST_TEST(body.has_leading_dot == row.leading_dot);
    BOOST_TEST(body.has_utf8_header == row.utf8_header);
  }
}

BOOST_AUTO_TEST_SUITE_END()
