#include "core/base/secret.h"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <utility>

using namespace mailpool;

// A secret that could be printed, logged or turned into a string by itself would not compile here.
static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_copy_constructible_v<Secret>);

BOOST_AUTO_TEST_SUITE(secret)

BOOST_AUTO_TEST_CASE(a_secret_moves_and_leaves_nothing_behind) {
  Secret first("correct horse");
  Secret second(std::move(first));
  BOOST_TEST(first.is_empty());
  BOOST_TEST(second.is("correct horse"));
  BOOST_TEST(second.copy().is("correct horse"));
  second.clear();
  BOOST_TEST(second.is_empty());
  BOOST_TEST(second.reveal() == "");
}

BOOST_AUTO_TEST_CASE(a_string_that_became_a_secret_is_zeroed) {
  std::string text = "a password that is too long for the inside of a string";
  auto const* const memory = text.data();
  auto const size = text.size();
  auto const secret = Secret::from(std::move(text));
  BOOST_TEST(secret.reveal().size() == size);
  BOOST_TEST(std::string(memory, size) == std::string(size, '\0'));
}

BOOST_AUTO_TEST_CASE(comparing_needs_all_of_it) {
  Secret const secret("abc");
  BOOST_TEST(!secret.is("abd"));
  BOOST_TEST(!secret.is("ab"));
  BOOST_TEST(!secret.is("abcd"));
  BOOST_TEST(Secret().is(""));
}

BOOST_AUTO_TEST_SUITE_END()
