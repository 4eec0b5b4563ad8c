// AUTH before the first transaction, and every way it can go wrong.
#include <boost/test/unit_test.hpp>

#include "core/base/base64.h"
#include "unit/core/smtp/talk.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace mailpool::smtp::testing;

namespace {

constexpr std::string_view password = "correct horse";

SessionSettings settings() {
  auto s = plain_settings();
  s.tls = TlsMode::May;
  return s;
}

std::unique_ptr<Login> login_with(std::vector<sasl::Mechanism> mechanisms,
                                  bool allow_plaintext = true) {
  sasl::Account account{"tim", Secret(password), "mx.example.com", 587, "rOprNGfwEbeRWgbNEkqO"};
  return std::unique_ptr<Login>(
      new Login{"smarthost", {std::move(account), std::move(mechanisms)}, allow_plaintext});
}

std::string const plain_line =
    "AUTH PLAIN " + to_base64(std::string("\0tim\0correct horse", 18)) + "\r\n";

/// At the point where the login begins.
void greet(Talk& talk, std::string_view mechanisms) {
  talk.server("220 mx.example.com\r\n").server(ehlo_reply({"PIPELINING", mechanisms}));
}

Closed closed_of(Talk& talk) {
  auto closed = talk.take<Closed>();
  BOOST_REQUIRE(closed.has_value());
  BOOST_REQUIRE(closed->setup_failure.has_value());
  BOOST_TEST((closed->setup_failure->kind == OutcomeKind::Deferred));
  BOOST_TEST(closed->setup_failure->text.find(password) == std::string::npos);
  BOOST_TEST(!talk.take<Ready>().has_value());
  return std::move(*closed);
}

void fails_for_good(Talk& talk, std::string_view line) {
  auto const closed = closed_of(talk);
  BOOST_TEST(closed.setup_failure->reply_line() == line);
  BOOST_TEST(closed.login_refused);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(login)

BOOST_AUTO_TEST_CASE(the_login_comes_before_the_first_message) {
  Talk talk(settings(), login_with({sasl::Mechanism::Plain}));
  greet(talk, "AUTH LOGIN PLAIN");
  BOOST_TEST(talk.sent() == "EHLO client.example.net\r\n" + plain_line);
  BOOST_TEST((talk.session.state() == State::Auth));
  BOOST_TEST(!talk.take<Ready>().has_value());
  talk.server("235 2.7.0 welcome\r\n");
  BOOST_TEST(talk.take<Ready>().has_value());
  BOOST_TEST(talk.session.is_idle());
  Mail mail;
  talk.start(mail.transaction);
  BOOST_TEST(talk.sent().starts_with("MAIL FROM:<a@example.net>"));
}

BOOST_AUTO_TEST_CASE(challenges_are_answered_one_by_one) {
  Talk talk(settings(), login_with({sasl::Mechanism::Login}));
  greet(talk, "AUTH LOGIN");
  talk.sent();
  talk.server("334 VXNlcm5hbWU6\r\n");
  BOOST_TEST(talk.sent() == to_base64("tim") + "\r\n");
  talk.server("334 UGFzc3dvcmQ6\r\n");
  BOOST_TEST(talk.sent() == to_base64(password) + "\r\n");
  talk.server("235 ok\r\n");
  BOOST_TEST(talk.take<Ready>().has_value());
}

BOOST_AUTO_TEST_CASE(a_login_is_not_said_in_plain_text) {
  Talk talk(settings(), login_with({sasl::Mechanism::Plain}, false));
  greet(talk, "AUTH PLAIN");
  BOOST_TEST(talk.sent() == "EHLO client.example.net\r\n");
  auto const closed = closed_of(talk);
  BOOST_TEST(closed.setup_failure->reply_line() ==
             "451 4.7.8 mx.example.com[192.0.2.1]:25 offers no TLS, and [login.smarthost] is not "
             "used without (allow_plaintext = false)");
  BOOST_TEST(!closed.login_refused);  // another host may offer it
}

BOOST_AUTO_TEST_CASE(a_failed_handshake_does_not_lead_to_a_login_in_plain_text) {
  for (bool const allow : {false, true}) {
    Talk talk(settings(), login_with({sasl::Mechanism::Plain}, allow));
    talk.server("220 mx\r\n").server(ehlo_reply({"STARTTLS", "AUTH PLAIN"}));
    talk.server("220 go\r\n");
    BOOST_TEST(talk.take<BeginTls>().has_value());
    talk.session.tls_failed("handshake failure", talk.now);
    talk.pump();
    BOOST_TEST(closed_of(talk).try_plain == allow);
  }
}

BOOST_AUTO_TEST_CASE(what_was_announced_before_tls_does_not_count) {
  Talk talk(settings(), login_with({sasl::Mechanism::Plain}, false));
  talk.server("220 mx\r\n").server(ehlo_reply({"STARTTLS", "AUTH PLAIN"})).server("220 go\r\n");
  talk.session.tls_established(talk.now);
  talk.pump();
  talk.sent();
  talk.server(ehlo_reply({"PIPELINING", "AUTH GSSAPI"}));
  BOOST_TEST(talk.sent() == "");
  fails_for_good(talk,
                 "451 4.7.8 mx.example.com[192.0.2.1]:25: login smarthost: the server offers AUTH "
                 "GSSAPI, and mechanisms allows PLAIN");
}

BOOST_AUTO_TEST_CASE(a_refused_login_bounces_no_mail_and_says_whose_words_they_are) {
  Talk talk(settings(), login_with({sasl::Mechanism::Plain}));
  greet(talk, "AUTH PLAIN");
  talk.server("535 5.7.8 wrong password\r\n");
  fails_for_good(talk,
                 "451 4.7.8 mx.example.com[192.0.2.1]:25 said: 535 5.7.8 wrong password (in reply "
                 "to AUTH)");
}

BOOST_AUTO_TEST_CASE(a_server_in_trouble_has_not_refused_the_login) {
  Talk talk(settings(), login_with({sasl::Mechanism::Plain}));
  greet(talk, "AUTH PLAIN");
  talk.server("454 4.7.0 no user database\r\n");
  auto const closed = closed_of(talk);
  BOOST_TEST(closed.setup_failure->reply_line().starts_with("451 4.7.8 "));
  BOOST_TEST(!closed.login_refused);
}

BOOST_AUTO_TEST_CASE(a_service_that_ends_at_auth_has_said_nothing_of_the_login) {
  Talk talk(settings(), login_with({sasl::Mechanism::Plain}));
  greet(talk, "AUTH PLAIN");
  talk.server("421 4.3.2 shutting down\r\n");
  auto const closed = closed_of(talk);
  BOOST_TEST(
      closed.setup_failure->reply_line() ==
      "451 4.3.2 mx.example.com[192.0.2.1]:25 said: 421 4.3.2 shutting down (in reply to AUTH)");
  BOOST_TEST(!closed.login_refused);
  BOOST_REQUIRE(closed.remark.has_value());
  BOOST_TEST(closed.remark->line == "421 4.3.2 shutting down");
}

BOOST_AUTO_TEST_CASE(a_server_without_auth_has_refused_nothing) {
  Talk helo(settings(), login_with({sasl::Mechanism::Plain}));
  helo.server("220 mx\r\n").server("502 no\r\n").server("250 mx\r\n");
  auto const closed = closed_of(helo);
  BOOST_TEST(closed.setup_failure->reply_line() ==
             "451 4.7.8 mx.example.com[192.0.2.1]:25: login smarthost: the server offers no AUTH");
  BOOST_TEST(!closed.login_refused);  // another host may offer it
}

BOOST_AUTO_TEST_CASE(a_server_that_only_pretends_to_know_the_password_gets_no_mail) {
  Talk talk(settings(), login_with({sasl::Mechanism::ScramSha256}));
  greet(talk, "AUTH SCRAM-SHA-256");
  talk.server("235 come in\r\n");
  fails_for_good(talk,
                 "451 4.7.8 mx.example.com[192.0.2.1]:25: login smarthost: the server took the "
                 "SCRAM login without proving that it knows the password");
}

BOOST_AUTO_TEST_CASE(a_server_that_echoes_the_login_brings_it_into_no_log) {
  auto const secret = plain_line.substr(11, plain_line.size() - 13);
  for (auto const& reply : {"535 " + secret + "\r\n", "250 " + secret + "\r\n",
                            "garbage " + secret + "\r\n", "334 !" + secret + "\r\n"}) {
    Talk talk(settings(), login_with({sasl::Mechanism::Plain}));
    greet(talk, "AUTH PLAIN");
    talk.server(reply);
    auto const closed = closed_of(talk);
    BOOST_TEST(closed.reason.find(secret) == std::string::npos, closed.reason);
    BOOST_TEST(closed.setup_failure->text.find(secret) == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_silent_server_is_given_up_after_its_time) {
  Talk talk(settings(), login_with({sasl::Mechanism::Plain}));
  greet(talk, "AUTH PLAIN");
  talk.wait(119s);
  BOOST_TEST(!talk.take<Closed>().has_value());
  talk.wait(2s);
  auto const closed = closed_of(talk);
  BOOST_TEST(closed.setup_failure->reply_line().ends_with(
      "timed out while waiting for the reply to AUTH"));
  BOOST_TEST(!closed.login_refused);
}

BOOST_AUTO_TEST_SUITE_END()
