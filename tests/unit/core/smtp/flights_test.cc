// What a transaction sends, and in how many flights.
#include <boost/test/unit_test.hpp>

#include "unit/core/smtp/talk.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace mailpool::smtp::testing;

BOOST_AUTO_TEST_SUITE(flights)

BOOST_AUTO_TEST_CASE(the_client_waits_for_the_greeting_then_says_ehlo) {
  Talk talk;
  BOOST_TEST(talk.sent() == "");
  talk.server("220 mx.example.com ESMTP\r\n");
  BOOST_TEST(talk.sent() == "EHLO client.example.net\r\n");
  talk.server(ehlo_reply({"PIPELINING"}));
  BOOST_TEST(talk.take<Ready>().has_value());
  BOOST_TEST(talk.session.is_idle());
  BOOST_TEST((talk.session.deadline() == never));
}

BOOST_AUTO_TEST_CASE(with_pipelining_and_chunking_a_message_is_one_write) {
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING", "SIZE 1000000"});
  Mail mail;
  auto const writes = talk.writes;
  talk.start(mail.transaction);
  BOOST_TEST(talk.writes == writes + 1);
  BOOST_TEST(talk.sent() ==
             "MAIL FROM:<a@example.net> SIZE=21\r\nRCPT TO:<u@example.com>\r\nBDAT 21 "
             "LAST\r\nSubject: x\r\n\r\nhello\r\n");
  BOOST_TEST(talk.session.is_committed());
  talk.server("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 queued as 1\r\n");
  auto const result = talk.result();
  BOOST_TEST(is_delivered(result));
  BOOST_TEST(result.results[0].outcome.reply_line() ==
             "250 2.0.0 mx.example.com[192.0.2.1]:25 said: queued as 1");
  BOOST_TEST(talk.session.is_idle());
  BOOST_TEST(talk.sent() == "");  // no RSET after a clean end
}

BOOST_AUTO_TEST_CASE(one_flight_needs_a_connection_that_answered_a_moment_ago) {
  for (auto const& [silence, is_one_flight] :
       {std::pair<Duration, bool>{5s, true}, {5s + 1ms, false}}) {
    Talk talk;
    talk.connected({"PIPELINING", "CHUNKING"});
    talk.wait(silence);
    Mail mail;
    talk.start(mail.transaction);
    BOOST_TEST((talk.sent().find("BDAT") != std::string::npos) == is_one_flight);
  }
}

BOOST_AUTO_TEST_CASE(one_flight_is_for_bodies_up_to_its_limit) {
  for (auto const& [size, is_one_flight] :
       {std::pair<std::size_t, bool>{65536, true}, {65537, false}}) {
    Talk talk;
    talk.connected({"PIPELINING", "CHUNKING"});
    Mail mail(std::string(size - 2, 'x') + "\r\n");
    talk.start(mail.transaction);
    BOOST_TEST((talk.sent().find("BDAT") != std::string::npos) == is_one_flight);
  }
}

BOOST_AUTO_TEST_CASE(without_one_flight_mail_and_recipients_prove_the_connection_before_bdat) {
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"});
  talk.wait(6s);
  Mail mail;
  talk.start(mail.transaction);
  BOOST_TEST(talk.sent() == "MAIL FROM:<a@example.net>\r\nRCPT TO:<u@example.com>\r\n");
  BOOST_TEST(!talk.session.is_committed());
  talk.server("250 ok\r\n250 ok\r\n");
  BOOST_TEST(talk.sent() == "BDAT 21 LAST\r\nSubject: x\r\n\r\nhello\r\n");
  BOOST_TEST(talk.session.is_committed());
  talk.server("250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
}

BOOST_AUTO_TEST_CASE(
    with_pipelining_alone_a_message_is_two_flights_and_the_dot_is_a_write_of_its_own) {
  Talk talk;
  talk.connected({"PIPELINING"});
  Mail mail;
  talk.start(mail.transaction);
  BOOST_TEST(talk.sent() == "MAIL FROM:<a@example.net>\r\nRCPT TO:<u@example.com>\r\nDATA\r\n");
  auto const writes = talk.writes;
  talk.server("250 ok\r\n250 ok\r\n354 go\r\n");
  BOOST_TEST(talk.sent() == "Subject: x\r\n\r\nhello\r\n.\r\n");
  BOOST_TEST(talk.writes == writes + 2);
  talk.server("250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
}

BOOST_AUTO_TEST_CASE(without_pipelining_everything_is_in_lock_step) {
  Talk talk;
  talk.connected({});
  Mail mail;
  mail.transaction.recipients = {"u@example.com", "v@example.com"};
  talk.start(mail.transaction);
  BOOST_TEST(talk.sent() == "MAIL FROM:<a@example.net>\r\n");
  BOOST_TEST(talk.server("250 ok\r\n").sent() == "RCPT TO:<u@example.com>\r\n");
  BOOST_TEST(talk.server("250 ok\r\n").sent() == "RCPT TO:<v@example.com>\r\n");
  BOOST_TEST(talk.server("250 ok\r\n").sent() == "DATA\r\n");
  BOOST_TEST(talk.server("354 go\r\n").sent() == "Subject: x\r\n\r\nhello\r\n.\r\n");
  talk.server("250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
}

BOOST_AUTO_TEST_CASE(chunking_without_pipelining_is_in_lock_step_too) {
  Talk talk;
  talk.connected({"CHUNKING"});
  Mail mail;
  BOOST_TEST(talk.start(mail.transaction).sent() == "MAIL FROM:<a@example.net>\r\n");
  BOOST_TEST(talk.server("250 ok\r\n").sent() == "RCPT TO:<u@example.com>\r\n");
  BOOST_TEST(talk.server("250 ok\r\n").sent() == "BDAT 21 LAST\r\nSubject: x\r\n\r\nhello\r\n");
  talk.server("250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
}

BOOST_AUTO_TEST_CASE(the_commit_point_is_the_last_octet_that_the_kernel_took) {
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"});
  Mail mail;
  talk.room =
      std::string_view("MAIL FROM:<a@example.net>\r\nRCPT TO:<u@example.com>\r\nBDAT 21 LAST\r\n")
          .size() +
      20;
  talk.start(mail.transaction);
  BOOST_TEST(!talk.session.is_committed());
  talk.room = 1;
  talk.pump();
  BOOST_TEST(talk.session.is_committed());
}

BOOST_AUTO_TEST_CASE(under_tls_the_commit_point_is_the_offer_of_the_last_octet) {
  Talk talk;
  talk.connected({"PIPELINING"});
  Mail mail;
  talk.start(mail.transaction);
  talk.room = 0;
  talk.server("250 ok\r\n250 ok\r\n354 go\r\n");
  auto body = talk.session.output(talk.now);
  talk.session.offered();
  BOOST_TEST(!talk.session.is_committed());  // the dot is not in it
  talk.session.written(body.size(), talk.now);
  auto const dot = talk.session.output(talk.now);
  BOOST_TEST(dot.pieces[0] == ".\r\n");
  BOOST_TEST(!talk.session.is_committed());
  talk.session.offered();
  BOOST_TEST(talk.session.is_committed());
}

BOOST_AUTO_TEST_CASE(under_tls_a_2xx_before_the_last_octet_is_taken_is_not_a_delivery) {
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"});
  Mail mail;
  talk.is_tls = true;
  talk.room = 80;
  talk.start(mail.transaction);
  BOOST_TEST(talk.session.is_committed());
  talk.server("250 ok\r\n250 ok\r\n250 ok\r\n");
  auto const result = talk.result();
  BOOST_TEST(result.results[0].outcome.reply_line().starts_with("451 4."));
  BOOST_TEST((result.retry == Retry::Nothing));
  BOOST_TEST(talk.take<Closed>().value().protocol_error);
}

BOOST_AUTO_TEST_CASE(a_body_in_memory_is_not_copied) {
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"});
  Mail mail;
  talk.room = 0;
  talk.start(mail.transaction);
  auto const out = talk.session.output(talk.now);
  BOOST_TEST(out.count == 2U);
  BOOST_TEST(static_cast<void const*>(out.pieces[1].data()) ==
             static_cast<void const*>(mail.body.storage->memory().data()));
}

BOOST_AUTO_TEST_CASE(dots_are_stuffed_behind_data_and_not_in_a_chunk) {
  std::string const octets = ".first\r\nmiddle\r\n..\r\n";
  for (bool in_memory : {true, false}) {
    Mail mail(octets, in_memory);
    Talk by_data;
    by_data.connected({"PIPELINING"}).start(mail.transaction);
    by_data.sent();
    BOOST_TEST(by_data.server("250 ok\r\n250 ok\r\n354 go\r\n").sent() ==
               "..first\r\nmiddle\r\n...\r\n.\r\n");
    Talk by_chunk;
    by_chunk.connected({"CHUNKING", "PIPELINING"}).start(mail.transaction);
    BOOST_TEST(by_chunk.sent().ends_with("BDAT 20 LAST\r\n" + octets));
  }
}

BOOST_AUTO_TEST_CASE(an_empty_body_stays_empty) {
  Mail mail("");
  Talk by_data;
  by_data.connected({"PIPELINING"}).start(mail.transaction);
  by_data.sent();
  BOOST_TEST(by_data.server("250 ok\r\n250 ok\r\n354 go\r\n").sent() == ".\r\n");
  BOOST_TEST(by_data.session.is_committed());
  Talk by_chunk;
  by_chunk.connected({"CHUNKING", "PIPELINING"}).start(mail.transaction);
  BOOST_TEST(by_chunk.sent().ends_with("BDAT 0 LAST\r\n"));
  BOOST_TEST(by_chunk.session.is_committed());
}

BOOST_AUTO_TEST_CASE(a_large_body_from_a_file_arrives_whole) {
  std::string octets;
  while (octets.size() < 1000000)
    octets += octets.size() % 7 == 0 ? ".a line\r\n" : "another line of some length\r\n";
  Mail mail(octets, false);
  Talk talk;
  talk.connected({"CHUNKING"}).start(mail.transaction);
  talk.server("250 ok\r\n").server("250 ok\r\n");
  BOOST_TEST((talk.sent().ends_with(" LAST\r\n" + octets)));
  talk.server("250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_ends_the_connection_without_the_dot) {
  Mail mail(std::string(100000, 'x') + "\r\n", false);
  dynamic_cast<FakeStorage&>(*mail.body.storage).unreadable_from = 65536;
  Talk talk;
  talk.connected({"PIPELINING"}).start(mail.transaction);
  talk.server("250 ok\r\n250 ok\r\n354 go\r\n");
  BOOST_TEST(!talk.sent().ends_with(".\r\n"));
  auto const result = talk.result();
  BOOST_TEST(result.results.at(0).outcome.reply_line().starts_with("451 4.3.0 "));
  BOOST_TEST((result.retry == Retry::Nothing));
  BOOST_TEST(talk.take<Closed>().has_value());
}

BOOST_AUTO_TEST_CASE(a_second_message_goes_over_the_same_connection) {
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"});
  for (int i = 0; i < 3; ++i) {
    Mail mail;
    talk.start(mail.transaction);
    talk.server("250 ok\r\n250 ok\r\n250 ok\r\n");
    BOOST_TEST(is_delivered(talk.result()));
  }
  BOOST_TEST(talk.session.transactions() == 3U);
  BOOST_TEST(talk.session.last_reply() == "250 ok");
}

BOOST_AUTO_TEST_SUITE_END()
