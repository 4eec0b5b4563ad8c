#include "core/message/outcome.h"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace mailpool;

namespace {

constexpr std::string_view relay = "mx.example.org[192.0.2.1]:25";

}  // namespace

BOOST_AUTO_TEST_SUITE(outcome)

BOOST_AUTO_TEST_CASE(the_remotes_words_travel_with_its_name_and_class) {
  auto const sent = Outcome::remote(250, {2, 1, 5}, "Ok: queued as X", relay, "end of data");
  BOOST_TEST(sent.reply_line() == "250 2.1.5 mx.example.org[192.0.2.1]:25 said: Ok: queued as X");
  BOOST_TEST((sent.kind == OutcomeKind::Delivered));
  auto const refused = Outcome::remote(550, {5, 1, 1}, "no such user", relay, "RCPT TO");
  BOOST_TEST(
      refused.reply_line() ==
      "550 5.1.1 mx.example.org[192.0.2.1]:25 said: 550 5.1.1 no such user (in reply to RCPT TO)");
  BOOST_TEST((refused.kind == OutcomeKind::Refused));
  BOOST_TEST(refused.said_by_remote);
}

BOOST_AUTO_TEST_CASE(a_421_never_travels_upstream) {
  auto const o = Outcome::remote(421, {4, 7, 0}, "too busy", relay, "MAIL FROM");
  BOOST_TEST(
      o.reply_line() ==
      "451 4.7.0 mx.example.org[192.0.2.1]:25 said: 421 4.7.0 too busy (in reply to MAIL FROM)");
  BOOST_TEST((o.kind == OutcomeKind::Deferred));
}

BOOST_AUTO_TEST_CASE(an_enhanced_code_of_another_class_is_replaced) {
  for (auto const code : {EnhancedCode{}, EnhancedCode{2, 0, 0}, EnhancedCode{4, 1, 1}})
    BOOST_TEST(
        (Outcome::remote(550, code, "x", relay, "RCPT TO").enhanced == EnhancedCode{5, 0, 0}));
}

BOOST_AUTO_TEST_CASE(a_reply_is_one_printable_line_of_at_most_512_octets) {
  std::string const endless(5000, 'x');
  for (auto const& o :
       {Outcome::remote(550, {}, endless, endless, endless),
        Outcome::remote(250, {}, endless, endless, ""), Outcome::local(451, {4, 3, 0}, endless),
        Outcome::local(451, {4, 3, 0}, "a\r\n250 2.0.0 b\x1b")}) {
    auto const line = o.reply_line();
    BOOST_TEST(line.size() <= 510U);
    BOOST_TEST(line.find_first_of("\r\n\x1b") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(own_words_take_their_kind_from_the_code) {
  BOOST_TEST((Outcome::local(452, {4, 3, 1}, "x").kind == OutcomeKind::Deferred));
  BOOST_TEST((Outcome::local(554, {5, 6, 0}, "x").kind == OutcomeKind::Refused));
  BOOST_TEST(!Outcome::local(554, {5, 6, 0}, "x").said_by_remote);
  BOOST_TEST(name_of(OutcomeKind::Deferred) == "deferred");
}

BOOST_AUTO_TEST_SUITE_END()
