// What belongs to a turn of the loop.

#include "manager/loop.h"

#include <boost/test/unit_test.hpp>
#include <thread>

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(loop)

BOOST_AUTO_TEST_CASE(a_turn_begins_before_its_handlers_and_not_with_its_end) {
  Loop loop;
  Duration took{};
  loop.at_end_of_turn([&] {
    took = loop.now() - loop.turn_began();
    loop.stop();
  });
  auto const late = loop.make_event(
      -1, 0,
      [](evutil_socket_t, short, void* of) {
        std::this_thread::sleep_for(50ms);  // as a handler that is kept busy
        static_cast<Loop*>(of)->end_turn_soon();
      },
      &loop);
  Loop::arm(late.get(), 1ms);
  loop.run();
  BOOST_TEST((took >= 40ms), took.count());
  BOOST_TEST((took < 50s), took.count());
}

BOOST_AUTO_TEST_SUITE_END()
