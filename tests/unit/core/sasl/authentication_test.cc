#include "core/sasl/authentication.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/base/base64.h"

using namespace mailpool;
using namespace mailpool::sasl;
using enum Mechanism;

namespace {

Authentication login(std::vector<Mechanism> allowed, std::string_view secret = "tanstaaftanstaaf") {
  return {{"tim", Secret(secret), "mx.example", 587, "nonce"}, std::move(allowed)};
}

std::string text(Secret const& secret) {
  return std::string(secret.reveal());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sasl_authentication)

BOOST_AUTO_TEST_CASE(the_mechanism_that_reveals_least_is_chosen_of_what_both_allow) {
  std::vector<Mechanism> const all(all_mechanisms.begin(), all_mechanisms.end());
  BOOST_TEST(
      (login({Plain, ScramSha256}).choose("PLAIN LOGIN SCRAM-SHA-256").value() == ScramSha256));
  BOOST_TEST((login({Login, Plain}).choose("login plain").value() == Plain));
  BOOST_TEST((login(all).choose("CRAM-MD5 PLAIN").value() == CramMd5));
  BOOST_TEST((login({Login}).choose("  LOGIN").value() == Login));
}

BOOST_AUTO_TEST_CASE(what_was_not_allowed_is_not_used) {
  BOOST_TEST(login({ScramSha256}).choose("PLAIN CRAM-MD5").error().reason ==
             "the server offers AUTH PLAIN CRAM-MD5, and mechanisms allows SCRAM-SHA-256");
  BOOST_TEST(login({Plain}).choose("").error().reason == "the server offers no AUTH");
  BOOST_TEST(!login({Plain}).choose("XPLAIN PLAINX").has_value());
}

BOOST_AUTO_TEST_CASE(the_response_goes_with_the_command) {
  auto plain = login({Plain});
  (void)plain.choose("PLAIN");
  BOOST_TEST(text(plain.command()) == "PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
  BOOST_TEST(plain.accept().has_value());
}

BOOST_AUTO_TEST_CASE(a_response_too_long_for_a_command_waits_for_the_servers_go_on) {
  auto plain = login({Plain}, std::string(600, 'x'));
  (void)plain.choose("PLAIN");
  BOOST_TEST(text(plain.command()) == "PLAIN");
  BOOST_TEST(!plain.accept().has_value());
  auto const line = plain.answer("");
  BOOST_TEST(text(*line) == to_base64(std::string("\0tim\0", 5) + std::string(600, 'x')));
  BOOST_TEST(plain.accept().has_value());
}

BOOST_AUTO_TEST_CASE(challenges_are_bounded_in_form_size_and_number) {
  auto first = login({Login});
  (void)first.choose("LOGIN");
  (void)first.command();
  BOOST_TEST(!first.answer("not base64").has_value());
  BOOST_TEST(!first.answer(std::string(20'000, 'A')).has_value());

  auto second = login({ScramSha256});
  (void)second.choose("SCRAM-SHA-256");
  (void)second.command();
  for (int i = 0; i < 20; ++i) BOOST_TEST(!second.answer("").has_value());
}

BOOST_AUTO_TEST_CASE(a_server_that_echoes_the_login_does_not_bring_it_into_the_log) {
  auto plain = login({Plain});
  (void)plain.choose("PLAIN");
  (void)plain.command();
  BOOST_TEST(plain.redacted("535 no: AHRpbQB0YW5zdGFhZnRhbnN0YWFm, tanstaaftanstaaf") ==
             "535 no: ?, ?");
}

BOOST_AUTO_TEST_SUITE_END()
