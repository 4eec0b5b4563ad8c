// From the greeting to Ready, and every way not to get there.
#include <boost/test/unit_test.hpp>

#include "unit/core/smtp/talk.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace mailpool::smtp::testing;

namespace {

SessionSettings settings_with(TlsMode tls) {
  auto s = plain_settings();
  s.tls = tls;
  return s;
}

void fails_with(Talk& talk, std::string_view reply, bool try_plain = false,
                bool protocol_error = false) {
  auto const closed = talk.take<Closed>();
  BOOST_REQUIRE(closed.has_value());
  BOOST_REQUIRE(closed->setup_failure.has_value());
  auto const line = closed->setup_failure->reply_line();
  BOOST_TEST(line.starts_with(reply), line);
  BOOST_TEST((closed->setup_failure->kind ==
              OutcomeKind::Deferred));  // what a host says of itself never bounces mail
  BOOST_TEST(closed->try_plain == try_plain);
  BOOST_TEST(closed->protocol_error == protocol_error);
  BOOST_TEST(!talk.take<Ready>().has_value());
  BOOST_TEST((talk.session.state() == State::Closed));
  BOOST_TEST((talk.session.deadline() == never));
}

std::string const with_tls = ehlo_reply({"PIPELINING", "STARTTLS"});

}  // namespace

BOOST_AUTO_TEST_SUITE(setup)

BOOST_AUTO_TEST_CASE(a_refusing_greeting_is_a_deferral_with_the_words_of_the_server) {
  Talk permanent;
  permanent.server("554 5.7.1 you are listed\r\n");
  fails_with(permanent,
             "451 4.7.1 mx.example.com[192.0.2.1]:25 said: 554 5.7.1 you are listed (in reply to "
             "connect)");
  Talk busy;
  busy.server("421 4.3.2 busy\r\n");
  fails_with(busy, "451 4.3.2");
  Talk silent_words;
  silent_words.server("554 no\r\n");
  fails_with(silent_words, "451 4.0.0");
}

BOOST_AUTO_TEST_CASE(a_greeting_that_is_none_poisons_the_connection) {
  for (auto greeting : {"SSH-2.0-OpenSSH_9.2\r\n", "354 go\r\n", "* OK IMAP4\r\n",
                        "220-a\r\n221 b\r\n", "521-no\r\n220 yes\r\n"}) {
    Talk talk;
    talk.server(greeting);
    fails_with(
        talk,
        "451 4.5.0 mx.example.com[192.0.2.1]:25 broke the protocol while waiting for the greeting",
        false, true);
  }
}

BOOST_AUTO_TEST_CASE(a_silent_or_trickling_server_is_given_up_after_the_greeting_timeout) {
  Talk trickle;
  trickle.server("220-");
  for (int i = 0; i < 290; ++i) {
    trickle.wait(1s);
    trickle.server("x");  // prolongs nothing
  }
  BOOST_TEST(trickle.events.empty());
  trickle.wait(10s);
  fails_with(trickle,
             "451 4.4.2 conversation with mx.example.com[192.0.2.1]:25 timed out while waiting for "
             "the greeting");
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_up_is_a_deferral) {
  Talk talk;
  talk.server("220 hi\r\n").eof();
  fails_with(talk,
             "451 4.4.2 lost connection with mx.example.com[192.0.2.1]:25 while waiting for the "
             "reply to EHLO (the server closed");
}

BOOST_AUTO_TEST_CASE(a_server_that_refuses_ehlo_gets_helo_and_has_no_extensions) {
  Talk talk;
  talk.server("220 hi\r\n").server("500 5.5.1 what\r\n");
  BOOST_TEST(talk.sent().ends_with("HELO client.example.net\r\n"));
  talk.server("250-PIPELINING\r\n250 CHUNKING\r\n");
  BOOST_TEST(talk.take<Ready>().has_value());
  BOOST_TEST((talk.session.capabilities() == wire::Capabilities{}));
  Mail mail;
  BOOST_TEST(talk.start(mail.transaction).sent() == "MAIL FROM:<a@example.net>\r\n");
}

BOOST_AUTO_TEST_CASE(a_server_that_refuses_ehlo_for_now_or_helo_too_is_a_deferral) {
  Talk later;
  later.server("220 hi\r\n").server("451 4.3.0 later\r\n");
  fails_with(later, "451 4.3.0");
  Talk never_at_all;
  never_at_all.server("220 hi\r\n").server("502 what\r\n").server("550 5.7.1 no\r\n");
  fails_with(never_at_all, "451 4.7.1");
}

BOOST_AUTO_TEST_CASE(a_name_that_could_not_be_said_is_not_said) {
  for (auto name : {"", "a\r\nMAIL FROM:<x>", "gr\xc3\xbcn.example"}) {
    auto settings = plain_settings();
    settings.ehlo_name = name;
    Talk talk(settings);
    talk.server("220 hi\r\n");
    BOOST_TEST(talk.sent() == "");
    fails_with(talk, "451 4.3.5");
  }
}

BOOST_AUTO_TEST_CASE(a_reply_before_its_command_is_sent_is_nobodys_reply) {
  Talk talk;
  talk.room = 0;
  talk.server("220 hi\r\n250 mx\r\n");
  fails_with(talk, "451 4.5.0", false, true);
}

BOOST_AUTO_TEST_CASE(tls_is_used_where_it_is_offered_and_the_server_is_asked_again_inside) {
  Talk talk;
  talk.server("220 hi\r\n").server(with_tls);
  BOOST_TEST(talk.sent().ends_with("STARTTLS\r\n"));
  BOOST_TEST(!talk.take<BeginTls>().has_value());
  talk.server("220 2.0.0 go\r\n");
  BOOST_TEST(talk.take<BeginTls>().has_value());
  BOOST_TEST((talk.session.state() == State::TlsHandshake));
  BOOST_TEST(!talk.session.is_encrypted());
  talk.session.tls_established(talk.now);
  talk.pump();
  BOOST_TEST(talk.sent() == "EHLO client.example.net\r\n");
  BOOST_TEST((talk.session.capabilities() ==
              wire::Capabilities{}));  // what was said in plain text is forgotten
  talk.server(ehlo_reply({"CHUNKING", "STARTTLS"}));
  BOOST_TEST(talk.take<Ready>().has_value());
  BOOST_TEST(talk.session.is_encrypted());
  BOOST_TEST(!talk.session.capabilities().pipelining);
  BOOST_TEST(talk.session.capabilities().chunking);
}

BOOST_AUTO_TEST_CASE(octets_behind_the_220_abort_the_connection) {
  for (auto behind : {"250 mx\r\n", "2", "250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n"}) {
    for (auto tls : {TlsMode::May, TlsMode::Encrypt}) {
      Talk talk(settings_with(tls));
      talk.server("220 hi\r\n").server(with_tls).server(std::string("220 go\r\n") + behind);
      BOOST_TEST(!talk.take<BeginTls>().has_value());
      fails_with(talk, "451 4.7.5", false, true);
    }
    Talk later;  // the owner must not pass them on, but if it does
    later.server("220 hi\r\n").server(with_tls).server("220 go\r\n").server(behind);
    fails_with(later, "451 4.5.0", false, true);
  }
}

BOOST_AUTO_TEST_CASE(a_failed_handshake_may_be_followed_by_plain_text_only_where_tls_may_be) {
  for (auto tls : {TlsMode::May, TlsMode::Encrypt}) {
    Talk talk(settings_with(tls));
    talk.server("220 hi\r\n").server(with_tls).server("220 go\r\n");
    talk.session.tls_failed("certificate verify failed", talk.now);
    talk.pump();
    fails_with(talk,
               "451 4.7.5 TLS handshake with mx.example.com[192.0.2.1]:25 failed: certificate "
               "verify failed",
               tls == TlsMode::May);
  }
}

BOOST_AUTO_TEST_CASE(a_handshake_that_hangs_or_breaks_off_is_a_failed_one) {
  Talk hangs;
  hangs.server("220 hi\r\n").server(with_tls).server("220 go\r\n").wait(120s - 1ns);
  BOOST_TEST(!hangs.take<Closed>().has_value());
  hangs.wait(1ns);
  fails_with(hangs,
             "451 4.4.2 conversation with mx.example.com[192.0.2.1]:25 timed out while shaking "
             "hands for TLS",
             true);
  Talk breaks;
  breaks.server("220 hi\r\n").server(with_tls).server("220 go\r\n").eof();
  fails_with(breaks, "451 4.4.2", true);
}

namespace {

/// Its hands are shaken, as far as this end can tell.
struct Encrypted : Talk {
  explicit Encrypted(TlsMode tls) : Talk(settings_with(tls)) {
    server("220 hi\r\n").server(with_tls).server("220 go\r\n");
    session.tls_established(now);
    pump();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(until_the_first_reply_under_tls_an_end_is_a_failure_of_the_handshake) {
  for (auto tls : {TlsMode::May, TlsMode::Encrypt}) {
    Encrypted wants_certificate(tls);
    wants_certificate.eof("TLS: tlsv13 alert certificate required");
    auto const closed = wants_certificate.take<Closed>();
    BOOST_TEST(closed->setup_failure->reply_line() ==
               "451 4.4.2 lost connection with mx.example.com[192.0.2.1]:25 while waiting for the "
               "first reply under TLS (TLS: tlsv13 alert certificate required)");
    BOOST_TEST((closed->tls_trouble == TlsTrouble::Handshake));
    BOOST_TEST(!closed->lacks_tls);
    BOOST_TEST(closed->try_plain == (tls == TlsMode::May));
    Encrypted in_mid_reply(tls);
    in_mid_reply.server("250-mx.exam").eof();
    fails_with(in_mid_reply, "451 4.4.2", tls == TlsMode::May);
    Encrypted silent(tls);
    silent.wait(300s - 1ns);
    BOOST_TEST(!silent.take<Closed>().has_value());
    silent.wait(1ns);
    auto const given_up = silent.take<Closed>();
    BOOST_TEST((given_up->tls_trouble == TlsTrouble::Silence));
    BOOST_TEST(given_up->try_plain == (tls == TlsMode::May));
  }
}

BOOST_AUTO_TEST_CASE(a_reply_under_tls_shows_that_tls_works_whatever_it_says) {
  Encrypted refuses(TlsMode::May);
  refuses.server("421 4.7.0 not today\r\n");
  fails_with(refuses, "451 4.7.0", false);
  Encrypted garbles(TlsMode::May);
  garbles.server("what?\r\n");
  fails_with(garbles, "451 4.5.0", false, true);
  Encrypted later(TlsMode::May);
  later.server("502 5.5.1 no EHLO\r\n").eof();
  auto const closed = later.take<Closed>();
  BOOST_TEST((closed->tls_trouble == TlsTrouble::None));
  BOOST_TEST(!closed->try_plain);
}

BOOST_AUTO_TEST_CASE(under_implicit_tls_the_greeting_is_the_first_reply) {
  auto settings = settings_with(TlsMode::May);
  settings.implicit_tls = true;
  for (bool const greets : {false, true}) {
    Talk talk(settings);
    talk.session.tls_established(talk.now);
    if (greets) talk.server("220 hi\r\n");
    talk.eof();
    auto const closed = talk.take<Closed>();
    BOOST_TEST((closed->tls_trouble == (greets ? TlsTrouble::None : TlsTrouble::Handshake)));
    BOOST_TEST(!closed->try_plain);
  }
}

BOOST_AUTO_TEST_CASE(a_refused_starttls_may_be_followed_by_plain_text_only_where_tls_may_be) {
  for (auto tls : {TlsMode::May, TlsMode::Encrypt})
    for (auto reply : {"454 4.7.0 not now\r\n", "502 what\r\n"}) {
      Talk talk(settings_with(tls));
      talk.server("220 hi\r\n").server(with_tls).server(reply);
      fails_with(talk, "451 4.7.5", tls == TlsMode::May);
    }
  Talk odd;
  odd.server("220 hi\r\n").server(with_tls).server("250 ok\r\n");
  fails_with(odd, "451 4.7.5", false, true);
}

// Postfix's postscreen greets before it refuses; others are overtaken by their own shutdown.
BOOST_AUTO_TEST_CASE(a_server_that_thinks_better_of_it_within_a_reply_has_refused) {
  for (auto const* greeting :
       {"220-mx.example.com ESMTP\r\n521 5.3.2 Service currently unavailable\r\n",
        "220-mx.example.com ESMTP\r\n220-wait\r\n421 4.3.2 All ports are busy\r\n",
        "220-a\r\n421-4.3.2 All ports\r\n421 4.3.2 are busy\r\n"}) {
    Talk talk;
    talk.server(greeting);
    auto const closed = talk.take<Closed>();
    BOOST_REQUIRE(closed.has_value());
    bool const is_busy = std::string_view(greeting).find("521") == std::string_view::npos;
    BOOST_TEST(
        closed->setup_failure->reply_line() ==
        std::string("451 4.3.2 mx.example.com[192.0.2.1]:25 said: ") +
            (is_busy ? "421 4.3.2 All ports are busy" : "521 5.3.2 Service currently unavailable") +
            " (in reply to connect)");
    BOOST_TEST(!closed->protocol_error);
    BOOST_REQUIRE(closed->remark.has_value());
    BOOST_TEST((closed->remark->at == Step::Connect));
    BOOST_TEST(closed->remark->line == (is_busy ? "421 4.3.2 All ports are busy"
                                                : "521 5.3.2 Service currently unavailable"));
  }
  Talk later;
  later.server("220 hi\r\n").server("250-mx\r\n250-PIPELINING\r\n421 4.3.2 shutting down\r\n");
  fails_with(
      later,
      "451 4.3.2 mx.example.com[192.0.2.1]:25 said: 421 4.3.2 shutting down (in reply to EHLO)");
}

// Nothing of it says that the host has no TLS: neither plain text nor a mark against its TLS
// follows.
BOOST_AUTO_TEST_CASE(at_any_command_421_is_the_end_of_the_service_and_of_nothing_else) {
  for (auto tls : {TlsMode::May, TlsMode::Encrypt}) {
    std::vector<std::string> const replies{"220 hi\r\n", with_tls, "220 go\r\n"};
    std::vector<std::string> const commands{"connect", "EHLO", "STARTTLS"};
    for (std::size_t at = 0; at < replies.size(); ++at) {
      Talk talk(settings_with(tls));
      for (std::size_t i = 0; i < at; ++i) talk.server(replies[i]);
      talk.server("421 4.3.2 shutting down\r\n");
      auto const closed = talk.take<Closed>();
      BOOST_REQUIRE(closed.has_value());
      BOOST_TEST(
          closed->setup_failure->reply_line() ==
          "451 4.3.2 mx.example.com[192.0.2.1]:25 said: 421 4.3.2 shutting down (in reply to " +
              commands[at] + ")");
      BOOST_TEST(!closed->try_plain, commands[at]);
      BOOST_TEST(!closed->lacks_tls, commands[at]);
      BOOST_TEST((closed->tls_trouble == TlsTrouble::None), commands[at]);
      BOOST_REQUIRE(closed->remark.has_value());
      BOOST_TEST(closed->remark->line == "421 4.3.2 shutting down");
    }
  }
}

BOOST_AUTO_TEST_CASE(where_tls_is_required_a_server_without_it_gets_no_mail) {
  Talk without(settings_with(TlsMode::Encrypt));
  without.server("220 hi\r\n").server(ehlo_reply({"PIPELINING"}));
  fails_with(without,
             "451 4.7.5 TLS is required (tls = \"encrypt\"), but was not offered by "
             "mx.example.com[192.0.2.1]:25");
  Talk old(settings_with(TlsMode::Encrypt));
  old.server("220 hi\r\n").server("500 what\r\n").server("250 hi\r\n");
  fails_with(old, "451 4.7.5");
  auto skipping = settings_with(TlsMode::Encrypt);
  skipping.skip_starttls = true;  // counts for `may` alone
  Talk talk(skipping);
  talk.server("220 hi\r\n").server(with_tls);
  BOOST_TEST(talk.sent().ends_with("STARTTLS\r\n"));
}

BOOST_AUTO_TEST_CASE(tls_is_not_asked_for_where_it_is_not_wanted) {
  auto skipping = settings_with(TlsMode::May);
  skipping.skip_starttls = true;
  for (auto const& settings : {settings_with(TlsMode::None), skipping}) {
    Talk talk(settings);
    talk.server("220 hi\r\n").server(with_tls);
    BOOST_TEST(talk.take<Ready>().has_value());
    BOOST_TEST(!talk.session.is_encrypted());
  }
}

BOOST_AUTO_TEST_SUITE_END()
