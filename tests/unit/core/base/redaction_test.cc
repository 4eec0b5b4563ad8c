#include "core/base/redaction.h"

#include <boost/test/unit_test.hpp>

#include "core/base/base64.h"

using namespace mailpool;

namespace {

std::string const password = "Tr0ub4dor&3 horse";
std::string const plain = to_base64(std::string("\0tim\0", 5) + password);

std::string redacted(std::string_view text) {
  Redaction redaction;
  redaction.add(password);
  redaction.add(plain);
  return redaction.apply(text);
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return text;
}

std::string between(std::string_view text, std::string_view what) {
  std::string out;
  for (char const c : text) out.append(1, c).append(what);
  return out;
}

std::string hexadecimal(std::string_view before) {
  std::string out;
  for (char const c : password) {
    constexpr auto digits = "0123456789ABCDEF";
    out.append(before).append(1, digits[static_cast<unsigned char>(c) / 16]);
    out.append(1, digits[static_cast<unsigned char>(c) % 16]);
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(redaction)

// What stands before the secret is not part of it.
BOOST_AUTO_TEST_CASE(a_login_is_found_in_any_spelling) {
  struct Echo {
    std::string before;
    std::string secret;
  };
  auto encoded = [](std::string const& before) {
    auto const all = to_base64(before + password);
    auto const of_before = (before.size() * 8 + 5) / 6;
    return Echo{all.substr(0, of_before), all.substr(of_before)};
  };
  for (auto const& echo : {Echo{"", password},
                           {"", plain},
                           {"", upper(password)},
                           {"", upper(plain)},
                           {"", plain.substr(0, 20)},
                           {"", plain.substr(7)},
                           {"", plain.substr(11, 9)},
                           {"", password.substr(3)},
                           {"", password.substr(0, 8)},
                           {"", between(password, " ")},
                           {"", between(plain, "\n")},
                           {"", between(plain, "-")},
                           {"", plain.substr(0, 12) + "\n" + plain.substr(12)},
                           encoded(""),
                           encoded("x"),
                           encoded("xy"),
                           encoded("auth=Bearer "),
                           {"", hexadecimal("")},
                           {"", hexadecimal("%")},
                           {"", hexadecimal("=")},
                           {"AUTH PLAIN ", plain},
                           {"\"", plain},
                           {"[", password}}) {
    auto const said = redacted("refused: " + echo.before + echo.secret + ". Sorry");
    BOOST_TEST(said.starts_with("refused: " + echo.before), said << " of " << echo.secret);
    BOOST_TEST(said.find('?') != std::string::npos, said << " of " << echo.secret);
    BOOST_TEST(said.ends_with(". Sorry"), said);
    // No five letters of it in a row are left, in any case and with anything between.
    auto letters_of = [](std::string const& text) {
      std::string letters;
      for (char const c : text)
        if (isalnum(static_cast<unsigned char>(c)) != 0) letters += static_cast<char>(tolower(c));
      return letters;
    };
    auto const left = letters_of(said.substr(9 + echo.before.size()));
    auto const secret = letters_of(echo.secret);
    for (std::size_t i = 0; i + 5 <= left.size(); ++i)
      BOOST_TEST(secret.find(left.substr(i, 5)) == std::string::npos,
                 said << " of " << echo.secret);
  }
}

BOOST_AUTO_TEST_CASE(what_the_server_says_itself_stays) {
  for (auto const* text : {"", "535 5.7.8 Error: authentication failed:", "UGFzc3dvcmQ6 horsebox?",
                           "\xc3\xbc\xff tim", "Tr0u"})
    BOOST_TEST(redacted(text) ==
               (text == std::string("UGFzc3dvcmQ6 horsebox?") ? "UGFzc3dvcmQ6 ?box?" : text));
}

BOOST_AUTO_TEST_CASE(short_secrets_are_found_whole_and_the_shortest_not_at_all) {
  Redaction redaction;
  redaction.add("#a!1");
  redaction.add("abc");
  redaction.add("");
  BOOST_TEST(redaction.apply("no #A!1 here, abc") == "no ? here, abc");
  BOOST_TEST(redaction.apply(to_base64("#a!1") + ".") == "?==.");
  BOOST_TEST(Redaction().apply("as it is") == "as it is");
}

BOOST_AUTO_TEST_CASE(an_over_long_text_and_secret_take_no_time) {
  Redaction redaction;
  redaction.add(std::string(16384, 'a'));
  BOOST_TEST(redaction.apply(std::string(16384, 'a')).size() < 10U);
}

BOOST_AUTO_TEST_SUITE_END()
