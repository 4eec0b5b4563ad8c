// No address, name or parameter can become a second command, or a second path.
#include "core/wire/command.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool::wire;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(command)

BOOST_AUTO_TEST_CASE(a_command_is_its_pieces_and_crlf) {
  std::string out = "before";
  BOOST_TEST(append_command(out, {"BDAT ", "21", " LAST"}));
  BOOST_TEST(append_path_command(out, "MAIL FROM", "", " SIZE=1", Charset::Ascii));
  BOOST_TEST(append_path_command(out, "RCPT TO", "\"a b\"@example.com", "", Charset::Ascii));
  BOOST_TEST(out ==
             "beforeBDAT 21 LAST\r\nMAIL FROM:<> SIZE=1\r\nRCPT TO:<\"a b\"@example.com>\r\n");
}

BOOST_AUTO_TEST_CASE(control_octets_are_never_sent) {
  for (int octet = 0; octet < 256; ++octet) {
    bool const is_control = octet < 0x20 || octet == 0x7f;
    std::string const text{'a', static_cast<char>(octet), 'b'};
    std::string out;
    BOOST_TEST(append_command(out, {"EHLO ", text}) == (!is_control && octet < 0x80), octet);
    BOOST_TEST(out.empty() == (is_control || octet >= 0x80), octet);
  }
}

BOOST_AUTO_TEST_CASE(utf8_needs_smtputf8_and_must_be_well_formed) {
  BOOST_TEST(!is_sendable("gr\xc3\xbc\xc3\x9f", Charset::Ascii));
  BOOST_TEST(is_sendable("gr\xc3\xbc\xc3\x9f", Charset::Utf8));
  BOOST_TEST(!is_sendable("gr\xc3", Charset::Utf8));
  BOOST_TEST(!is_sendable("\xc0\x8d\xc0\x8a", Charset::Utf8));  // an over-long CRLF
}

BOOST_AUTO_TEST_CASE(an_address_stays_one_path) {
  for (auto good : {""sv, "a@b.example"sv, "\"a b\"@b"sv, "\"a>b<c\"@b"sv, "\"a\\\"b\"@b"sv,
                    "a@[192.0.2.1]"sv, "a\\@b@c"sv})
    BOOST_TEST(is_path(good, Charset::Ascii), good);
  for (auto bad : {"a@b> NOTIFY=NEVER"sv, "a@b>"sv, "<a@b"sv, "a b@c"sv, "a@b\r\nDATA"sv, "a@b\n"sv,
                   "\"a@b"sv, "\"a\\\"@b"sv, "a@b\\"sv, "a\tb@c"sv, "a\0b@c"sv, "\"a\"> <b\"@c"sv})
    BOOST_TEST(!is_path(bad, Charset::Ascii), bad);
}

BOOST_AUTO_TEST_CASE(no_line_is_longer_than_servers_take) {
  std::string out;
  BOOST_TEST(append_command(out, {std::string(longest_command - 2, 'x')}));
  BOOST_TEST(out.size() == longest_command);
  out.clear();
  BOOST_TEST(!append_command(out, {std::string(longest_command - 1, 'x')}));
  BOOST_TEST(out.empty());
  BOOST_TEST(is_path(std::string(longest_path, 'x'), Charset::Ascii));
  BOOST_TEST(!is_path(std::string(longest_path + 1, 'x'), Charset::Ascii));
  BOOST_TEST(append_path_command(out, "MAIL FROM", std::string(longest_path, 'x'),
                                 " SIZE=18446744073709551615 BODY=8BITMIME SMTPUTF8",
                                 Charset::Ascii));
}

BOOST_AUTO_TEST_SUITE_END()
