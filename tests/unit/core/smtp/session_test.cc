// What a session does beside the table: idle, probes, QUIT, cancellation, deadlines, what a message
// needs of a server, mixed ends.
#include <boost/test/unit_test.hpp>

#include "unit/core/smtp/talk.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace mailpool::smtp::testing;

namespace {

std::string line_of(TransactionResult const& result, std::size_t i = 0) {
  return i < result.results.size() ? result.results[i].outcome.reply_line() : "no such recipient";
}

bool starts(std::string const& line, std::string_view beginning) {
  return line.starts_with(beginning);
}

constexpr std::string_view ok = "250 2.0.0 ok\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(session)

// Idle

BOOST_AUTO_TEST_CASE(a_421_on_idle_closes_with_the_words_of_the_server) {
  Talk talk;
  talk.connected({}).server("421 4.4.2 Idle timeout\r\n");
  auto const closed = talk.take<Closed>();
  BOOST_REQUIRE(closed.has_value());
  BOOST_TEST(closed->reason == "421 4.4.2 Idle timeout");
  BOOST_TEST(!closed->protocol_error);
  BOOST_TEST(!closed->setup_failure.has_value());
}

BOOST_AUTO_TEST_CASE(a_421_on_idle_is_the_same_in_any_pieces) {
  for (std::string const reply :
       {"421 4.4.2 Idle timeout\r\n", "421-4.4.2 Idle\r\n421 4.4.2 timeout\r\n"}) {
    for (std::size_t cut = 1; cut < reply.size(); ++cut) {
      Talk talk;
      talk.connected({}).server(reply.substr(0, cut));
      BOOST_TEST(talk.take<Disturbed>().has_value(), cut);
      BOOST_TEST(!talk.take<Closed>().has_value(), cut);
      BOOST_TEST(!talk.session.is_idle());
      BOOST_TEST((talk.session.state() == State::HearingOut));
      talk.server(reply.substr(cut));
      auto const closed = talk.take<Closed>();
      BOOST_REQUIRE(closed.has_value());
      BOOST_TEST(closed->reason == "421 4.4.2 Idle timeout");
      BOOST_TEST(!closed->protocol_error);
      BOOST_REQUIRE(closed->remark.has_value());
      BOOST_TEST((closed->remark->at == Step::Idle));
      BOOST_TEST(closed->remark->line == "421 4.4.2 Idle timeout");
    }
  }
}

BOOST_AUTO_TEST_CASE(half_a_421_on_idle_is_waited_for_as_long_as_for_the_reply_to_quit) {
  Talk silent;
  silent.connected({}).server("421 4.4.2 Id").wait(5s - 1ns);
  BOOST_TEST(silent.take<Disturbed>().has_value());
  BOOST_TEST(!silent.take<Closed>().has_value());
  silent.wait(1ns);
  auto closed = silent.take<Closed>().value();
  BOOST_TEST(closed.protocol_error);
  BOOST_TEST(closed.reason == "timed out while hearing out what the server says unasked");
  Talk gone;
  gone.connected({}).server("421 4.4.2 Id").eof();
  BOOST_TEST(gone.take<Closed>().value().is_lost);
  Talk other;
  other.connected({}).server("4").server("50 no\r\n");
  closed = other.take<Closed>().value();
  BOOST_TEST(closed.protocol_error);
  Talk unwanted;
  unwanted.connected({}).server("421");
  unwanted.session.quit("drain", unwanted.now);
  unwanted.pump();
  BOOST_TEST(unwanted.sent().empty());
  BOOST_TEST(unwanted.take<Closed>().value().reason == "drain");
}

// The kernel has not taken our command yet; the server ends its service meanwhile.
BOOST_AUTO_TEST_CASE(an_unasked_421_ends_a_transaction_as_if_it_had_been_asked_for) {
  Talk talk;
  Mail mail;
  talk.connected({});
  talk.room = 0;
  talk.start(mail.transaction).server("421 4.3.2 going down\r\n");
  auto const result = talk.result();
  BOOST_TEST(result.results[0].outcome.reply_line().starts_with("451 4.3.2 "));
  BOOST_REQUIRE(result.remarks.size() == 1U);
  BOOST_TEST(result.remarks[0].line == "421 4.3.2 going down");
  BOOST_TEST(!talk.take<Closed>().value().protocol_error);
}

BOOST_AUTO_TEST_CASE(a_remark_knows_what_we_had_said) {
  Talk talk;
  Mail mail;
  mail.transaction.sender = "\"rate limit\"@throttle.example";
  talk.connected({}).start(mail.transaction);
  talk.server(
      "450 4.1.8 \"Rate Limit\"@throttle.example of client.example.net: no throttle.example\r\n");
  auto const result = talk.result();
  BOOST_REQUIRE(result.remarks.size() == 1U);
  BOOST_TEST(own_words(result.remarks[0]) == "450 4.1.8 ... of ...: no ...");
}

BOOST_AUTO_TEST_CASE(any_other_octet_on_idle_poisons_the_connection) {
  for (auto octets : {"250 ok\r\n", "2", "\r\n", "hello\r\n"}) {
    Talk talk;
    talk.connected({}).server(octets);
    auto const closed = talk.take<Closed>();
    BOOST_REQUIRE(closed.has_value());
    BOOST_TEST(closed->protocol_error);
  }
}

BOOST_AUTO_TEST_CASE(an_end_on_idle_is_told_in_its_own_words) {
  Talk talk;
  talk.connected({}).eof("Connection reset by peer");
  BOOST_TEST(talk.take<Closed>().value().reason == "Connection reset by peer");
}

BOOST_AUTO_TEST_CASE(one_reply_too_many_behind_the_last_is_found_before_the_next_mail) {
  Talk talk;
  Mail mail;
  talk.connected({"PIPELINING", "CHUNKING"}).start(mail.transaction);
  talk.server("250 ok\r\n250 ok\r\n250 2.0.0 done\r\n250 2.0.0 done again\r\n");
  BOOST_TEST(is_delivered(talk.result()));
  auto const closed = talk.take<Closed>();
  BOOST_REQUIRE(closed.has_value());
  BOOST_TEST(closed->protocol_error);
  BOOST_TEST(closed->reason == "a reply that nobody asked for: 250 2.0.0 done again");
}

BOOST_AUTO_TEST_CASE(a_reply_before_mail_is_sent_costs_the_message_nothing_on_a_reused_connection) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction).server(ok).server(ok).server("354 go\r\n").server(ok);
  BOOST_TEST(is_delivered(talk.result()));
  talk.room = 0;
  talk.start(mail.transaction).server("250 stray\r\n");
  auto const result = talk.result();
  BOOST_TEST((result.retry == Retry::FreshConnection));
  BOOST_TEST(talk.take<Closed>().has_value());
}

BOOST_AUTO_TEST_CASE(delivered_and_then_closed_is_delivered) {
  Talk talk;
  Mail mail;
  talk.connected({})
      .start(mail.transaction)
      .server(ok)
      .server(ok)
      .server("354 go\r\n")
      .server(ok)
      .eof();
  BOOST_TEST(is_delivered(talk.result()));
  BOOST_TEST(talk.take<Closed>().has_value());
}

// RSET and QUIT

BOOST_AUTO_TEST_CASE(a_probe_is_rset_and_its_answer) {
  Talk talk;
  talk.connected({});
  talk.session.check(talk.now);
  talk.pump();
  BOOST_TEST(talk.sent() == "RSET\r\n");
  BOOST_TEST((talk.session.state() == State::Checking));
  BOOST_TEST(!talk.session.is_idle());
  talk.server("250 flushed\r\n");
  BOOST_TEST(talk.take<Checked>().has_value());
  BOOST_TEST(talk.session.is_idle());
}

BOOST_AUTO_TEST_CASE(a_probe_without_a_2xx_closes) {
  for (auto reply : {"421 bye\r\n", "500 what\r\n", "354 go\r\n", "garbage\r\n"}) {
    Talk talk;
    talk.connected({});
    talk.session.check(talk.now);
    talk.pump();
    talk.server(reply);
    BOOST_TEST(talk.take<Closed>().has_value());
    BOOST_TEST(!talk.take<Checked>().has_value());
  }
  Talk silent;
  silent.connected({});
  silent.session.check(silent.now);
  silent.pump();
  silent.wait(20s - 1ns);
  BOOST_TEST(!silent.take<Closed>().has_value());
  silent.wait(1ns);
  BOOST_TEST(silent.take<Closed>().value().reason ==
             "timed out while waiting for the reply to RSET");
}

BOOST_AUTO_TEST_CASE(an_aborted_transaction_is_followed_by_rset_before_the_connection_is_idle) {
  Talk talk;
  Mail mail;
  talk.connected({"PIPELINING"}).start(mail.transaction).sent();
  talk.server("550 5.7.1 no\r\n503 no\r\n503 no\r\n");
  BOOST_TEST(starts(line_of(talk.result()), "550 5.7.1"));
  BOOST_TEST(talk.sent() == "RSET\r\n");
  BOOST_TEST(!talk.session.is_idle());
  talk.server(ok);
  BOOST_TEST(talk.take<Checked>().has_value());
  BOOST_TEST(talk.session.is_idle());
}

BOOST_AUTO_TEST_CASE(quit_waits_a_moment_for_the_goodbye) {
  Talk talk;
  talk.connected({});
  talk.session.quit("idle_timeout", talk.now);
  talk.pump();
  BOOST_TEST(talk.sent() == "QUIT\r\n");
  BOOST_TEST(!talk.take<Closed>().has_value());
  talk.server("221 bye\r\n");
  BOOST_TEST(talk.take<Closed>().value().reason == "idle_timeout");

  Talk silent;
  silent.connected({});
  silent.session.quit("max_lifetime", silent.now);
  silent.pump();
  silent.wait(5s);
  BOOST_TEST(silent.take<Closed>().value().reason == "max_lifetime");
}

BOOST_AUTO_TEST_CASE(quit_in_the_middle_closes_at_once) {
  Talk before;
  Mail mail;
  before.connected({}).start(mail.transaction).sent();
  before.session.quit("drain", before.now);
  before.pump();
  BOOST_TEST(line_of(before.result()) == "451 4.3.2 drain");
  BOOST_TEST(before.take<Closed>().value().reason == "drain");
  BOOST_TEST(before.sent() == "");

  Talk behind;
  behind.connected({"PIPELINING", "CHUNKING"}).start(mail.transaction);
  behind.session.quit("drain", behind.now);
  behind.pump();
  auto const result = behind.result();
  BOOST_TEST(result.results.at(0).outcome.ambiguous);
  BOOST_TEST(!result.results.at(0).may_retry);

  Talk early;
  early.session.quit("drain", early.now);
  early.pump();
  auto const closed = early.take<Closed>().value();
  BOOST_TEST(closed.reason == "drain");
  BOOST_TEST(!closed.setup_failure.has_value(), "the server is not at fault");
}

// Cancellation

BOOST_AUTO_TEST_CASE(a_message_cancelled_before_the_commit_point_never_gets_its_dot) {
  Talk talk;
  Mail mail;
  talk.connected({"PIPELINING"}).start(mail.transaction);
  talk.room = 5;
  talk.server("250 ok\r\n250 ok\r\n354 go\r\n");
  talk.session.cancel("the client went away", talk.now);
  talk.room = SIZE_MAX;
  talk.pump();
  BOOST_TEST(!talk.sent().ends_with(".\r\n"));
  auto const result = talk.result();
  BOOST_TEST(line_of(result) == "451 4.3.2 the client went away");
  BOOST_TEST((result.retry == Retry::Nothing));
  BOOST_TEST(talk.take<Closed>().has_value());
}

BOOST_AUTO_TEST_CASE(a_message_cancelled_behind_the_commit_point_is_still_waited_for) {
  Talk talk;
  Mail mail;
  talk.connected({"PIPELINING", "CHUNKING"}).start(mail.transaction);
  talk.session.cancel("the client went away", talk.now);
  talk.pump();
  talk.server("250 ok\r\n250 ok\r\n250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
  BOOST_TEST(talk.session.is_idle());
}

BOOST_AUTO_TEST_CASE(there_is_nothing_to_cancel_on_an_idle_connection) {
  Talk talk;
  talk.connected({});
  talk.session.cancel("the client went away", talk.now);
  talk.pump();
  BOOST_TEST(talk.session.is_idle());
  BOOST_TEST(!talk.take<Closed>().has_value());
}

// Deadlines

BOOST_AUTO_TEST_CASE(a_reply_that_trickles_in_has_the_time_of_one_reply) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction);
  auto const deadline = talk.session.deadline();
  for (char c : std::string("250-patience")) {
    talk.wait(10s);
    talk.server({&c, 1});
    BOOST_TEST((talk.session.deadline() == deadline));
  }
}

BOOST_AUTO_TEST_CASE(each_reply_has_its_own_time) {
  Talk talk;
  Mail mail;
  talk.connected({"PIPELINING"}).start(mail.transaction);
  BOOST_TEST((talk.session.deadline() == talk.now + 300s));
  talk.wait(200s);
  talk.server(ok);
  BOOST_TEST((talk.session.deadline() == talk.now + 300s));
  talk.server(ok);
  BOOST_TEST((talk.session.deadline() == talk.now + 120s));
  talk.server("354 go\r\n");
  BOOST_TEST((talk.session.deadline() == talk.now + 600s));
}

BOOST_AUTO_TEST_CASE(a_body_that_hardly_moves_runs_out_of_time) {
  Talk talk;
  Mail mail(std::string(1000000, 'x') + "\r\n");
  talk.connected({}).start(mail.transaction).server(ok).server(ok);
  talk.room = 0;
  talk.server("354 go\r\n");
  auto const began = talk.now;
  for (int i = 0; i < 179; ++i) {  // 100 octets a second
    talk.room = 100;
    talk.wait(1s);
  }
  BOOST_TEST((talk.session.deadline() == began + 180s));
  talk.room = 65536;
  talk.pump();
  BOOST_TEST((talk.session.deadline() == talk.now + 180s));  // 64 KiB have gone
  talk.room = 0;
  talk.wait(180s);
  auto const result = talk.result();
  BOOST_TEST(line_of(result) ==
             "451 4.4.2 conversation with mx.example.com[192.0.2.1]:25 timed out while sending the "
             "message body");
}

BOOST_AUTO_TEST_CASE(a_deadline_that_has_not_passed_changes_nothing) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction);
  talk.now += 299s;
  talk.session.expire(talk.now);
  BOOST_TEST((talk.session.state() == State::Envelope));
}

// What a message needs of a server

BOOST_AUTO_TEST_CASE(a_message_over_the_announced_size_is_refused_without_a_word_to_the_server) {
  Mail mail(std::string(999, 'x') + "\r\n");  // 1001 octets
  Talk small;
  small.connected({"SIZE 1000"}).start(mail.transaction);
  BOOST_TEST(small.sent() == "");
  auto const result = small.result();
  BOOST_TEST(line_of(result) ==
             "552 5.3.4 message size 1001 exceeds the limit 1000 of mx.example.com[192.0.2.1]:25");
  BOOST_TEST(!result.results[0].may_retry);
  BOOST_TEST(small.session.is_idle());
  BOOST_TEST(small.session.transactions() == 0U);
  Talk large;
  BOOST_TEST(large.connected({"SIZE 1001"}).start(mail.transaction).sent() ==
             "MAIL FROM:<a@example.net> SIZE=1001\r\n");
  Talk any;
  BOOST_TEST(any.connected({"SIZE"}).start(mail.transaction).sent() ==
             "MAIL FROM:<a@example.net> SIZE=1001\r\n");
}

BOOST_AUTO_TEST_CASE(eight_bit_content_is_declared_where_the_server_knows_it) {
  Mail mail("Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n");
  mail.transaction.eight_bit = true;
  Talk knows;
  BOOST_TEST(knows.connected({"8BITMIME"}).start(mail.transaction).sent() ==
             "MAIL FROM:<a@example.net> BODY=8BITMIME\r\n");
  Mail ascii;
  ascii.transaction.eight_bit = true;
  Talk not_needed;
  BOOST_TEST(not_needed.connected({"8BITMIME"}).start(ascii.transaction).sent() ==
             "MAIL FROM:<a@example.net>\r\n");
}

BOOST_AUTO_TEST_CASE(eight_bit_content_is_sent_or_refused_where_the_server_does_not_know_it) {
  Mail mail("Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n");
  Talk send;
  BOOST_TEST(send.connected({}).start(mail.transaction).sent() == "MAIL FROM:<a@example.net>\r\n");
  auto settings = plain_settings();
  settings.refuse_eight_bit = true;
  Talk refuse(settings);
  refuse.connected({}).start(mail.transaction);
  BOOST_TEST(starts(line_of(refuse.result()), "554 5.6.3"));
  BOOST_TEST(refuse.sent() == "");
}

BOOST_AUTO_TEST_CASE(smtputf8_is_said_where_it_was_declared_and_the_server_knows_it) {
  Mail mail;
  mail.transaction.smtputf8 = true;
  mail.transaction.recipients = {"gr\xc3\xbcn@example.com"};
  Talk knows;
  knows.connected({"SMTPUTF8", "8BITMIME", "PIPELINING"}).start(mail.transaction);
  BOOST_TEST(knows.sent() ==
             "MAIL FROM:<a@example.net> SMTPUTF8\r\nRCPT TO:<gr\xc3\xbcn@example.com>\r\nDATA\r\n");
}

BOOST_AUTO_TEST_CASE(
    an_international_address_or_header_needs_smtputf8_and_another_host_may_have_it) {
  Mail sender;
  sender.transaction.smtputf8 = true;
  sender.transaction.sender = "gr\xc3\xbcn@example.net";
  Mail header;
  header.transaction.smtputf8 = true;
  header.body.has_utf8_header = true;
  for (auto* mail : {&sender, &header}) {
    Talk talk;
    talk.connected({}).start(mail->transaction);
    BOOST_TEST(talk.sent() == "");
    auto const result = talk.result();
    BOOST_TEST(starts(line_of(result), "550 5.6.7 SMTPUTF8 is required"));
    BOOST_TEST(result.results[0].may_retry);
    BOOST_TEST((result.retry == Retry::OtherHost));
    BOOST_TEST(talk.session.is_idle());
  }
}

BOOST_AUTO_TEST_CASE(one_international_recipient_does_not_hold_up_the_others) {
  Mail mail;
  mail.transaction.smtputf8 = true;
  mail.transaction.recipients = {"gr\xc3\xbcn@example.com", "u@example.com"};
  Talk talk;
  talk.connected({"PIPELINING"}).start(mail.transaction);
  BOOST_TEST(talk.sent() == "MAIL FROM:<a@example.net>\r\nRCPT TO:<u@example.com>\r\nDATA\r\n");
  talk.server("250 ok\r\n250 ok\r\n354 go\r\n").server(ok);
  auto const result = talk.result();
  BOOST_TEST(starts(line_of(result, 0), "550 5.6.7"));
  BOOST_TEST(starts(line_of(result, 1), "250"));
  BOOST_TEST((result.results[0].may_retry && !result.results[1].may_retry));
  BOOST_TEST((result.retry == Retry::OtherHost));
}

BOOST_AUTO_TEST_CASE(requiretls_is_said_to_a_server_that_offers_it_under_tls_and_to_no_other) {
  Mail mail;
  mail.transaction.require_tls = true;
  auto begin = [](Talk& talk, std::vector<std::string_view> before,
                  std::vector<std::string_view> after) {
    talk.connected(std::move(before)).server("220 go\r\n");
    talk.session.tls_established(talk.now);
    talk.pump();
    talk.server(ehlo_reply(std::move(after))).sent();
  };
  auto settings = plain_settings();
  settings.tls = TlsMode::May;
  Talk offers(settings);
  begin(offers, {"STARTTLS"}, {"REQUIRETLS", "PIPELINING"});
  offers.start(mail.transaction);
  BOOST_TEST(offers.sent() ==
             "MAIL FROM:<a@example.net> REQUIRETLS\r\nRCPT TO:<u@example.com>\r\nDATA\r\n");
  Talk offers_before_tls_only(settings);
  begin(offers_before_tls_only, {"STARTTLS", "REQUIRETLS"}, {"PIPELINING"});
  Talk offers_in_plain_text(settings);
  offers_in_plain_text.connected({"REQUIRETLS"});
  for (auto* talk : {&offers_before_tls_only, &offers_in_plain_text}) {
    talk->start(mail.transaction);
    BOOST_TEST(talk->sent() == "");
    auto const result = talk->result();
    BOOST_TEST(starts(line_of(result), "550 5.7.30 "));
    BOOST_TEST((result.retry == Retry::OtherHost));
    BOOST_TEST(talk->session.is_idle());
  }
}

BOOST_AUTO_TEST_CASE(a_sender_of_nothing_is_sent_with_requiretls_too) {
  Mail bounce;
  bounce.transaction.sender = "";
  bounce.transaction.require_tls = true;
  auto settings = plain_settings();
  settings.tls = TlsMode::May;
  Talk talk(settings);
  talk.connected({"STARTTLS"}).server("220 go\r\n");
  talk.session.tls_established(talk.now);
  talk.pump();
  talk.server(ehlo_reply({"REQUIRETLS"})).sent();
  BOOST_TEST(talk.start(bounce.transaction).sent() == "MAIL FROM:<> REQUIRETLS\r\n");
}

BOOST_AUTO_TEST_CASE(smtputf8_declared_and_not_needed_goes_anywhere) {
  Mail mail;
  mail.transaction.smtputf8 = true;
  Talk talk;
  BOOST_TEST(talk.connected({}).start(mail.transaction).sent() == "MAIL FROM:<a@example.net>\r\n");
}

BOOST_AUTO_TEST_CASE(a_domain_in_u_labels_goes_out_in_a_labels_where_smtputf8_is_missing) {
  Mail mail;
  mail.transaction.sender =
      "a@b\xc3\xbc"
      "cher.example";
  Talk lacks;
  BOOST_TEST(lacks.connected({}).start(mail.transaction).sent() ==
             "MAIL FROM:<a@xn--bcher-kva.example>\r\n");
  Talk knows;
  BOOST_TEST(knows.connected({"SMTPUTF8"}).start(mail.transaction).sent() ==
             "MAIL FROM:<a@b\xc3\xbc"
             "cher.example> SMTPUTF8\r\n");
}

BOOST_AUTO_TEST_CASE(an_address_that_would_inject_a_command_is_never_sent) {
  for (auto address :
       {"x@y\r\nRCPT TO:<z@y", "x@y> ORCPT=a", "x y@z", "\"open@z", "x\x01@y", "x\x7f@y"}) {
    Mail recipient;
    recipient.transaction.recipients = {address, "u@example.com"};
    Talk talk;
    talk.connected({"PIPELINING"}).start(recipient.transaction);
    BOOST_TEST(talk.sent() == "MAIL FROM:<a@example.net>\r\nRCPT TO:<u@example.com>\r\nDATA\r\n");
    talk.server("250 ok\r\n250 ok\r\n354 go\r\n").server(ok);
    auto const result = talk.result();
    BOOST_TEST(starts(line_of(result, 0), "451 4.3.0"));
    BOOST_TEST(starts(line_of(result, 1), "250"));
    Mail sender;
    sender.transaction.sender = address;
    Talk other;
    other.connected({}).start(sender.transaction);
    BOOST_TEST(other.sent() == "");
    BOOST_TEST(starts(line_of(other.result()), "451 4.3.0"));
    BOOST_TEST(other.session.is_idle());
  }
}

BOOST_AUTO_TEST_CASE(recipients_beyond_the_announced_limit_wait_for_the_next_transaction) {
  Mail mail;
  mail.transaction.recipients = {"u@example.com", "v@example.com", "w@example.com"};
  Talk talk;
  talk.connected({"PIPELINING", "LIMITS RCPTMAX=2"}).start(mail.transaction);
  BOOST_TEST(talk.sent().find("w@example.com") == std::string::npos);
  talk.server("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n").server(ok);
  auto const result = talk.result();
  BOOST_TEST(starts(line_of(result, 1), "250"));
  BOOST_TEST(starts(line_of(result, 2), "451 4.5.3"));
  BOOST_TEST(result.results[2].may_retry);
  BOOST_TEST((result.retry == Retry::SameConnection));
}

// Mixed ends

BOOST_AUTO_TEST_CASE(after_the_commit_point_only_those_without_a_verdict_are_ambiguous) {
  Mail mail;
  mail.transaction.recipients = {"u@example.com", "v@example.com", "w@example.com"};
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"}).start(mail.transaction);
  talk.server("250 ok\r\n250 ok\r\n550 5.1.1 nobody\r\n").eof();
  auto const result = talk.result();
  BOOST_TEST(starts(line_of(result, 1), "550 5.1.1"));
  for (std::size_t i : {0U, 2U}) {
    BOOST_TEST(starts(line_of(result, i), "451 4.4.2"));
    BOOST_TEST(result.results[i].outcome.ambiguous);
    BOOST_TEST(!result.results[i].may_retry);
  }
  BOOST_TEST((result.retry == Retry::Nothing));
}

BOOST_AUTO_TEST_CASE(
    a_reply_that_makes_no_sense_behind_the_commit_point_is_ambiguous_whatever_it_was_for) {
  for (auto replies :
       {"354 go\r\n", "250 ok\r\n354 go\r\n", "250 ok\r\n150 wait\r\n", "what?\r\n"}) {
    Mail mail;
    Talk talk;
    talk.connected({"PIPELINING", "CHUNKING"}).start(mail.transaction).server(replies);
    auto const result = talk.result();
    BOOST_TEST((result.results[0].outcome.ambiguous && !result.results[0].may_retry));
    BOOST_TEST(talk.take<Closed>().value().protocol_error);
  }
}

BOOST_AUTO_TEST_CASE(a_flight_that_was_refused_at_mail_is_not_ambiguous_whatever_comes_then) {
  for (bool says_more : {false, true}) {
    Talk talk;
    Mail mail;
    talk.connected({"PIPELINING", "CHUNKING"});
    talk.start(mail.transaction).server("250 ok\r\n250 ok\r\n250 ok\r\n");
    BOOST_TEST(is_delivered(talk.result()));
    talk.start(mail.transaction).server("421 4.7.0 too many messages\r\n");
    if (says_more) talk.server("250 ok\r\n");
    auto const result = talk.result();
    BOOST_TEST(starts(line_of(result), "451 4.7.0"));
    BOOST_TEST(!result.results[0].outcome.ambiguous);
    BOOST_TEST((result.retry == Retry::FreshConnection));
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_a_chunk_after_refusing_mail_gets_no_second_copy) {
  Talk talk;
  Mail mail;
  talk.connected({"PIPELINING", "CHUNKING"});
  talk.start(mail.transaction).server("250 ok\r\n250 ok\r\n250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
  talk.start(mail.transaction)
      .server("452 4.3.1 too many messages\r\n503 no\r\n")
      .server("250 2.0.0 queued\r\n");
  auto const result = talk.result();
  BOOST_TEST(starts(line_of(result), "452 4.3.1"));
  BOOST_TEST(!result.results[0].may_retry);
  BOOST_TEST((result.retry == Retry::Nothing));
  BOOST_TEST(talk.take<Closed>().value().protocol_error);
}

BOOST_AUTO_TEST_CASE(
    a_421_to_a_recipient_behind_the_commit_point_leaves_the_accepted_ones_ambiguous) {
  Mail mail;
  mail.transaction.recipients = {"u@example.com", "v@example.com"};
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"});
  talk.start(mail.transaction).server("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n");
  BOOST_TEST(is_delivered(talk.result()));
  talk.start(mail.transaction).server("250 ok\r\n250 ok\r\n421 4.3.2 bye\r\n");
  auto const result = talk.result();
  BOOST_TEST((result.results[0].outcome.ambiguous && !result.results[0].may_retry));
  BOOST_TEST((!result.results[1].outcome.ambiguous && result.results[1].may_retry));
  BOOST_TEST((result.retry == Retry::FreshConnection));
}

BOOST_AUTO_TEST_CASE(a_transaction_that_dies_at_rcpt_goes_again_for_all_but_the_refused) {
  Mail mail;
  mail.transaction.recipients = {"u@example.com", "v@example.com", "w@example.com"};
  Talk talk;
  talk.connected({"PIPELINING"});
  talk.start(mail.transaction)
      .server("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
      .server(ok);
  BOOST_TEST(is_delivered(talk.result()));
  talk.start(mail.transaction).server("250 ok\r\n550 5.1.1 nobody\r\n450 4.2.1 later\r\n").eof();
  auto const result = talk.result();
  BOOST_TEST(starts(line_of(result, 0), "550 5.1.1"));
  BOOST_TEST(
      (!result.results[0].may_retry && result.results[1].may_retry && result.results[2].may_retry));
}

BOOST_AUTO_TEST_CASE(those_beyond_too_many_recipients_have_no_retry_where_the_connection_is_gone) {
  Mail mail;
  mail.transaction.recipients = {"u@example.com", "v@example.com"};
  Talk talk;
  talk.connected({"PIPELINING"}).start(mail.transaction);
  talk.server("250 ok\r\n250 ok\r\n552 5.5.3 too many\r\n354 go\r\n").eof();
  auto const result = talk.result();
  BOOST_TEST((result.retry == Retry::Nothing));
  BOOST_TEST(starts(line_of(result, 0), "451 4.4.2"));
  BOOST_TEST(starts(line_of(result, 1), "451 4.5.3"));  // a 552 that means 452 does not bounce
  BOOST_TEST((!result.results[0].may_retry && !result.results[1].may_retry));
}

BOOST_AUTO_TEST_CASE(chunking_that_was_refused_once_is_not_tried_again) {
  Talk talk;
  Mail mail;
  talk.connected({"PIPELINING", "CHUNKING"}).start(mail.transaction);
  talk.server("250 ok\r\n250 ok\r\n502 what\r\n")
      .server(ok)
      .server("250 ok\r\n250 ok\r\n354 go\r\n")
      .server(ok);
  BOOST_TEST(is_delivered(talk.result()) == false);  // its reason tells of the detour
  talk.sent();
  talk.start(mail.transaction);
  BOOST_TEST(talk.sent().ends_with("DATA\r\n"));
}

BOOST_AUTO_TEST_CASE(what_was_settled_before_chunking_was_refused_stays_settled) {
  Mail mail;
  mail.transaction.recipients = {"u@example.com", "v@example.com"};
  Talk talk;
  talk.connected({"PIPELINING", "CHUNKING"}).start(mail.transaction);
  talk.server("250 ok\r\n550 5.1.1 nobody\r\n250 ok\r\n502 what\r\n").sent();
  talk.server(ok);
  BOOST_TEST(talk.sent() == "MAIL FROM:<a@example.net>\r\nRCPT TO:<v@example.com>\r\nDATA\r\n");
  talk.server("250 ok\r\n250 ok\r\n354 go\r\n").server(ok);
  auto const result = talk.result();
  BOOST_TEST(starts(line_of(result, 0), "550 5.1.1"));
  BOOST_TEST(starts(line_of(result, 1), "250"));
}

BOOST_AUTO_TEST_CASE(every_state_has_a_name_and_a_sentence) {
  for (int i = 0; i <= static_cast<int>(State::Closed); ++i) {
    BOOST_TEST(!name_of(static_cast<State>(i)).empty());
    BOOST_TEST(!sentence_of(static_cast<State>(i)).empty());
  }
}

// Remarks: what the server said that is not a yes

BOOST_AUTO_TEST_CASE(a_refused_mail_is_a_remark_with_the_servers_own_words) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction).server("421 4.7.28 unusual rate\r\n");
  auto const result = talk.result();
  BOOST_REQUIRE(result.remarks.size() == 1U);
  BOOST_TEST((result.remarks[0].at == Step::Mail));
  BOOST_TEST(result.remarks[0].code == 421);
  BOOST_TEST(result.remarks[0].line == "421 4.7.28 unusual rate");
}

BOOST_AUTO_TEST_CASE(each_refused_recipient_is_a_remark_and_what_follows_from_it_is_none) {
  Talk talk;
  Mail mail;
  mail.transaction.recipients = {"a@example.com", "b@example.com"};
  talk.connected({"PIPELINING"}).start(mail.transaction);
  talk.server("250 ok\r\n450 4.2.1 a\r\n550 5.1.1 b\r\n503 5.5.1 no recipients\r\n");
  auto const result = talk.result();
  BOOST_REQUIRE(result.remarks.size() == 2U);
  BOOST_TEST((result.remarks[0].at == Step::Rcpt));
  BOOST_TEST(result.remarks[0].recipient == 0U);
  BOOST_TEST(result.remarks[1].recipient == 1U);
  BOOST_TEST(result.remarks[1].line == "550 5.1.1 b");
}

BOOST_AUTO_TEST_CASE(data_and_end_of_data_are_steps_of_their_own) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction).server(ok).server(ok).server("451 later\r\n");
  BOOST_TEST((talk.result().remarks.at(0).at == Step::Data));
  talk.server(ok).start(mail.transaction).server(ok).server(ok).server("354 go\r\n");
  talk.server("451 4.3.0 after all no\r\n");
  BOOST_TEST((talk.result().remarks.at(0).at == Step::End));
}

BOOST_AUTO_TEST_CASE(a_delivered_transaction_has_no_remarks_of_the_one_before) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction).server("451 4.3.0 later\r\n").server(ok);
  BOOST_TEST(talk.result().remarks.size() == 1U);
  talk.start(mail.transaction).server(ok).server(ok).server("354 go\r\n").server(ok);
  BOOST_TEST(talk.result().remarks.empty());
}

BOOST_AUTO_TEST_CASE(no_words_of_our_own_are_a_remark) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction).wait(10min);
  auto const result = talk.result();
  BOOST_TEST(result.remarks.empty());
  BOOST_TEST(!result.lost_at.has_value());
}

BOOST_AUTO_TEST_CASE(an_end_instead_of_a_reply_says_where_it_came) {
  Talk talk;
  Mail mail;
  talk.connected({}).start(mail.transaction).eof();
  BOOST_TEST((talk.result().lost_at == Step::Mail));
}

BOOST_AUTO_TEST_CASE(a_refusing_greeting_or_ehlo_is_the_remark_of_the_close) {
  Talk greeting;
  greeting.server("421 4.3.2 too many connections\r\n");
  auto closed = greeting.take<Closed>().value();
  BOOST_REQUIRE(closed.remark.has_value());
  BOOST_TEST((closed.remark->at == Step::Connect));
  BOOST_TEST(closed.remark->line == "421 4.3.2 too many connections");
  Talk ehlo;
  ehlo.server("220 mx\r\n").server("421 4.7.0 not now\r\n");
  BOOST_TEST((ehlo.take<Closed>().value().remark.value().at == Step::Ehlo));
}

BOOST_AUTO_TEST_CASE(an_idle_end_is_told_apart_from_an_idle_word) {
  Talk silent;
  silent.connected({}).eof();
  auto closed = silent.take<Closed>().value();
  BOOST_TEST(closed.is_lost);
  BOOST_TEST(!closed.remark.has_value());
  Talk spoken;
  spoken.connected({}).server("421 4.4.2 Idle timeout\r\n");
  closed = spoken.take<Closed>().value();
  BOOST_TEST(!closed.is_lost);
  BOOST_TEST((closed.remark.value().at == Step::Idle));
}

BOOST_AUTO_TEST_SUITE_END()
