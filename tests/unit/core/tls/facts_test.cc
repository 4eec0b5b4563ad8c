// What status and the log say of how a server was verified.
#include "core/tls/facts.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::tls;

namespace {

Facts shown(std::vector<std::string> names) {
  Facts facts;
  facts.version = "TLSv1.3";
  facts.cipher = "TLS_AES_256_GCM_SHA384";
  facts.chain_is_good = true;
  auto certificate = std::make_shared<Certificate>();
  certificate->names = std::move(names);
  facts.certificate = certificate;
  return facts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(facts)

BOOST_AUTO_TEST_CASE(a_trusted_certificate_is_told_with_its_name_unless_that_is_the_hosts) {
  BOOST_TEST(verified_how(shown({"other.test", "*.example.com"}), "mx.example.com") ==
             "verified by its certificate");
  BOOST_TEST(verified_how(shown({"other.test"}), "mx.example.com") == "trusted, of other.test");
  BOOST_TEST(verified_how(shown({}), "mx.example.com") == "trusted, of no name");
}

BOOST_AUTO_TEST_CASE(what_proves_nothing_is_told_with_the_reason) {
  auto facts = shown({"mx.example.com"});
  facts.chain_is_good = false;
  BOOST_TEST(verified_how(facts, "mx.example.com") == "untrusted");
  facts.chain_problem = "self-signed certificate";
  BOOST_TEST(verified_how(facts, "mx.example.com") == "untrusted: self-signed certificate");
  facts.dane = Dane::Failed;
  facts.dane_problem = "no TLSA record was of use";
  BOOST_TEST(verified_how(facts, "mx.example.com") == "untrusted: no TLSA record was of use");
  facts.certificate = nullptr;
  facts.dane = Dane::NotTried;
  BOOST_TEST(verified_how(facts, "mx.example.com") == "anonymous");
}

BOOST_AUTO_TEST_CASE(a_match_of_dane_outweighs_the_chain) {
  auto facts = shown({"other.test"});
  facts.chain_is_good = false;
  facts.dane = Dane::Matched;
  facts.dane_usage = 3;
  BOOST_TEST(verified_how(facts, "mx.example.com") == "verified by DANE-EE");
  facts.dane_usage = 2;
  BOOST_TEST(verified_how(facts, "mx.example.com") == "verified by DANE-TA");
}

BOOST_AUTO_TEST_CASE(a_summary_is_version_cipher_and_how) {
  BOOST_TEST(summary_of(shown({"mx.test"}), "mx.test") ==
             "TLSv1.3 TLS_AES_256_GCM_SHA384 verified by its certificate");
  BOOST_TEST(summary_of(Facts(), "mx.test") == "none");
}

BOOST_AUTO_TEST_SUITE_END()
