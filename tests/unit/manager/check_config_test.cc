#include "manager/check_config.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "core/base/text.h"

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
                 ":3: [smtp] tls: \"must\" is not a choice; right would be \"none\", \"may\", "
                 "\"encrypt\", \"verify\", \"secure\", \"dane\", \"dane-only\" or \"auto\"\n");
}

// Each planted line says in its comment which words it must bring: "# WORDS | WORDS OF THE MEND".
BOOST_AUTO_TEST_CASE(ten_planted_mistakes_are_named_with_their_lines_and_how_to_mend_them) {
  for (auto const* name :
       {"ten_mistakes.toml", "ten_more_mistakes.toml", "ten_tls_mistakes.toml"}) {
    auto const path = std::string(MAILPOOL_SOURCE_DIR "/tests/unit/manager/") + name;
    std::ostringstream out;
    BOOST_TEST(check_configuration(path, out) == 78);
    auto const text = out.str();
    auto const said = split(trimmed(text), '\n');
    std::ifstream file(path);
    std::size_t planted = 0;
    unsigned number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      auto const mark = line.find("  # ");
      if (mark == std::string::npos) continue;
      BOOST_TEST_REQUIRE(planted < said.size(), text);
      auto const is = std::string(said[planted++]);
      auto const marked = line.substr(mark + 4);
      auto const words = split(marked, '|');
      auto const mend = is.find("; right would be ");
      BOOST_TEST_CONTEXT(is << "\nshould be of line " << number << ": " << line) {
        BOOST_TEST(is.starts_with(path + ":" + std::to_string(number) + ": "));
        BOOST_TEST_REQUIRE(mend != std::string::npos);
        BOOST_TEST(is.substr(0, mend).find(trimmed(words.at(0))) != std::string::npos);
        BOOST_TEST(is.substr(mend).find(trimmed(words.at(1))) != std::string::npos);
      }
    }
    BOOST_TEST(planted == 10U, name);
    BOOST_TEST(said.size() == 10U, text);
  }
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
