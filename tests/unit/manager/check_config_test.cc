#include "manager/check_config.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;

namespace {

std::string written(std::string const& path, std::string const& text) {
  std::ofstream(path) << text;
  return path;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(check_config)

BOOST_AUTO_TEST_CASE(a_good_file_is_0) {
  tests::Scratch const place;
  std::ostringstream out;
  auto const path = written(place / "mailpool.toml", "[smtp]\nmax_connections = 3\n");
  BOOST_TEST(check_configuration(path, out) == 0);
  BOOST_TEST(out.str() == path + ": no mistakes\n");
}

BOOST_AUTO_TEST_CASE(every_mistake_has_its_line_and_the_end_is_78) {
  tests::Scratch const place;
  std::ostringstream out;
  auto const path = written(place / "mailpool.toml", "[smtp]\nmax_conections = 3\ntls = 'must'\n");
  BOOST_TEST(check_configuration(path, out) == 78);
  BOOST_TEST(out.str() ==
             path + ":2: [smtp] max_conections is not an option; right would be max_connections\n" +
                 path +
                 ":3: [smtp] tls: \"must\" is not a choice; right would be \"none\", \"may\" or "
                 "\"encrypt\"\n");
}

BOOST_AUTO_TEST_CASE(providers_toml_beside_the_file_is_read_with_it_and_named_for_its_mistakes) {
  tests::Scratch const place;
  std::ostringstream out;
  auto const path = written(place / "mailpool.toml", "[site.a]\nmax_connections = 3\n");
  written(place / "providers.toml", "[site.a]\nmx = ['.a.example']\nmax_messages = 0\n");
  BOOST_TEST(check_configuration(path, out) == 78);
  BOOST_TEST(out.str().find(std::string(place / "providers.toml") + ":3: [site.a] max_messages") ==
             0U);
}

BOOST_AUTO_TEST_CASE(rules_are_checked_with_their_patterns) {
  tests::Scratch const place;
  std::ostringstream out;
  auto const path = written(place / "mailpool.toml",
                            "[[rule]]\nsite = '*'\nreply = '\\\\[TS04\\\\]'\ndo = 'suspend'\n");
  BOOST_TEST(check_configuration(path, out) == 78);
  BOOST_TEST(out.str().find(path + ":3: [[rule]] reply looks for a backslash") == 0U);
}

BOOST_AUTO_TEST_CASE(an_included_file_that_is_not_there_is_a_mistake_in_the_line_that_names_it) {
  tests::Scratch const place;
  std::ostringstream out;
  auto const path = written(place / "mailpool.toml", "\ninclude = ['more.toml']\n");
  BOOST_TEST(check_configuration(path, out) == 78);
  BOOST_TEST(out.str().find(path + ":2: include: " + std::string(place / "more.toml") +
                            " cannot be read: No such file or directory") == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_78) {
  tests::Scratch const place;
  std::ostringstream out;
  BOOST_TEST(check_configuration(place / "missing", out) == 78);
  BOOST_TEST(out.str().find("missing: cannot be read: No such file or directory; right would be") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_fifo_or_a_directory_is_no_configuration_and_is_not_waited_for) {
  tests::Scratch const place;
  BOOST_REQUIRE(::mkfifo((place / "fifo").c_str(), 0600) == 0);
  std::ostringstream out;
  BOOST_TEST(check_configuration(place / "fifo", out) == 78);
  BOOST_TEST(check_configuration(place / "", out) == 78);
}

BOOST_AUTO_TEST_CASE(a_file_of_more_than_a_mebibyte_is_not_read_on) {
  tests::Scratch const place;
  std::ostringstream out;
  auto const path = written(place / "mailpool.toml", std::string(3U << 20U, '#'));
  BOOST_TEST(check_configuration(path, out) == 78);
  BOOST_TEST(out.str().find("larger than 1 MiB") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
