#include "core/base/text.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(remote_text_cannot_start_a_new_log_line) {
  BOOST_TEST(printable("250 ok\r\nmailpoold: to=<x>") == "250 ok??mailpoold: to=<x>");
  BOOST_TEST(printable("\x1b[31m\x7f\xc2\x85\xe2\x80\xa8") == "?[31m???");
}

// Of each: written as UTF-8, between letters.
BOOST_AUTO_TEST_CASE(nothing_reaches_a_terminal_that_shows_nothing_or_moves_other_text) {
  auto utf8 = [](char32_t c) {
    std::string s;
    if (c < 0x80) return std::string(1, static_cast<char>(c));
    if (c < 0x800) {
      s += static_cast<char>(0xc0 | (c >> 6));
    } else if (c < 0x10000) {
      s += static_cast<char>(0xe0 | (c >> 12));
      s += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    } else {
      s += static_cast<char>(0xf0 | (c >> 18));
      s += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
      s += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    }
    return s + static_cast<char>(0x80 | (c & 0x3f));
  };
  for (auto const c : std::initializer_list<char32_t>{
           0x0,     0x1f,    0x7f,    0x80,    0x9b,    0x9f,    0xad,    0x34f,   0x61c,
           0x180e,  0x200b,  0x200c,  0x200d,  0x200e,  0x200f,  0x2028,  0x2029,  0x202a,
           0x202d,  0x202e,  0x2060,  0x2064,  0x2066,  0x2069,  0x206f,  0x3164,  0xfe0f,
           0xfeff,  0xffa0,  0xfff9,  0xfffe,  0xffff,  0x1d173, 0x1fffe, 0xe0001, 0xe0020,
           0xe0041, 0xe007f, 0xe0100, 0xe01ef, 0x10ffff})
    BOOST_TEST(printable("a" + utf8(c) + "b") == "a?b", static_cast<std::uint32_t>(c));
  for (auto const c : std::initializer_list<char32_t>{0x20, 0x7e, 0xa0, 0xac, 0xae, 0x5d0, 0x627,
                                                      0x2010, 0x2027, 0x2030, 0x205e, 0x2070,
                                                      0x4e00, 0xfffd, 0x1f48c, 0xdfffd, 0xf0000})
    BOOST_TEST(printable("a" + utf8(c) + "b") == "a" + utf8(c) + "b",
               static_cast<std::uint32_t>(c));
}

BOOST_AUTO_TEST_CASE(invalid_utf8_becomes_question_marks_and_valid_utf8_stays) {
  BOOST_TEST(printable("gr\xc3\xbc\xc3") == "gr\xc3\xbc?");
  BOOST_TEST(printable("\xed\xa0\x80") == "???");
  BOOST_TEST(printable("\xc0\xaf") == "??");
}

BOOST_AUTO_TEST_CASE(a_cut_never_splits_a_sequence) {
  BOOST_TEST(printable("ab\xc3\xbc", 3) == "ab");
  BOOST_TEST(printable("ab\xc3\xbc", 4) == "ab\xc3\xbc");
}

BOOST_AUTO_TEST_CASE(numbers_are_digits_and_nothing_else) {
  BOOST_TEST(to_number("18446744073709551615").value() == UINT64_MAX);
  for (auto bad :
       {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "99999999999999999999"})
    BOOST_TEST(!to_number(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(the_nearest_word_is_offered_only_if_it_is_near) {
  std::vector<std::string> const words{"max_connections", "max_messages", "rate"};
  BOOST_TEST(nearest("max_conections", words) == "max_connections");
  BOOST_TEST(nearest("rat", words) == "rate");
  BOOST_TEST(nearest("completely_other", words) == "");
}

BOOST_AUTO_TEST_SUITE_END()
