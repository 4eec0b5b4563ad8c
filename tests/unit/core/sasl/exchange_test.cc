#include "core/sasl/exchange.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/base/base64.h"
#include "core/sasl/md5.h"
#include "core/sasl/scram.h"

using namespace mailpool;
using namespace mailpool::sasl;

namespace {

std::unique_ptr<Exchange> exchange(Mechanism mechanism, std::string user, std::string_view secret,
                                   std::string nonce = "") {
  return begin(mechanism,
               {std::move(user), Secret(secret), "server.example.com", 143, std::move(nonce)});
}

std::string text(Secret const& secret) {
  return std::string(secret.reveal());
}

std::string hex(Md5::Digest const& digest) {
  std::string out;
  for (auto const octet : digest) {
    out += "0123456789abcdef"[octet >> 4U];
    out += "0123456789abcdef"[octet & 15U];
  }
  return out;
}

std::string md5(std::string_view data) {
  Md5 hash;
  hash.add(data);
  return hex(hash.finish());
}

// RFC 7677 3.
constexpr auto nonce = "rOprNGfwEbeRWgbNEkqO";
constexpr auto server_first =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr auto client_final =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr auto server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::unique_ptr<Exchange> scram() {
  auto made = exchange(Mechanism::ScramSha256, "user", "pencil", nonce);
  BOOST_TEST(text(*made->initial()) == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sasl_exchange)

// How long these take is measured by the bench (stalls).
BOOST_AUTO_TEST_CASE(as_many_iterations_as_are_done_are_the_most) {
  auto const first = [](std::uint32_t iterations) {
    return "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=" +
           std::to_string(iterations);
  };
  BOOST_TEST(scram()->answer(first(most_iterations)).has_value());
  auto const refused = scram()->answer(first(most_iterations + 1));
  BOOST_TEST(refused.error().reason ==
             "the server wants 50001 SCRAM iterations; 4096 to 50000 are done");
}

BOOST_AUTO_TEST_CASE(plain_is_as_in_rfc_4616) {
  auto plain = exchange(Mechanism::Plain, "tim", "tanstaaftanstaaf");
  BOOST_TEST(text(*plain->initial()) == std::string("\0tim\0tanstaaftanstaaf", 21));
  BOOST_TEST(!plain->answer("").has_value());
  BOOST_TEST(plain->accept().has_value());
}

BOOST_AUTO_TEST_CASE(login_says_user_and_password_when_asked) {
  auto login = exchange(Mechanism::Login, "tim", "tanstaaftanstaaf");
  BOOST_TEST(!login->initial().has_value());
  BOOST_TEST(text(*login->answer("Username:")) == "tim");
  BOOST_TEST(text(*login->answer("Password:")) == "tanstaaftanstaaf");
  BOOST_TEST(!login->answer("More:").has_value());
}

// RFC 1321 A.5.
BOOST_AUTO_TEST_CASE(md5_gives_the_published_digests) {
  BOOST_TEST(md5("") == "d41d8cd98f00b204e9800998ecf8427e");
  BOOST_TEST(md5("abc") == "900150983cd24fb0d6963f7d28e17f72");
  BOOST_TEST(
      md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890") ==
      "57edf4a22be3c955ac49da2e2107b67a");
}

BOOST_AUTO_TEST_CASE(cram_md5_is_as_in_rfc_2195) {
  auto cram = exchange(Mechanism::CramMd5, "tim", "tanstaaftanstaaf");
  BOOST_TEST(!cram->initial().has_value());
  BOOST_TEST(text(*cram->answer("<1896.697170952@postoffice.reston.mci.net>")) ==
             "tim b913a602c7eda7a495b4e6e7334d3890");
  BOOST_TEST(!cram->answer("<another>").has_value());
}

BOOST_AUTO_TEST_CASE(oauthbearer_is_as_in_rfc_7628) {
  auto bearer = exchange(Mechanism::OAuthBearer, "user@example.com",
                         "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
  BOOST_TEST(to_base64(bearer->initial()->reveal()) ==
             "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVh"
             "cmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB");
}

BOOST_AUTO_TEST_CASE(a_refused_token_is_acknowledged_once_and_never_taken_for_accepted) {
  auto bearer = exchange(Mechanism::OAuthBearer, "user@example.com", "token");
  (void)bearer->initial();
  BOOST_TEST(text(*bearer->answer(R"({"status":"invalid_token"})")) == "\x01");
  BOOST_TEST(!bearer->accept().has_value());
  BOOST_TEST(!bearer->answer("{}").has_value());

  auto old = exchange(Mechanism::XOAuth2, "user@example.com", "token");
  BOOST_TEST(text(*old->initial()) ==
             "user=user@example.com\x01"
             "auth=Bearer token\x01\x01");
  BOOST_TEST(text(*old->answer(R"({"status":"401"})")) == "");
  BOOST_TEST(!old->accept().has_value());
}

BOOST_AUTO_TEST_CASE(scram_sha_256_is_as_in_rfc_7677) {
  auto const exchange = scram();
  BOOST_TEST(text(*exchange->answer(server_first)) == client_final);
  BOOST_TEST(!exchange->accept().has_value());  // 235 before the server's proof
  BOOST_TEST(text(*exchange->answer(server_final)) == "");
  BOOST_TEST(exchange->accept().has_value());
  BOOST_TEST(!exchange->answer("more").has_value());
}

BOOST_AUTO_TEST_CASE(a_server_without_the_password_is_found_out) {
  auto const exchange = scram();
  (void)exchange->answer(server_first);
  auto const verdict = exchange->answer("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  BOOST_TEST(verdict.error().reason ==
             "the server could not prove by SCRAM that it knows the password");
  BOOST_TEST(!exchange->accept().has_value());
}

BOOST_AUTO_TEST_CASE(a_scram_refusal_is_acknowledged_and_never_taken_for_accepted) {
  auto const exchange = scram();
  (void)exchange->answer(server_first);
  BOOST_TEST(text(*exchange->answer("e=invalid-proof")) == "");
  BOOST_TEST(!exchange->accept().has_value());
}

BOOST_AUTO_TEST_CASE(hostile_first_messages_end_the_login_before_anything_is_proved) {
  for (std::string const bad :
       {"", "r=", "s=QSXC,r=x,i=4096", "r=other%hvYDpWUa,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "m=x,r=rOprNGfwEbeRWgbNEkqO%h,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "r=rOprNGfwEbeRWgbNEkqO%h,s=,i=4096", "r=rOprNGfwEbeRWgbNEkqO%h,s=W22Z*,i=4096",
        "r=rOprNGfwEbeRWgbNEkqO%h,s=W22Z", "r=rOprNGfwEbeRWgbNEkqO%h,s=W22Z,i=4095",
        "r=rOprNGfwEbeRWgbNEkqO%h,s=W22Z,i=100001", "r=rOprNGfwEbeRWgbNEkqO%h,s=W22Z,i=-1",
        "r=rOprNGfwEbeRWgbNEkqO%h,s=W22Z,i=99999999999999999999"}) {
    auto const exchange = scram();
    BOOST_TEST(!exchange->answer(bad).has_value(), bad);
  }
  auto const exchange = scram();
  BOOST_TEST(!exchange->answer(server_first + std::string(5000, 'x')).has_value());
}

BOOST_AUTO_TEST_CASE(commas_and_equals_signs_in_a_name_are_escaped) {
  auto const exchange = begin(Mechanism::ScramSha256, {"a=b,c", Secret("p"), "", 0, "n"});
  BOOST_TEST(text(*exchange->initial()) == "n,,n=a=3Db=2Cc,r=n");
}

BOOST_AUTO_TEST_SUITE_END()
