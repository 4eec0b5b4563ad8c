#include "core/message/header_scan.h"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace mailpool;

namespace {

HeaderScan scan(std::string_view content, std::size_t piece = 100000) {
  HeaderScan s;
  for (std::size_t i = 0; i < content.size(); i += piece) s.feed(content.substr(i, piece));
  return s;
}

constexpr std::string_view postfix =
    "Received: from client (localhost [127.0.0.1])\r\n"
    "\tby mail.example.com (Postfix) with ESMTP id 4ED10A9055E\r\n"
    "\tfor <id@example.org>; Sat, 21 Nov 2026 05:38:40 +0000 (UTC)\r\n"
    "Received: from x by y with SMTP id OLDER1; Sat, 21 Nov 2026 05:38:39 +0000\r\n"
    "Subject: x\r\n\r\nReceived: from body by body id BODY1; x\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(header_scan)

BOOST_AUTO_TEST_CASE(the_newest_received_field_tells_the_queue_id_however_it_is_cut) {
  for (std::size_t piece = 1; piece < postfix.size(); ++piece) {
    auto const s = scan(postfix, piece);
    BOOST_TEST(s.queue_id() == "4ED10A9055E");
    BOOST_TEST(s.received_fields() == 2U);
    BOOST_TEST(s.is_over());
  }
}

BOOST_AUTO_TEST_CASE(the_id_is_known_as_soon_as_its_field_ends) {
  HeaderScan s;
  s.feed(postfix.substr(0, postfix.find("Received: from x")));
  BOOST_TEST(!s.knows_newest());  // it may be folded further
  s.feed("R");
  BOOST_TEST(!s.knows_newest());
  s.feed("eceived: from x\r\n");
  BOOST_TEST(s.knows_newest());
  BOOST_TEST(s.queue_id() == "4ED10A9055E");
}

BOOST_AUTO_TEST_CASE(tls_required_no_is_found_in_every_form_that_rfc_5322_allows) {
  for (std::string const field :
       {"TLS-Required: No", "tls-required:no", "TLS-REQUIRED : NO", "TLS-Required:\r\n No",
        "TLS-Required: (a (nested \\) one)) No (really)", "TLS-Required: No\r\n\t(folded)"}) {
    auto const content = "Subject: x\r\n" + field + "\r\nFrom: y\r\n\r\n";
    for (std::size_t piece = 1; piece <= content.size(); ++piece)
      BOOST_TEST(scan(content, piece).tls_required_no(), field);
  }
}

BOOST_AUTO_TEST_CASE(any_other_value_a_second_field_or_a_place_in_the_body_says_nothing) {
  auto const long_comment = "(" + std::string(300, 'x') + ")";
  for (std::string const& header :
       {std::string("TLS-Required: Yes\r\n\r\n"), std::string("TLS-Required:\r\n\r\n"),
        std::string("TLS-Required: No no\r\n\r\n"), std::string("TLS-Required: No, No\r\n\r\n"),
        std::string("TLS-Required: (No)\r\n\r\n"), std::string("TLS-Required: No (open\r\n\r\n"),
        std::string("TLS-Required: No)\r\n\r\n"), std::string("TLS-Required: N(o)o\r\n\r\n"),
        std::string("X-TLS-Required: No\r\n\r\n"), std::string("TLS-Required-X: No\r\n\r\n"),
        std::string("TLS-Required No\r\n\r\n"),
        std::string("Subject: x\r\n TLS-Required: No\r\n\r\n"),
        std::string("TLS-Required: No\r\nTLS-Required: No\r\n\r\n"),
        std::string("TLS-Required: No\r\nSubject: x\r\nTLS-Required: Yes\r\n\r\n"),
        std::string("TLS-Required: Yes\r\nTLS-Required: No\r\n\r\n"),
        std::string("Subject: x\r\n\r\nTLS-Required: No\r\n"),
        "TLS-Required: No " + long_comment + "\r\n\r\n"}) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{7}, header.size()})
      BOOST_TEST(!scan(header, piece).tls_required_no(), header);
  }
}

BOOST_AUTO_TEST_CASE(sendmails_form_is_understood) {
  auto const s = scan(
      "Return-Path: <s@example.com>\r\n"
      "Received: (from root@localhost)\r\n\tby h.example.com (8.17.1/8.17.1/Submit) id "
      "4AL5k2Wd012345;\r\n"
      "\tSat, 21 Nov 2026 05:46:02 GMT\r\n\r\n");
  BOOST_TEST(s.queue_id() == "4AL5k2Wd012345");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_an_id_is_none) {
  for (auto const* field :
       {"from a by b; id LATE", "from a (id COMMENT) by b; x", "by b with SMTP id",
        "by b id \x1b[31m; x", "by b id <evil@x>; x", "by b; x"}) {
    auto const s = scan("Received: " + std::string(field) + "\r\n\r\n");
    BOOST_TEST(s.queue_id() == "", field);
  }
  BOOST_TEST(scan("Received: by b id " + std::string(64, 'A') + "; x\r\n\r\n").queue_id() ==
             std::string(64, 'A'));
  BOOST_TEST(scan("Received: by b id " + std::string(65, 'A') + "; x\r\n\r\n").queue_id() == "");
}

BOOST_AUTO_TEST_CASE(a_header_without_received_ends_the_search) {
  auto s = scan("Subject: x\r\n\r\nReceived: by b id BODY1; x\r\n");
  BOOST_TEST(s.knows_newest());
  BOOST_TEST(s.queue_id() == "");
  BOOST_TEST(s.received_fields() == 0U);
}

BOOST_AUTO_TEST_CASE(eight_bit_octets_count_in_the_header_only) {
  BOOST_TEST(scan("Subject: \xc3\xbc\r\n\r\nx\r\n").has_eight_bit());
  BOOST_TEST(scan("Subject: x\r\n \xc3\xbc\r\n\r\nx\r\n").has_eight_bit());
  BOOST_TEST(!scan("Subject: x\r\n\r\n\xc3\xbc\r\n").has_eight_bit());
}

BOOST_AUTO_TEST_CASE(a_body_without_a_header_is_no_header) {
  BOOST_TEST(scan("just text\r\nReceived: by b id X1; x\r\n").received_fields() == 0U);
  BOOST_TEST(scan("\r\nReceived: by b id X1; x\r\n").received_fields() == 0U);
}

BOOST_AUTO_TEST_CASE(an_endless_line_takes_no_memory_and_hides_nothing_behind_it) {
  HeaderScan s;
  std::string const junk(100000, 'x');
  s.feed("X: ");
  for (int i = 0; i < 10; ++i) s.feed(junk);
  s.feed("\r\nReceived: by b id X1; x\r\n\r\n");
  BOOST_TEST(s.queue_id() == "X1");
}

BOOST_AUTO_TEST_SUITE_END()
