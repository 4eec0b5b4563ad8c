#include "core/pool/growth.h"

#include <boost/test/unit_test.hpp>

using mailpool::pool::connections_to_begin;

BOOST_AUTO_TEST_SUITE(growth)

BOOST_AUTO_TEST_CASE(connections_follow_the_backlog_as_the_table_says) {
  struct Row {
    std::size_t waiting, connecting, open, most, expected;
    char const* why;
  };
  Row const table[] = {
      {0, 0, 0, 10, 0, "nobody waits"},
      {1, 0, 0, 10, 1, "the first one gets a connection at once"},
      {1, 1, 1, 10, 0, "one is on its way already"},
      {1, 0, 1, 10, 1, "a busy connection may be slow: one more"},
      {4, 1, 1, 10, 0, "four messages are worth one connection"},
      {5, 1, 1, 10, 1, "the fifth is worth the second"},
      {40, 0, 0, 10, 10, "a large backlog takes what it may"},
      {400, 0, 7, 10, 3, "never above max_connections"},
      {400, 0, 10, 10, 0, "full"},
      {400, 0, 12, 10, 0, "over full, after max_connections was lowered"},
      {8, 2, 5, 10, 0, "those on their way are enough"},
  };
  for (auto const& row : table)
    BOOST_TEST(
        connections_to_begin({row.waiting, row.connecting, row.open, row.most}) == row.expected,
        row.why);
}

BOOST_AUTO_TEST_SUITE_END()
