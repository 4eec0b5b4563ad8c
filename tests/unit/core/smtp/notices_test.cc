// What the sender wants to be told (RFC 3461), on its way to servers that offer DSN and to those
// that do not.
#include <boost/test/unit_test.hpp>

#include "unit/core/smtp/talk.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace mailpool::smtp::testing;

namespace {

constexpr std::string_view ok = "250 2.0.0 ok\r\n";

struct Asking : Mail {
  explicit Asking(bool is_promised = false) {
    transaction.recipients = {"u@example.com", "v@example.com"};
    transaction.notices = {{"SUCCESS,DELAY", "rfc822;old+2Bu@example.com"}, {"NEVER", ""}};
    transaction.dsn_return = "HDRS";
    transaction.dsn_id = "Q+2B1";
    transaction.success_is_promised = is_promised;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(notices)

BOOST_AUTO_TEST_CASE(a_server_with_dsn_is_told_all_of_it) {
  for (bool const is_promised : {false, true}) {
    Talk talk;
    Asking mail(is_promised);
    talk.connected({"PIPELINING", "DSN", "SIZE"}).start(mail.transaction);
    BOOST_TEST(talk.sent() ==
               "MAIL FROM:<a@example.net> SIZE=21 RET=HDRS ENVID=Q+2B1\r\n"
               "RCPT TO:<u@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old+2Bu@example.com\r\n"
               "RCPT TO:<v@example.com> NOTIFY=NEVER\r\nDATA\r\n");
    talk.server(ok).server(ok).server(ok).server("354 go\r\n").server(ok);
    auto const result = talk.result();
    BOOST_TEST(is_delivered(result));
    BOOST_TEST(result.results[0].outcome.offers_dsn.value());
  }
}

BOOST_AUTO_TEST_CASE(a_server_without_dsn_is_told_nothing_and_that_is_told) {
  Talk talk;
  Asking mail;
  talk.connected({"PIPELINING"}).start(mail.transaction);
  BOOST_TEST(talk.sent() ==
             "MAIL FROM:<a@example.net>\r\nRCPT TO:<u@example.com>\r\nRCPT TO:<v@example.com>\r\n"
             "DATA\r\n");
  talk.server(ok).server(ok).server(ok).server("354 go\r\n").server(ok);
  auto const result = talk.result();
  BOOST_TEST(is_delivered(result));
  BOOST_TEST(!result.results[0].outcome.offers_dsn.value());
}

BOOST_AUTO_TEST_CASE(a_promise_is_kept_elsewhere_or_given_back) {
  Talk talk;
  Asking mail(true);
  talk.connected({"PIPELINING"}).start(mail.transaction);
  BOOST_TEST(talk.sent() == "MAIL FROM:<a@example.net>\r\nRCPT TO:<v@example.com>\r\nDATA\r\n");
  talk.server(ok).server(ok).server("354 go\r\n").server(ok);
  auto const result = talk.result();
  BOOST_TEST((result.retry == Retry::OtherHost));
  BOOST_TEST(result.results[0].may_retry);
  BOOST_TEST(result.results[0].outcome.reply_line() ==
             "451 4.3.3 a notice of success is wanted, and mx.example.com[192.0.2.1]:25 offers no "
             "DSN (option dsn): the next attempt will see to it");
  BOOST_TEST((result.results[1].outcome.kind == OutcomeKind::Delivered));
  BOOST_TEST(!result.results[1].may_retry);
}

// With the longest of everything: RFC 3461 5.4.
BOOST_AUTO_TEST_CASE(the_longest_wishes_find_room_behind_the_longest_address) {
  Talk talk;
  Mail mail;
  auto const longest = std::string(320, 'u') + "@" + std::string(63, 'd') + "." +
                       std::string(63, 'd') + "." + std::string(63, 'd') + "." +
                       std::string(61, 'd');
  auto const original = "rfc822;" + std::string(493, 'o');
  auto const id = std::string(100, 'i');
  mail.transaction.sender = longest;
  mail.transaction.recipients = {longest};
  mail.transaction.notices = {{"SUCCESS,FAILURE,DELAY", original}};
  mail.transaction.dsn_return = "FULL";
  mail.transaction.dsn_id = id;
  mail.transaction.smtputf8 = mail.transaction.eight_bit = true;
  talk.connected({"DSN", "SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING"}).start(mail.transaction);
  auto const sent = talk.sent();
  BOOST_TEST(sent.find(" ENVID=" + id + "\r\n") != std::string::npos);
  BOOST_TEST(sent.find(" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=" + original + "\r\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
