#pragma once
// What people are shown, compared with files that people have read. To accept a change:
// MAILPOOL_ACCEPT_GOLDEN=1 build/dev/tests/unit/test_poolctl, then read the diff.

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace mailpool::tests {

inline void check_golden(std::string const& name, std::string const& shown) {
  auto const path = std::string(MAILPOOL_SOURCE_DIR "/tests/unit/poolctl/golden/") + name + ".txt";
  if (std::getenv("MAILPOOL_ACCEPT_GOLDEN") != nullptr) std::ofstream(path) << shown;
  std::ifstream file(path);
  std::string const wanted{std::istreambuf_iterator<char>(file), {}};
  BOOST_TEST(shown == wanted, path << " differs; shown is:\n" << shown);
}

}  // namespace mailpool::tests
