#include "core/base/text.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(remote_text_cannot_start_a_new_log_line) {
  BOOST_TEST(printable("250 ok\r\nmailpoold: to=<x>") == "250 ok??mailpoold: to=<x>");
  BOOST_TEST(printable("\x1b[31m\x7f\xc2\x85\xe2\x80\xa8") == "?[31m???");
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
