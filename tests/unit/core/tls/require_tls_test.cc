// What a sender may ask beside the options: REQUIRETLS, and "TLS-Required: No" (RFC 8689).

#include <boost/test/unit_test.hpp>

#include "core/tls/policy.h"
#include "fakes/contains.h"

using namespace mailpool;
using namespace mailpool::tls;

namespace {

constexpr auto host = "mx.example.com";
WallTime const today = WallTime{} + std::chrono::hours(24 * 365 * 50);

TlsaRecord const record{3, 1, 1, std::string(32, 'x')};

RouteFacts signed_mx(TlsaState tlsa = TlsaState::None) {
  RouteFacts facts;
  facts.domain = "example.org";
  facts.mx_is_secure = true;
  facts.hosts = {{host, tlsa, host, {}, ""}};
  if (tlsa == TlsaState::Usable) facts.hosts[0].records = {record};
  return facts;
}

RouteFacts unsigned_mx(TlsaState tlsa = TlsaState::None) {
  auto facts = signed_mx(tlsa);
  facts.mx_is_secure = false;
  return facts;
}

RouteFacts with_sts(RouteFacts facts, StsMode mode, std::string const& mx = host) {
  facts.sts.mode = mode;
  facts.sts.mx = {mx};
  return facts;
}

RouteFacts configured() {
  RouteFacts facts;
  facts.domain = "example.org";
  facts.is_configured = true;
  return facts;
}

Policy required(TlsLevel level, RouteFacts const& facts, std::vector<std::string> match = {}) {
  return policy_for({level, std::move(match)}, facts, host, SenderTls::Required);
}

Facts shown(std::string const& name, bool is_good = true) {
  Facts facts;
  facts.version = "TLSv1.3";
  facts.chain_is_good = is_good;
  facts.chain_problem = is_good ? "" : "self-signed certificate";
  auto certificate = std::make_shared<Certificate>();
  certificate->names = {name};
  certificate->not_after = today + std::chrono::hours(24);
  facts.certificate = certificate;
  return facts;
}

Facts matched(Facts facts) {
  facts.dane = Dane::Matched;
  facts.dane_usage = 3;
  facts.dane_records = digest_of({record});
  return facts;
}

bool passes(Policy const& policy, Facts const& facts) {
  return !objection(policy, facts, today);
}

/// "550 5.7.10 words": what a message is answered for it; "" where it may pass.
std::string answer(Policy const& policy, Facts const& facts) {
  auto const found = objection(policy, facts, today);
  return found ? found->outcome("mx").reply_line() : "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(require_tls)

BOOST_AUTO_TEST_CASE(plain_text_never_carries_it_whatever_the_level) {
  for (auto level : {TlsLevel::None, TlsLevel::May, TlsLevel::Encrypt, TlsLevel::Verify,
                     TlsLevel::Secure, TlsLevel::Dane, TlsLevel::DaneOnly, TlsLevel::Auto})
    for (auto const& route : {signed_mx(), signed_mx(TlsaState::Usable), configured()})
      BOOST_TEST(contains(answer(required(level, route), Facts()), "550 5.7.10 "));
}

BOOST_AUTO_TEST_CASE(the_certificate_must_be_trusted_and_name_the_mx_host) {
  for (auto level :
       {TlsLevel::May, TlsLevel::Encrypt, TlsLevel::Verify, TlsLevel::Dane, TlsLevel::Auto}) {
    auto const policy = required(level, signed_mx());
    BOOST_TEST(passes(policy, shown(host)));
    BOOST_TEST(answer(policy, shown("other.example")) ==
               "550 5.7.10 mx: " +
                   std::string(level == TlsLevel::Verify ? "tls = \"verify\"" : "REQUIRETLS") +
                   " requires a certificate of mx.example.com; this one is of other.example");
    BOOST_TEST(contains(answer(policy, shown(host, false)), "self-signed certificate"));
  }
}

BOOST_AUTO_TEST_CASE(the_subjects_common_name_does) {
  auto facts = shown(host);
  auto certificate = *facts.certificate;
  certificate.names_are_alternative = false;
  facts.certificate = std::make_shared<Certificate>(certificate);
  BOOST_TEST(passes(required(TlsLevel::May, signed_mx()), facts));
}

BOOST_AUTO_TEST_CASE(what_the_level_requires_is_required_as_well) {
  auto const policy = required(TlsLevel::Secure, signed_mx());
  BOOST_TEST(!passes(policy, shown(host)));           // tls = "secure": a name of the domain
  BOOST_TEST(!passes(policy, shown("example.org")));  // REQUIRETLS: the host's
  auto both = shown(host);
  auto certificate = *both.certificate;
  certificate.names = {host, "example.org"};
  both.certificate = std::make_shared<Certificate>(certificate);
  BOOST_TEST(passes(policy, both));
}

BOOST_AUTO_TEST_CASE(a_match_of_dane_stands_for_the_certificate) {
  auto const policy = required(TlsLevel::Auto, signed_mx(TlsaState::Usable));
  BOOST_TEST(passes(policy, matched(shown("other.example", false))));
  BOOST_TEST(contains(answer(policy, shown(host)), "550 5.7.10 "));
}

BOOST_AUTO_TEST_CASE(the_mx_host_must_be_known_from_dnssec_or_an_mta_sts_policy_in_force) {
  BOOST_TEST(passes(required(TlsLevel::Auto, signed_mx()), shown(host)));
  BOOST_TEST(
      passes(required(TlsLevel::Auto, with_sts(unsigned_mx(), StsMode::Enforce)), shown(host)));
  for (auto const& route : {unsigned_mx(), with_sts(unsigned_mx(), StsMode::Testing),
                            with_sts(unsigned_mx(), StsMode::Enforce, "other.example"),
                            unsigned_mx(TlsaState::Usable)}) {
    auto const policy = required(TlsLevel::Auto, route);
    BOOST_TEST(!policy.is_possible());
    BOOST_TEST(contains(answer(policy, matched(shown(host))), "550 5.7.10 "));
  }
  BOOST_TEST(contains(answer(required(TlsLevel::Verify, unsigned_mx()), shown(host)),
                      "MTA-STS is only asked with tls = \"auto\""));
}

BOOST_AUTO_TEST_CASE(a_host_of_route_was_not_looked_up_and_may_be_known_by_tls_match) {
  BOOST_TEST(passes(required(TlsLevel::May, configured()), shown(host)));
  auto const named = required(TlsLevel::May, configured(), {"relay.example"});
  BOOST_TEST(passes(named, shown("relay.example")));
  BOOST_TEST(!passes(named, shown(host)));
  auto const secure = required(TlsLevel::Secure, configured(), {"relay.example"});
  BOOST_TEST(passes(secure, shown("relay.example")));
  BOOST_TEST(!passes(secure, shown(host)));
  // One that was found by MX is known by its own name alone.
  BOOST_TEST(
      !passes(required(TlsLevel::May, signed_mx(), {"relay.example"}), shown("relay.example")));
}

BOOST_AUTO_TEST_CASE(what_could_not_be_found_out_is_no_reason_to_send_the_message_back) {
  auto route = unsigned_mx();
  route.sts.is_unavailable = true;
  BOOST_TEST(contains(answer(required(TlsLevel::Auto, route), shown(host)), "451 4.7.5 "));
  auto const failed = required(TlsLevel::Auto, signed_mx(TlsaState::Failed));
  BOOST_TEST(contains(answer(failed, shown(host)), "451 4.7.5 "));
}

BOOST_AUTO_TEST_CASE(no_tls_is_no_tls) {
  auto const policy = required(TlsLevel::None, signed_mx());
  BOOST_TEST(!policy.is_possible());
  BOOST_TEST(contains(answer(policy, shown(host)), "tls = \"none\" forbids TLS"));
}

BOOST_AUTO_TEST_CASE(a_report_tells_of_what_the_domain_asks_for_alone) {
  BOOST_TEST(!objection_to_report(required(TlsLevel::Auto, signed_mx()), shown("other"), today));
  BOOST_TEST(!!objection_to_report(
      required(TlsLevel::Auto, with_sts(unsigned_mx(), StsMode::Enforce)), shown("other"), today));
}

BOOST_AUTO_TEST_CASE(failures_under_it_are_not_those_of_ordinary_mail) {
  for (auto level : {TlsLevel::May, TlsLevel::Verify, TlsLevel::Auto})
    BOOST_TEST(required(level, signed_mx()).fingerprint() !=
               policy_for({level, {}}, signed_mx(), host).fingerprint());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tls_required_no)

BOOST_AUTO_TEST_CASE(neither_options_nor_records_nor_policies_require_anything) {
  auto const route = with_sts(signed_mx(TlsaState::Usable), StsMode::Enforce);
  for (auto level : {TlsLevel::May, TlsLevel::Encrypt, TlsLevel::Verify, TlsLevel::Secure,
                     TlsLevel::Dane, TlsLevel::DaneOnly, TlsLevel::Auto}) {
    auto const policy = policy_for({level, {}}, route, host, SenderTls::NotRequired);
    BOOST_TEST((policy.level == TlsLevel::May));
    BOOST_TEST(policy.tls_required_no);
    for (auto const& facts : {Facts(), shown("other.example", false)})
      BOOST_TEST(passes(policy, facts));
  }
  auto const forbidden = with_sts(unsigned_mx(TlsaState::Bogus), StsMode::Enforce, "other.example");
  BOOST_TEST(
      policy_for({TlsLevel::Auto, {}}, forbidden, host, SenderTls::NotRequired).is_possible());
}

BOOST_AUTO_TEST_CASE(no_tls_stays_no_tls) {
  auto const policy = policy_for({TlsLevel::None, {}}, signed_mx(), host, SenderTls::NotRequired);
  BOOST_TEST((policy.level == TlsLevel::None));
  BOOST_TEST(policy.tls_required_no);
}

BOOST_AUTO_TEST_SUITE_END()
