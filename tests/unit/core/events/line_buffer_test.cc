#include "core/events/line_buffer.h"

#include <boost/test/unit_test.hpp>

using mailpool::events::LineBuffer;

BOOST_AUTO_TEST_SUITE(line_buffer)

BOOST_AUTO_TEST_CASE(a_line_counts_as_written_with_its_last_octet) {
  LineBuffer lines(100);
  BOOST_TEST(lines.add("ab"));
  BOOST_TEST(lines.add("c"));
  BOOST_TEST(lines.rest() == "ab\nc\n");
  BOOST_TEST(lines.wrote(2) == 0U);
  BOOST_TEST(lines.wrote(2) == 1U);
  BOOST_TEST(lines.rest() == "\n");
  BOOST_TEST(lines.wrote(9) == 1U);
  BOOST_TEST(lines.is_empty());
}

BOOST_AUTO_TEST_CASE(what_there_is_no_room_for_is_refused_whole) {
  LineBuffer lines(6);
  BOOST_TEST(lines.add("abc"));
  BOOST_TEST(!lines.add("de"));
  BOOST_TEST(lines.add("d"));
  BOOST_TEST(lines.rest() == "abc\nd\n");
  (void)lines.wrote(4);
  BOOST_TEST(lines.add("efg"));
  BOOST_TEST(lines.rest() == "d\nefg\n");
}

BOOST_AUTO_TEST_CASE(room_comes_back_however_it_is_written) {
  LineBuffer lines(64);
  std::size_t written = 0;
  for (int i = 0; i < 1000; ++i) {
    BOOST_REQUIRE(lines.add("0123456789"));
    std::size_t const octets = i % 2 == 0 ? 7 : 15;
    written += lines.rest().substr(0, octets).size();
    (void)lines.wrote(octets);
  }
  BOOST_TEST(written == 11'000U);
  BOOST_TEST(lines.is_empty());
}

BOOST_AUTO_TEST_CASE(elsewhere_a_line_that_has_begun_is_not_continued) {
  LineBuffer lines(100);
  BOOST_TEST(lines.add("ab"));
  BOOST_TEST(lines.add("cd"));
  BOOST_TEST(!lines.begin_anew());
  (void)lines.wrote(1);
  BOOST_TEST(lines.begin_anew());
  BOOST_TEST(lines.rest() == "cd\n");
  BOOST_TEST(!lines.begin_anew());
  (void)lines.wrote(2);  // all but the line end
  BOOST_TEST(lines.begin_anew());
  BOOST_TEST(lines.is_empty());
}

BOOST_AUTO_TEST_CASE(what_is_thrown_away_is_counted) {
  LineBuffer lines(100);
  (void)lines.add("ab");
  (void)lines.add("cd");
  (void)lines.wrote(1);
  BOOST_TEST(lines.clear() == 2U);
  BOOST_TEST(lines.is_empty());
  BOOST_TEST(!lines.begin_anew());
}

BOOST_AUTO_TEST_SUITE_END()
