#include <boost/test/unit_test.hpp>
#include <string>

#include "client.h"

using namespace mailpool;
using namespace mailpool::lmtp;

namespace {

// A client that has said LHLO and, where asked, MAIL.
struct Ready : Client {
  explicit Ready(std::string_view mail = {}) {
    send("LHLO me\r\n");
    if (!mail.empty()) send(std::string(mail) + "\r\n");
  }
  std::string say_line(std::string_view line) { return send(std::string(line) + "\r\n"); }
};

constexpr std::string_view plain = "MAIL FROM:<s@example.com>";
constexpr std::string_view utf8 = "MAIL FROM:<s@example.com> SMTPUTF8";

// How a reply begins.
bool begins(std::string const& reply, std::string_view codes) {
  return reply.starts_with(codes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lmtp_commands)

BOOST_AUTO_TEST_CASE(smtp_greetings_are_refused_in_words) {
  Client c;
  c.replies();
  BOOST_TEST(c.send("EHLO me\r\n") == "500 5.5.1 this is LMTP: say LHLO (RFC 2033)|");
  BOOST_TEST(c.send("HELO me\r\n") == "500 5.5.1 this is LMTP: say LHLO (RFC 2033)|");
  BOOST_TEST(begins(c.send("LHLO\r\n"), "501 5.5.4 "));
}

BOOST_AUTO_TEST_CASE(nothing_comes_before_lhlo) {
  Client c;
  c.replies();
  for (auto const* line :
       {"MAIL FROM:<>\r\n", "XFORWARD NAME=x\r\n", "RCPT TO:<u@example.org>\r\n", "DATA\r\n"})
    BOOST_TEST(begins(c.send(line), "503 5.5.1 "), line);
}

BOOST_AUTO_TEST_CASE(mail_takes_what_was_announced_and_nothing_else) {
  struct Row {
    std::string_view line;
    std::string_view reply;
  };
  for (auto const& row : {
           Row{"MAIL FROM:<s@example.com>", "250 2.1.0 "},
           Row{"MAIL FROM:<>", "250 2.1.0 "},
           Row{"mail from:<s@example.com> size=1000 body=7bit smtputf8", "250 2.1.0 "},
           Row{"MAIL FROM:<s@example.com> SIZE=1000", "250 2.1.0 "},
           Row{"MAIL FROM:<s@example.com> SIZE=1001", "552 5.3.4 "},
           Row{"MAIL FROM:<s@example.com> SIZE=99999999999999999999999", "501 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> SIZE", "501 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> SIZE=1 SIZE=2", "501 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> BODY=BINARYMIME", "555 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> BODY=9BIT", "501 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> SMTPUTF8=1", "501 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> RET=HDRS", "555 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> ENVID=x", "555 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> AUTH=<>", "555 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> REQUIRETLS", "250 2.1.0 "},
           Row{"MAIL FROM:<> requiretls", "250 2.1.0 "},
           Row{"MAIL FROM:<s@example.com> REQUIRETLS=1", "501 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> REQUIRETLS requiretls", "501 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> REQUIRETLSX", "555 5.5.4 "},
           Row{"MAIL FROM:<s@example.com> MT-PRIORITY=3", "555 5.5.4 "},
           Row{"MAIL FROM:s@example.com", "501 5.5.4 "},
           Row{"MAIL", "501 5.5.4 "},
           Row{"MAIL FROM:<root>", "553 5.1.7 "},
           Row{"MAIL FROM:<a b@example.com>", "250 2.1.0 "},
           Row{"MAIL FROM:<a\"b@example.com>", "501 5.5.4 "},
           Row{"MAIL FROM:<\xc3\xbc@example.com>", "550 5.6.7 "},
           Row{"MAIL FROM:<\xc3\xbc@example.com> SMTPUTF8", "250 2.1.0 "},
           Row{"MAIL FROM:<\xff@example.com> SMTPUTF8", "553 5.1.7 "},
       }) {
    Ready c;
    auto const reply = c.say_line(row.line);
    BOOST_TEST(begins(reply, row.reply), row.line << " -> " << reply);
  }
}

BOOST_AUTO_TEST_CASE(a_second_mail_needs_rset_first) {
  Ready c(plain);
  BOOST_TEST(begins(c.say_line(plain), "503 5.5.1 "));
  BOOST_TEST(c.say_line("RSET") == "250 2.0.0 Ok|");
  BOOST_TEST(begins(c.say_line(plain), "250 2.1.0 "));
}

BOOST_AUTO_TEST_CASE(each_recipient_is_judged_by_itself) {
  struct Row {
    std::string_view mail;
    std::string_view line;
    std::string_view reply;
  };
  for (auto const& row : {
           Row{plain, "RCPT TO:<u@example.org>", "250 2.1.5 "},
           Row{plain, "RCPT TO:<u@[192.0.2.1]>", "250 2.1.5 "},
           Row{plain, "RCPT TO:<@a.example:u@example.org>", "250 2.1.5 "},
           Row{plain,
               "RCPT TO:<u@b\xc3\xbc"
               "cher.example>",
               "553 5.6.7 "},
           Row{plain, "RCPT TO:<\xc3\xbc@example.org>", "553 5.6.7 "},
           Row{utf8, "RCPT TO:<\xc3\xbc@example.org>", "250 2.1.5 "},
           Row{utf8,
               "RCPT TO:<u@b\xc3\xbc"
               "cher.example>",
               "250 2.1.5 "},
           Row{plain, "RCPT TO:<postmaster>", "553 5.1.3 <postmaster>: the address has no domain"},
           Row{plain, "RCPT TO:<>", "553 5.1.3 "},
           Row{plain, "RCPT TO:<u@>", "553 5.1.3 "},
           Row{plain, "RCPT TO:<u@192.0.2.1>", "553 5.1.3 "},
           Row{plain, "RCPT TO:<u..v@example.org>", "250 2.1.5 "},
           Row{plain, "RCPT TO:<u.@example.org>", "250 2.1.5 "},
           Row{plain, "RCPT TO:<u@example.org.>", "250 2.1.5 "},
           Row{plain, "RCPT TO:<u@example..org>", "553 5.1.3 "},
           Row{utf8, "RCPT TO:<u@\xf0\x9f\x92\x8c.example>", "250 2.1.5 "},
           Row{plain, "RCPT TO:<u\t@example.org>", "553 5.1.3 "},
           Row{plain, "RCPT TO:<\"a@b c\"@example.org>", "250 2.1.5 "},
           Row{plain, "RCPT TO:<u@example.org> NOTIFY=NEVER", "555 5.5.4 "},
           Row{plain, "RCPT TO:<u@example.org> ORCPT=rfc822;u@example.org", "555 5.5.4 "},
           Row{plain, "RCPT TO:u@example.org", "501 5.5.4 "},
           Row{plain, "RCPT FROM:<u@example.org>", "501 5.5.4 "},
       }) {
    Ready c(row.mail);
    auto const reply = c.say_line(row.line);
    BOOST_TEST(begins(reply, row.reply), row.line << " -> " << reply);
  }
}

BOOST_AUTO_TEST_CASE(an_address_goes_on_as_a_server_can_read_it) {
  Client c;
  c.send(
      "LHLO me\r\nMAIL FROM:<s.@example.com.>\r\nRCPT TO:<u..v@Example.org.>\r\n"
      "RCPT TO:<a b@example.org>\r\nRCPT TO:<\"ok\"@example.org>\r\nDATA\r\n.\r\n");
  BOOST_REQUIRE(c.messages.size() == 1U);
  auto const& envelope = c.messages[0].envelope;
  BOOST_TEST(envelope.sender == "\"s.\"@example.com");
  BOOST_REQUIRE(envelope.recipients.size() == 3U);
  BOOST_TEST(envelope.recipients[0].address == "\"u..v\"@Example.org");
  BOOST_TEST(envelope.recipients[0].domain == "example.org");
  BOOST_TEST(envelope.recipients[1].address == "\"a b\"@example.org");
  BOOST_TEST(envelope.recipients[2].address == "\"ok\"@example.org");
}

// RFC 3461

struct WithDsn : Client {
  static ServerSettings dsn_settings(bool is_promised) {
    auto s = settings();
    s.announces_dsn = true;
    s.success_is_promised = is_promised;
    return s;
  }
  explicit WithDsn(bool is_promised = false) : Client(dsn_settings(is_promised)) { replies(); }
};

BOOST_AUTO_TEST_CASE(dsn_is_announced_where_the_owner_says_so) {
  WithDsn with;
  BOOST_TEST(with.send("LHLO me\r\n").find("250-DSN|") != std::string::npos);
  Client without;
  without.replies();
  BOOST_TEST(without.send("LHLO me\r\n").find("DSN") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_asked_of_notices_comes_with_the_message) {
  for (bool const is_promised : {false, true}) {
    WithDsn c(is_promised);
    c.send(
        "LHLO me\r\nMAIL FROM:<s@example.com> ret=hdrs ENVID=Q+2B1\r\n"
        "RCPT TO:<u@example.org> NOTIFY=success,Delay ORCPT=rfc822;u+2Bx@example.org\r\n"
        "RCPT TO:<v@example.org> NOTIFY=NEVER\r\nRCPT TO:<w@example.org>\r\nDATA\r\n.\r\n");
    BOOST_REQUIRE(c.messages.size() == 1U);
    auto const& envelope = c.messages[0].envelope;
    BOOST_TEST(envelope.dsn_return == "HDRS");
    BOOST_TEST(envelope.dsn_id == "Q+2B1");
    BOOST_TEST(envelope.success_is_promised == is_promised);
    BOOST_TEST(envelope.recipients[0].notify == "SUCCESS,DELAY");
    BOOST_TEST(envelope.recipients[0].original == "rfc822;u+2Bx@example.org");
    BOOST_TEST(envelope.recipients[1].notify == "NEVER");
    BOOST_TEST(envelope.recipients[2].notify == "");
    c.say(0, 250, "ok");
    c.say(1, 250, "ok");
    c.say(2, 250, "ok");
    c.replies();
    c.send("MAIL FROM:<s@example.com>\r\nRCPT TO:<u@example.org>\r\nDATA\r\n.\r\n");
    BOOST_REQUIRE(c.messages.size() == 2U);
    BOOST_TEST(c.messages[1].envelope.dsn_id == "");
    BOOST_TEST(c.messages[1].envelope.recipients[0].notify == "");
  }
}

BOOST_AUTO_TEST_CASE(wishes_that_are_none_are_refused_and_what_is_only_misspelt_is_mended) {
  struct Row {
    std::string_view parameters;
    std::string_view reply;
    std::string_view original = {};
  };
  auto const long_one = " ORCPT=rfc822;" + std::string(500, 'a');
  for (auto const& row : {
           Row{" NOTIFY=SOMETIMES", "501 5.5.4 "},
           Row{" NOTIFY", "501 5.5.4 "},
           Row{" NOTIFY=NEVER,SUCCESS", "501 5.5.4 "},
           Row{" NOTIFY=SUCCESS,", "501 5.5.4 "},
           Row{" NOTIFY=SUCCESS,SUCCESS,SUCCESS,SUCCESS", "501 5.5.4 "},
           Row{" NOTIFY=NEVER NOTIFY=NEVER", "501 5.5.4 "},
           Row{" RET=FULL", "555 5.5.4 "},
           Row{" ORCPT=rfc822;u+tag@example.org", "250 ", "rfc822;u+2Btag@example.org"},
           Row{" ORCPT=rfc822;u+@example.org", "250 ", "rfc822;u+2B@example.org"},
           Row{" ORCPT=rfc822;a=b", "250 ", "rfc822;a+3Db"},
           Row{" ORCPT=utf-8;\xc3\xbc@example.org", "250 ", "utf-8;+C3+BC@example.org"},
           Row{" ORCPT=nothing", "250 "},
           Row{" ORCPT=;x", "250 "},
           Row{long_one, "250 "},
       }) {
    WithDsn c;
    c.send("LHLO me\r\nMAIL FROM:<s@example.com> SMTPUTF8\r\n");
    auto const reply = c.send("RCPT TO:<u@example.org>" + std::string(row.parameters) + "\r\n");
    BOOST_TEST(begins(reply, row.reply), row.parameters << " -> " << reply);
    if (!reply.starts_with("250")) continue;
    c.send("DATA\r\n.\r\n");
    BOOST_TEST(c.messages.at(0).envelope.recipients[0].original == row.original);
  }
  for (auto const& [parameters, reply] : std::initializer_list<std::pair<std::string, std::string>>{
           {" RET=BODY", "501 5.5.4 "},
           {" RET", "501 5.5.4 "},
           {" ENVID", "501 5.5.4 "},
           {" NOTIFY=NEVER", "555 5.5.4 "},
           {" ENVID=" + std::string(101, 'a'), "250 "}}) {
    WithDsn c;
    c.send("LHLO me\r\n");
    BOOST_TEST(begins(c.send("MAIL FROM:<s@example.com>" + parameters + "\r\n"), reply),
               parameters);
  }
}

BOOST_AUTO_TEST_CASE(recipients_beyond_the_most_come_in_another_transaction) {
  Ready c(plain);
  for (int i = 0; i < 4; ++i) BOOST_TEST(begins(c.say_line("RCPT TO:<u@example.org>"), "250 "));
  BOOST_TEST(begins(c.say_line("RCPT TO:<u@example.org>"), "452 4.5.3 "));
  BOOST_TEST(begins(c.say_line("DATA"), "354 "));
}

BOOST_AUTO_TEST_CASE(data_without_an_accepted_recipient_is_refused_and_the_transaction_stays) {
  Ready c(plain);
  c.say_line("RCPT TO:<postmaster>");
  BOOST_TEST(c.say_line("DATA") == "503 5.5.1 no recipient was accepted|");
  BOOST_TEST(begins(c.say_line("RCPT TO:<u@example.org>"), "250 "));
  BOOST_TEST(begins(c.say_line("DATA now"), "501 5.5.4 "));
  BOOST_TEST(begins(c.say_line("DATA"), "354 "));
}

BOOST_AUTO_TEST_CASE(commands_without_effect_are_answered) {
  Ready c;
  BOOST_TEST(c.say_line("NOOP whatever") == "250 2.0.0 Ok|");
  BOOST_TEST(begins(c.say_line("VRFY u@example.org"), "252 2."));
  BOOST_TEST(begins(c.say_line("HELP"), "214 2."));
  BOOST_TEST(begins(c.say_line("EXPN list"), "502 5.5.1 "));
  BOOST_TEST(begins(c.say_line("STARTTLS"), "502 5.5.1 "));
  BOOST_TEST(begins(c.say_line("AUTH PLAIN"), "502 5.5.1 "));
  BOOST_TEST(begins(c.say_line("BDAT 1 LAST"), "502 5.5.1 "));
  BOOST_TEST(begins(c.say_line("GET / HTTP/1.1"), "500 5.5.2 "));
  BOOST_TEST(begins(c.say_line(""), "500 5.5.2 "));
}

BOOST_AUTO_TEST_CASE(lhlo_and_rset_end_the_transaction) {
  Ready c(plain);
  BOOST_TEST(!c.server.is_idle());
  c.say_line("LHLO me");
  BOOST_TEST(c.server.is_idle());
  c.say_line(plain);
  c.say_line("RSET");
  BOOST_TEST(c.server.is_idle());
}

BOOST_AUTO_TEST_CASE(xforward_attributes_are_checked) {
  struct Row {
    std::string_view line;
    std::string_view reply;
  };
  for (auto const& row : {
           Row{"XFORWARD NAME=client.example ADDR=192.0.2.1 PORT=2525", "250 2.0.0 "},
           Row{"XFORWARD NAME=[UNAVAILABLE] ADDR=IPv6:2001:db8::1", "250 2.0.0 "},
           Row{"XFORWARD PROTO=ESMTP HELO=a+20b IDENT=4ED10A9055E SOURCE=REMOTE", "250 2.0.0 "},
           Row{"XFORWARD IDENT=[UNAVAILABLE]", "250 2.0.0 "},
           Row{"XFORWARD", "501 5.5.4 "},
           Row{"XFORWARD NAME", "501 5.5.4 "},
           Row{"XFORWARD DOMAIN=x", "501 5.5.4 "},
           Row{"XFORWARD NAME=a+2", "501 5.5.4 "},
           Row{"XFORWARD NAME=a+0Ab", "501 5.5.4 "},
           Row{"XFORWARD IDENT=a+20b", "501 5.5.4 "},
           Row{"XFORWARD IDENT=a+1B[31m", "501 5.5.4 "},
       }) {
    Ready c;
    auto const reply = c.say_line(row.line);
    BOOST_TEST(begins(reply, row.reply), row.line << " -> " << reply);
  }
  Ready c;
  BOOST_TEST(begins(c.say_line("XFORWARD IDENT=" + std::string(65, 'A')), "501 5.5.4 "));
  BOOST_TEST(begins(c.say_line("XFORWARD NAME=" + std::string(256, 'a')), "501 5.5.4 "));
  c.say_line(plain);
  BOOST_TEST(begins(c.say_line("XFORWARD NAME=x"), "503 5.5.1 "));
}

BOOST_AUTO_TEST_CASE(a_line_of_2048_octets_is_read_and_a_longer_one_is_skipped_whole) {
  Ready c;
  // Room for RFC 3461's 1036 octets and more.
  auto const longest = "NOOP " + std::string(2048 - 5 - 1, 'x');
  BOOST_TEST(c.say_line(longest) == "250 2.0.0 Ok|");
  BOOST_TEST(begins(c.say_line(longest + "x"), "500 5.5.2 "));
  BOOST_TEST(c.send("NOOP " + std::string(100000, 'x')) == "");
  BOOST_TEST(c.send(std::string(100000, 'x')) == "");
  BOOST_TEST(c.send("x\r\nNOOP\r\n") ==
             "500 5.5.2 the line is longer than 2048 octets|250 2.0.0 Ok|");
}

BOOST_AUTO_TEST_CASE(a_command_line_ends_with_crlf_and_holds_no_cr_or_nul) {
  Ready c;
  BOOST_TEST(begins(c.send("NOOP\n"), "500 5.5.2 "));
  BOOST_TEST(begins(c.send("NOOP a\rMAIL FROM:<>\r\n"), "500 5.5.2 "));
  BOOST_TEST(begins(c.send(std::string_view("NOOP \0\r\n", 8)), "500 5.5.2 "));
}

BOOST_AUTO_TEST_CASE(twenty_mistakes_in_a_row_close_the_connection_but_not_with_421) {
  Ready c;
  for (int i = 1; i < 20; ++i) BOOST_TEST(begins(c.say_line("BAD"), "500 5.5.2 "));
  BOOST_TEST(!c.server.is_over());
  BOOST_TEST(begins(c.say_line("BAD\r\nNOOP"),
                    "451 4.7.0 20 mistakes in a row, closing; the last: not a command|"));
  BOOST_TEST(c.server.is_over());
  BOOST_TEST(!c.server.wants_input());
  BOOST_TEST(c.server.close_reason() == "too many mistakes");
}

BOOST_AUTO_TEST_CASE(a_message_in_between_wipes_the_slate_clean) {
  Ready c;
  c.answers = {"ok"};
  for (int i = 0; i < 3; ++i) {
    for (int n = 0; n < 19; ++n) c.say_line("BAD");
    c.say_line("MAIL FROM:<>\r\nRCPT TO:<u@example.org>\r\nDATA");
    BOOST_TEST(c.send(".\r\n") == "250 2.0.0 ok|");
  }
}

BOOST_AUTO_TEST_CASE(refused_recipients_are_no_mistakes) {
  Ready c;
  for (int i = 0; i < 50; ++i) {
    BOOST_TEST(begins(
        c.say_line("MAIL FROM:<s@example.com>\r\nRCPT TO:<postmaster>\r\nDATA\r\nRSET"), "250 "));
    BOOST_TEST(!c.server.is_over());
  }
}

BOOST_AUTO_TEST_CASE(every_reply_is_one_line_of_at_most_512_octets_without_control_characters) {
  Ready c(plain);
  std::string hostile = "RCPT TO:<";
  for (int i = 1; i < 32; ++i)
    if (i != '\n' && i != '\r') hostile += static_cast<char>(i);
  auto const reply = c.say_line(hostile + std::string(1500, '<') + ">");
  BOOST_TEST(reply.size() <= 511U);
  BOOST_TEST(reply.find_first_of("\x1b\x07\t") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(replies_hold_utf8_only_where_the_client_said_smtputf8) {
  for (bool const asked : {false, true}) {
    Ready c(asked ? utf8 : plain);
    c.say_line("RCPT TO:<u@example.org>\r\nDATA");
    c.send(".\r\n");
    c.say(0, 550, "gr\xc3\xbc\xc3\x9f");
    BOOST_TEST(c.replies() == (asked ? "550 5.0.0 gr\xc3\xbc\xc3\x9f|" : "550 5.0.0 gr????|"));
  }
}

BOOST_AUTO_TEST_SUITE_END()
