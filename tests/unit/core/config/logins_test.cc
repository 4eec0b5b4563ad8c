// [login.NAME], and who may name one.
#include <boost/test/unit_test.hpp>

#include "core/config/load.h"
#include "core/config/reference.h"

using namespace mailpool;
using enum sasl::Mechanism;

namespace {

Settings good(std::string const& text) {
  auto loaded = load_settings(text, "f");
  auto const mistake = loaded.is_good() ? std::string() : loaded.mistakes.front().to_line();
  BOOST_REQUIRE_MESSAGE(loaded.is_good(), mistake);
  return std::move(loaded.settings);
}

std::string only_mistake(std::string const& text) {
  auto const mistakes = load_settings(text, "f").mistakes;
  BOOST_REQUIRE(mistakes.size() == 1U);
  return mistakes.front().to_line();
}

std::string const smarthost = R"([login.smarthost]
user = "relay@example.com"
password_file = "/etc/mailpool/password"
)";

}  // namespace

BOOST_AUTO_TEST_SUITE(logins)

BOOST_AUTO_TEST_CASE(a_route_and_a_sender_domain_name_their_login) {
  auto const settings = good(smarthost + R"([route]
"*" = { hosts = ["mx.example.com:587", "192.0.2.1:25"], login = "smarthost" }
"lab.test" = ["127.0.0.1:2525"]
"other.test" = { hosts = ["127.0.0.1:2526"] }
[sender_domain."example.org"]
login = "smarthost"
)");
  BOOST_TEST(settings.routes.at("*").size() == 2U);
  BOOST_TEST(settings.routes.at("other.test").size() == 1U);
  BOOST_TEST(settings.route_logins.size() == 1U);
  BOOST_TEST(settings.route_logins.at("*") == "smarthost");
  BOOST_TEST(settings.sender_domains.at("example.org").login == "smarthost");
  BOOST_CHECK(good(settings_as_toml(settings)) == settings);
}

BOOST_AUTO_TEST_CASE(what_may_be_used_depends_on_the_kind_of_secret) {
  auto const password = good(smarthost).logins.at("smarthost").usable_mechanisms();
  BOOST_CHECK((password == std::vector{ScramSha256, Plain, Login}));
  auto const token =
      good("[login.a]\nuser = 'u'\ntoken_file = '/t'\n").logins.at("a").usable_mechanisms();
  BOOST_CHECK((token == std::vector{OAuthBearer, XOAuth2}));
  auto const chosen = good(smarthost + "mechanisms = ['CRAM-MD5']\n");
  BOOST_CHECK((chosen.logins.at("smarthost").usable_mechanisms() == std::vector{CramMd5}));
}

BOOST_AUTO_TEST_CASE(mistakes_name_their_line_and_what_would_be_right) {
  BOOST_TEST(only_mistake(smarthost + "[route]\n'a.test' = { hosts = ['192.0.2.1:25'], login = "
                                      "'smarthots' }\n") ==
             "f:5: [route] \"a.test\" login: there is no [login.smarthots]; right would be "
             "smarthost");
  BOOST_TEST(only_mistake("[sender_domain.'a.test']\nlogin = 'x'\n") ==
             "f:2: [sender_domain] \"a.test\" login: there is no [login.x]; right would be a "
             "section [login.x]");
  BOOST_TEST(only_mistake("[login.a]\nuser = 'u'\n") ==
             "f:1: [login.a] has none of password_file, token_file and token_command; right would "
             "be exactly one of them");
  BOOST_TEST(only_mistake(smarthost + "token_file = '/t'\n") ==
             "f:1: [login.smarthost] has more than one of password_file, token_file and "
             "token_command; right would be exactly one of them");
  BOOST_TEST(only_mistake(smarthost + "mechanisms = ['XOAUTH2']\n") ==
             "f:4: [login.smarthost] mechanisms: XOAUTH2 does not go with a password; right would "
             "be SCRAM-SHA-256, PLAIN, LOGIN or CRAM-MD5");
  BOOST_TEST(only_mistake("[route]\n'a.test' = { hosts = ['192.0.2.1:25'], user = 'x' }\n")
                 .starts_with("f:2: [route] \"a.test\": \"user\" is not part of a route"));
  BOOST_TEST(only_mistake("[login.A]\nuser = 'u'\npassword_file = '/p'\n")
                 .starts_with("f:1: [login.A] is not a name"));
}

// The password itself has no place in the file: a mistaken one is not even shown.
BOOST_AUTO_TEST_CASE(a_password_in_the_configuration_is_a_mistake_that_does_not_repeat_it) {
  auto const line = only_mistake(smarthost + "password = 'geheim'\n");
  BOOST_TEST(line.starts_with("f:4: [login.smarthost] password is not an option"));
  BOOST_TEST(line.find("geheim") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
