#include "core/wire/dot_stream.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace mailpool::wire;

namespace {

std::string encoded(std::string_view body, std::size_t in_step, std::size_t out_step) {
  DotEncoder dots;
  std::string out;
  std::vector<char> buffer(out_step);
  while (!body.empty()) {
    auto chunk = body.substr(0, in_step);
    body.remove_prefix(chunk.size());
    while (!chunk.empty()) out.append(buffer.data(), dots.encode(chunk, buffer));
  }
  return out.append(dots.terminator());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dot_stream)

BOOST_AUTO_TEST_CASE(dots_are_doubled_where_a_line_begins_and_nowhere_else) {
  BOOST_TEST(encoded("a.b.\r\n.c\r\n..\r\n.\r\nd\r\n", 100, 100) ==
             "a.b.\r\n..c\r\n...\r\n..\r\nd\r\n.\r\n");
}

BOOST_AUTO_TEST_CASE(the_pieces_make_no_difference) {
  std::string_view const body = ".\r\n..a\r\nx.y\r\n\r\n.\r\n.";
  auto const whole = encoded(body, 100, 100);
  for (std::size_t in_step = 1; in_step < 20; ++in_step)
    for (std::size_t out_step = 2; out_step < 20; ++out_step)
      BOOST_TEST(encoded(body, in_step, out_step) == whole);
}

BOOST_AUTO_TEST_CASE(the_end_is_a_line_of_its_own) {
  BOOST_TEST(encoded("", 1, 10) == ".\r\n");
  BOOST_TEST(encoded("a\r\n", 1, 10) == "a\r\n.\r\n");
  BOOST_TEST(encoded("a", 1, 10) == "a\r\n.\r\n");
  BOOST_TEST(DotEncoder::terminator_after("") == ".\r\n");
  BOOST_TEST(DotEncoder::terminator_after("a\r\n") == ".\r\n");
  BOOST_TEST(DotEncoder::terminator_after("a") == "\r\n.\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
