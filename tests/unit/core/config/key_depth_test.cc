#include "core/config/key_depth.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/config/document.h"
#include "core/config/load.h"

using namespace mailpool;

namespace {

std::string key_of(std::size_t parts, std::string const& part = "a") {
  std::string key = part;
  for (std::size_t i = 1; i < parts; ++i) key += "." + part;
  return key;
}

unsigned line_of(std::string const& text) {
  return line_of_too_deep_key(text, 4).value_or(0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(key_depth)

BOOST_AUTO_TEST_CASE(a_key_has_so_many_parts_and_no_more) {
  BOOST_TEST(line_of(key_of(4) + " = 1") == 0U);
  BOOST_TEST(line_of("x = 1\n" + key_of(5) + " = 1") == 2U);
  BOOST_TEST(line_of("[" + key_of(5) + "]\n") == 1U);
  BOOST_TEST(line_of("[[" + key_of(5) + "]]\n") == 1U);
  BOOST_TEST(line_of("x = {y = 1, " + key_of(5, "'a b'") + " = 1}") == 1U);
  BOOST_TEST(line_of("x = [{" + key_of(5, "\"a\"") + " = 1}]") == 1U);
  BOOST_TEST(line_of("a . a\t.\ta . a . a = 1") == 1U);
}

BOOST_AUTO_TEST_CASE(dots_in_strings_comments_and_numbers_are_none) {
  for (auto const* text :
       {"x = 'a.a.a.a.a.a'", "x = \"a.a\\\".a.a.a.a\"", "\"a.a.a.a.a.a\" = 1", "# a.a.a.a.a.a.a",
        "x = '''a\n.a.a''.a.a.a\n'''", "x = \"\"\"a.a\n\"\".a\\\"\"\".a.a.a\"\"\"",
        "x = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]", "x = '''a.a''''' # a.a.a.a.a.a",
        "x = \"\" # a.a.a.a.a", "x = 1.5\ny = 1.5\nz = 1.5\nu = 1.5\nv = 1.5"})
    BOOST_TEST(line_of(text) == 0U, text);
}

// What would make the scan take a key for the inside of a string.
BOOST_AUTO_TEST_CASE(no_string_hides_the_key_behind_it) {
  auto const deep = key_of(5) + " = 1";
  for (std::string const before :
       {"x = ''\n", "x = \"\"\n", "x = ''''''\n", "x = \"\"\"\"\"\"\n", "x = '''a''''\n",
        "x = '''a'''''\n", "x = \"\"\"a\"\"\"\"\n", "x = \"\"\"\\\"\"\"\"\n", "x = '\\'\n",
        "x = \"\\\\\"\n", "x = {y = '''a'''', ", "x = {y = \"\"\"a\"\"\"\"\", ", "x = 1 # it's\n",
        "x = 1 # \"\"\"\n", "\"\" = 1\n", "'#' = 1\n"})
    BOOST_TEST(line_of(before + deep) != 0U, before);
}

// It killed the process: the library destroys nested tables recursively.
BOOST_AUTO_TEST_CASE(a_key_of_a_megabyte_is_a_mistake_with_its_line) {
  for (std::size_t const parts : {17U, 1000U, 100'000U, 500'000U}) {
    auto const loaded = load_settings("hostname = 'a.example'\n" + key_of(parts) + " = 1\n", "f");
    BOOST_REQUIRE(loaded.mistakes.size() == 1);
    BOOST_TEST(loaded.mistakes[0].line == 2U);
    BOOST_TEST(loaded.mistakes[0].what.find("more than 16 parts") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(the_deepest_that_is_read_is_taken_apart_again) {
#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
  static constexpr int deepest = 40;  // a sanitizer's frames are several times as large
#else
  static constexpr int deepest = 120;
#endif
  std::string text = "x = ";
  for (int i = 0; i < deepest; ++i) text += "[{" + key_of(16) + " = ";
  text += "1";
  for (int i = 0; i < deepest; ++i) text += "}]";
  BOOST_TEST(parse_document(text).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
