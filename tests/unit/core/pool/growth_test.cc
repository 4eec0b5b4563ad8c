#include "core/pool/growth.h"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using mailpool::TimePoint;
using mailpool::pool::Backlog;
using mailpool::pool::connections_to_begin;

BOOST_AUTO_TEST_SUITE(growth)

BOOST_AUTO_TEST_CASE(connections_follow_the_backlog_as_the_table_says) {
  struct Row {
    std::size_t waiting, connecting, open, most, expected;
    char const* why;
    bool is_lasting = false;
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
      {0, 0, 5, 10, 0, "nobody waits", true},
      {3, 0, 5, 10, 3, "those in use did not come free soon enough: one for each", true},
      {3, 2, 7, 10, 1, "but for those on their way", true},
      {8, 0, 5, 10, 5, "never above max_connections", true},
  };
  for (auto const& row : table)
    BOOST_TEST(connections_to_begin({row.waiting, row.connecting, row.open, row.most,
                                     row.is_lasting}) == row.expected,
               row.why);
}

BOOST_AUTO_TEST_CASE(a_backlog_lasts_once_it_has_outlived_the_making_of_a_connection_twice) {
  TimePoint const start{1h};
  Backlog backlog;
  backlog.note_waiting(5, start);
  BOOST_TEST(!backlog.is_lasting(start + 1h));  // nobody knows how long a connection takes
  backlog.note_ready(150ms);
  BOOST_TEST(!backlog.is_lasting(start + 299ms));
  backlog.note_waiting(1, start + 200ms);
  BOOST_TEST(backlog.is_lasting(start + 300ms));
  backlog.note_waiting(0, start + 301ms);
  BOOST_TEST(!backlog.is_lasting(start + 1s));
  backlog.note_waiting(9, start + 2s);
  BOOST_TEST(!backlog.is_lasting(start + 2299ms));
  BOOST_TEST(backlog.is_lasting(start + 2300ms));
  backlog.note_ready(1ms);
  BOOST_TEST(!backlog.is_lasting(start + 2s + 99ms));
  BOOST_TEST(backlog.is_lasting(start + 2s + 100ms));
}

BOOST_AUTO_TEST_SUITE_END()
