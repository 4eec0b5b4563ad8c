#include "poolctl/table.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool::poolctl;

namespace {
Screen wide(std::size_t width) {
  return Screen{width, false, false};
}
}  // namespace

BOOST_AUTO_TEST_SUITE(poolctl_table)

BOOST_AUTO_TEST_CASE(columns_are_as_wide_as_they_need_and_numbers_stand_right) {
  Table table({{"NAME", 0}, {"N", 0, true}, {"LAST", 0}});
  table.add({{"a"}, {"1"}, {"x"}});
  table.add({{"longer"}, {"1000"}, {"y"}});
  BOOST_TEST(table.text(wide(80)) ==
             "NAME       N  LAST\n"
             "a          1  x\n"
             "longer  1000  y\n");
}

BOOST_AUTO_TEST_CASE(the_least_important_column_goes_first) {
  Table table({{"AAAA", 0}, {"BBBB", 2}, {"CCCC", 1}});
  table.add({{"1111"}, {"2222"}, {"3333"}});
  BOOST_TEST(table.text(wide(16)) == "AAAA  BBBB  CCCC\n1111  2222  3333\n");
  BOOST_TEST(table.text(wide(15)) == "AAAA  CCCC\n1111  3333\n");
  BOOST_TEST(table.text(wide(9)) == "AAAA\n1111\n");
}

BOOST_AUTO_TEST_CASE(what_may_be_cut_is_cut_before_a_needed_column_goes) {
  Table table({{"AA", 0, false, 4, 20}, {"BB", 0}});
  table.add({{"0123456789"}, {"xx"}});
  BOOST_TEST(table.text(wide(14)) == "AA          BB\n0123456789  xx\n");
  BOOST_TEST(table.text(wide(10)) == "AA      BB\n01234~  xx\n");
  BOOST_TEST(table.text(wide(6)) == "AA  BB\n0~  xx\n");
}

BOOST_AUTO_TEST_CASE(a_cell_has_a_most_and_an_empty_column_is_left_out) {
  Table table({{"A", 0, false, 0, 5}, {"NOTHING", 0}, {"B", 0}});
  table.add({{"0123456789"}, {""}, {"x"}});
  table.add({{"a"}, {""}, {""}});
  BOOST_TEST(table.text(wide(80)) == "A      B\n0123~  x\na\n");
}

BOOST_AUTO_TEST_CASE(width_is_counted_in_characters) {
  Table table({{"A", 0}, {"B", 0}});
  table.add({{"gr\xc3\xbc\xc3\x9f"}, {"x"}});
  table.add({{"abcd"}, {"y"}});
  BOOST_TEST(table.text(wide(80)) == "A     B\ngr\xc3\xbc\xc3\x9f  x\nabcd  y\n");
  BOOST_TEST(cut("gr\xc3\xbc\xc3\x9f"
                 "e",
                 4) == "gr\xc3\xbc~");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(poolctl_screen)

BOOST_AUTO_TEST_CASE(colour_needs_a_terminal_and_nobody_against_it) {
  auto coloured = [](bool is_terminal, char const* no_color, char const* term) {
    return screen_for({is_terminal, 0, nullptr, no_color, term}).has_colour;
  };
  BOOST_TEST(coloured(true, nullptr, "xterm"));
  BOOST_TEST(coloured(true, "", "xterm"), "an empty NO_COLOR is none");
  BOOST_TEST(!coloured(false, nullptr, "xterm"));
  BOOST_TEST(!coloured(true, "1", "xterm"));
  BOOST_TEST(!coloured(true, "0", "xterm"), "any value");
  BOOST_TEST(!coloured(true, nullptr, "dumb"));
  BOOST_TEST(!coloured(true, nullptr, nullptr));
  BOOST_TEST(Screen{}.styled(Style::Bad, "x") == "x");
  BOOST_TEST((Screen{80, true, true}).styled(Style::Bad, "x") == "\x1b[31mx\x1b[0m");
}

BOOST_AUTO_TEST_CASE(width_comes_from_columns_then_the_terminal_then_eighty) {
  auto width = [](std::size_t terminal, char const* columns) {
    return screen_for({true, terminal, columns, nullptr, "xterm"}).width;
  };
  BOOST_TEST(width(0, nullptr) == 80U);
  BOOST_TEST(width(132, nullptr) == 132U);
  BOOST_TEST(width(132, "100") == 100U);
  BOOST_TEST(width(132, "wide") == 132U);
  BOOST_TEST(width(132, "0") == 132U);
  BOOST_TEST(width(3, nullptr) == 40U);
  BOOST_TEST(width(0, "99999") == 400U);
}

BOOST_AUTO_TEST_CASE(text_is_wrapped_at_blanks) {
  BOOST_TEST(wrapped("a bb ccc", 80) == "a bb ccc\n");
  BOOST_TEST(wrapped("aaa bbb ccc", 7) == "aaa bbb\nccc\n");
  BOOST_TEST(wrapped("aaa bbb ccc", 8, 2) == "aaa bbb\n  ccc\n");
  BOOST_TEST(wrapped("0123456789 x", 4) == "0123\n4567\n89 x\n");
  BOOST_TEST(wrapped("", 4) == "\n");
}

BOOST_AUTO_TEST_SUITE_END()
