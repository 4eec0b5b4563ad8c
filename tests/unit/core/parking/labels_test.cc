// Words that many entries share: each once, gone with the last that has it.

#include "core/parking/labels.h"

#include <boost/test/unit_test.hpp>
#include <limits>

using mailpool::parking::Labels;

BOOST_AUTO_TEST_SUITE(labels)

BOOST_AUTO_TEST_CASE(a_word_has_one_number_while_it_is_held) {
  Labels all;
  BOOST_TEST(all.take("") == Labels::none);
  auto const spring = all.take("spring");
  BOOST_TEST(all.take("spring") == spring);
  BOOST_TEST(all.take("summer") != spring);
  BOOST_TEST(all.word_of(spring) == "spring");
  BOOST_TEST(all.word_of(Labels::none) == "");
  BOOST_TEST(all.held("spring") == 2U);
  all.give_back(spring);
  BOOST_TEST(all.held("spring") == 1U);
  all.give_back(spring);
  BOOST_TEST(all.held("spring") == 0U);
  BOOST_TEST(all.take("autumn") == spring);
  all.give_back(Labels::none);
}

BOOST_AUTO_TEST_CASE(beyond_all_numbers_there_is_none) {
  Labels all;
  constexpr auto most = std::numeric_limits<Labels::Number>::max();
  for (int n = 0; n < most; ++n) BOOST_REQUIRE(all.take("w" + std::to_string(n)) != Labels::none);
  BOOST_TEST(all.take("one more") == Labels::none);
  auto const first = all.take("w0");
  all.give_back(first);
  all.give_back(first);
  BOOST_TEST(all.take("one more") == first);
}

BOOST_AUTO_TEST_SUITE_END()
