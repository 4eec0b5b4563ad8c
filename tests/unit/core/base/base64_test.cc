#include "core/base/base64.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;

BOOST_AUTO_TEST_SUITE(base64)

// RFC 4648 10.
BOOST_AUTO_TEST_CASE(base64_gives_the_published_texts_and_reads_them_back) {
  std::pair<std::string_view, std::string_view> const pairs[]{{"", ""},
                                                              {"f", "Zg=="},
                                                              {"fo", "Zm8="},
                                                              {"foo", "Zm9v"},
                                                              {"foob", "Zm9vYg=="},
                                                              {"fooba", "Zm9vYmE="},
                                                              {"foobar", "Zm9vYmFy"}};
  for (auto const& [data, text] : pairs) {
    BOOST_TEST(to_base64(data) == text);
    BOOST_TEST(from_base64(text).value() == data);
  }
}

BOOST_AUTO_TEST_CASE(text_that_is_not_quite_base64_is_none) {
  for (auto bad :
       {"Zg=", "Zg", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zg==Zg==", "=Zg="})
    BOOST_TEST(!from_base64(bad).has_value(), bad);
}

BOOST_AUTO_TEST_SUITE_END()
