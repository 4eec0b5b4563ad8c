#include "manager/users.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool::manager;

BOOST_AUTO_TEST_SUITE(users)

BOOST_AUTO_TEST_CASE(a_name_is_looked_up_and_a_number_stands_for_itself) {
  BOOST_TEST((look_up_users({"root", "1234", "4294967294"}, "o").uids ==
              std::set<uid_t>{0, 1234, 4294967294U}));
}

// Cut to 32 bits, 4294967296 would be root's.
BOOST_AUTO_TEST_CASE(a_number_that_is_no_id_lets_nobody_in) {
  for (auto const* number :
       {"4294967295", "4294967296", "8589934592", "18446744073709551615", "18446744073709551616"}) {
    auto const found = look_up_users({number}, "[lmtp] allow_users");
    BOOST_TEST(found.uids.empty(), number);
    BOOST_TEST(found.warnings.size() == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
