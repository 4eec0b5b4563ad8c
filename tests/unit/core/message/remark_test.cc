#include "core/message/remark.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;

namespace {

std::string words(std::string_view line, std::vector<std::string> const& said = {}) {
  return own_words(line, said);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(remark)

BOOST_AUTO_TEST_CASE(text_in_angle_brackets_and_addresses_are_no_words_of_the_server) {
  BOOST_TEST(words("550 5.1.1 <a b@c.example>: no") == "550 5.1.1 <...>: no");
  BOOST_TEST(words("550 <> and <x> and <...>") == "550 <...> and <...> and <...>");
  BOOST_TEST(words("550 a@b.example unknown, ask (postmaster@c.example)") ==
             "550 ... unknown, ask (...)");
  BOOST_TEST(words("550 @ x") == "550 ... x");
  BOOST_TEST(words("550 a@b@c:d@e") == "550 ...:...");
  BOOST_TEST(words("421 4.7.0 too many connections") == "421 4.7.0 too many connections");
  BOOST_TEST(words("") == "");
}

// A reply may have been cut.
BOOST_AUTO_TEST_CASE(a_bracket_that_is_never_closed_hides_one_word) {
  BOOST_TEST(words("450 <throttle slow down") == "450 <... slow down");
  BOOST_TEST(words("450 4 < 5") == "450 4 <... 5");
  BOOST_TEST(words("450 <") == "450 <...");
}

BOOST_AUTO_TEST_CASE(what_we_said_is_found_in_any_letters_and_only_as_a_whole) {
  std::vector<std::string> const said{"Rate Limit@Corp.example", "corp.example", "abc", ""};
  BOOST_TEST(words("450 rate limit@corp.EXAMPLE no", said) == "450 ... no");
  BOOST_TEST(words("450 CORP.example. CORP.example, (corp.example)", said) ==
             "450 .... ..., (...)");
  for (auto const* other : {"450 xcorp.example", "450 mx.corp.example", "450 corp.examples",
                            "450 corp.example.net", "450 abc"})
    BOOST_TEST(words(other, said) == other);
  BOOST_TEST(words("450 corp.examplecorp.example corp.example", said) ==
             "450 corp.examplecorp.example ...");
}

BOOST_AUTO_TEST_CASE(the_longer_one_goes_first) {
  BOOST_TEST(words("450 \"a>b\"@corp.example", {"corp.example", "\"a>b\"@corp.example"}) ==
             "450 ...");
}

BOOST_AUTO_TEST_SUITE_END()
