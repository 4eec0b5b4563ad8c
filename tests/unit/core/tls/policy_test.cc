#include "core/tls/policy.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::tls;

namespace {

constexpr auto host = "mx.example.com";
WallTime const today = WallTime{} + std::chrono::hours(24 * 365 * 50);

TlsaRecord record(std::uint8_t usage, char octet = 'x') {
  return {usage, 1, 1, std::string(32, octet)};
}

RouteFacts route(TlsaState tlsa, bool mx_is_secure = true) {
  RouteFacts facts;
  facts.domain = "example.org";
  facts.mx_is_secure = mx_is_secure;
  HostFacts of_host{host, tlsa, host, {}, ""};
  if (tlsa == TlsaState::Usable) of_host.records = {record(3)};
  if (tlsa == TlsaState::Bogus) of_host.why = "signature expired";
  facts.hosts = {of_host};
  return facts;
}

RouteFacts with_sts(RouteFacts facts, StsMode mode, std::vector<std::string> mx = {host}) {
  facts.sts = {mode, std::move(mx), std::chrono::hours(24), "1"};
  return facts;
}

Policy policy(TlsLevel level, RouteFacts const& facts) {
  return policy_for({level, {}}, facts, host);
}

/// What servers show, for the table below.
Facts plain() {
  return {};
}
Facts shown(std::vector<std::string> names, bool chain_is_good, std::string problem = "") {
  Facts facts;
  facts.version = "TLSv1.3";
  facts.cipher = "TLS_AES_256_GCM_SHA384";
  facts.chain_is_good = chain_is_good;
  facts.chain_problem = std::move(problem);
  auto certificate = std::make_shared<Certificate>();
  certificate->names = std::move(names);
  certificate->not_after = today + std::chrono::hours(24);
  facts.certificate = certificate;
  return facts;
}
Facts right() {
  return shown({host}, true);
}
Facts of_domain() {
  return shown({"example.org"}, true);
}
Facts wrong_name() {
  return shown({"other.example"}, true);
}
Facts untrusted() {
  return shown({host}, false, "self-signed certificate");
}
Facts matched(Facts facts, std::uint8_t usage = 3, char octet = 'x') {
  facts.dane = Dane::Matched;
  facts.dane_usage = usage;
  facts.dane_records = digest_of({record(usage, octet)});
  return facts;
}
Facts mismatched(Facts facts) {
  facts.dane = Dane::Failed;
  facts.dane_records = digest_of({record(3)});
  facts.dane_problem = "no matching DANE TLSA records";
  return facts;
}

bool passes(Policy const& p, Facts const& facts) {
  return !objection(p, facts, today).has_value();
}

/// One character a server, in the order of `servers`: '+' mail passes, '-' it does not.
std::string row(Policy const& p) {
  std::string cells;
  for (auto const& facts : {plain(), right(), of_domain(), wrong_name(), untrusted(),
                            matched(untrusted()), mismatched(right())})
    cells += passes(p, facts) ? '+' : '-';
  return cells;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_policies)

//                        plain text, right certificate, one of the domain, wrong name, self-signed,
//                        self-signed that TLSA matches, right that TLSA does not match
BOOST_AUTO_TEST_CASE(every_level_takes_the_servers_that_it_means) {
  auto const none = route(TlsaState::None);
  auto const usable = route(TlsaState::Usable);
  BOOST_TEST(row(policy(TlsLevel::None, none)) == "+++++++");
  BOOST_TEST(row(policy(TlsLevel::May, none)) == "+++++++");
  BOOST_TEST(row(policy(TlsLevel::Encrypt, none)) == "-++++++");
  BOOST_TEST(row(policy(TlsLevel::Verify, none)) == "-+----+");
  BOOST_TEST(row(policy(TlsLevel::Secure, none)) == "--+----");
  BOOST_TEST(row(policy(TlsLevel::Dane, none)) == "+++++++");
  BOOST_TEST(row(policy(TlsLevel::Dane, usable)) == "-----+-");
  BOOST_TEST(row(policy(TlsLevel::Dane, route(TlsaState::Unusable))) == "-++++++");
  BOOST_TEST(row(policy(TlsLevel::Dane, route(TlsaState::Bogus))) == "-------");
  BOOST_TEST(row(policy(TlsLevel::Dane, route(TlsaState::Failed))) == "-------");
  BOOST_TEST(row(policy(TlsLevel::DaneOnly, none)) == "-------");
  BOOST_TEST(row(policy(TlsLevel::DaneOnly, usable)) == "-----+-");
  BOOST_TEST(row(policy(TlsLevel::DaneOnly, route(TlsaState::Unusable))) == "-------");
  BOOST_TEST(row(policy(TlsLevel::DaneOnly, route(TlsaState::Bogus))) == "-------");
  BOOST_TEST(row(policy(TlsLevel::DaneOnly, route(TlsaState::Usable, false))) == "-------");
  BOOST_TEST(row(policy(TlsLevel::Auto, none)) == "+++++++");
  BOOST_TEST(row(policy(TlsLevel::Auto, usable)) == "-----+-");
  BOOST_TEST(row(policy(TlsLevel::Auto, route(TlsaState::Unusable))) == "-++++++");
  BOOST_TEST(row(policy(TlsLevel::Auto, route(TlsaState::Bogus))) == "-------");
}

BOOST_AUTO_TEST_CASE(auto_follows_mta_sts_where_there_is_no_dane) {
  auto const none = route(TlsaState::None, false);
  BOOST_TEST(row(policy(TlsLevel::Auto, with_sts(none, StsMode::Enforce))) == "-+----+");
  BOOST_TEST(row(policy(TlsLevel::Auto, with_sts(none, StsMode::Enforce, {"other.example"}))) ==
             "-------");
  BOOST_TEST(row(policy(TlsLevel::Auto, with_sts(none, StsMode::Testing))) == "+++++++");
  auto const tested = policy(TlsLevel::Auto, with_sts(none, StsMode::Testing));
  BOOST_TEST(!objection_to_report(tested, right(), today));
  BOOST_TEST((objection_to_report(tested, wrong_name(), today)->failure ==
              Failure::CertificateHostMismatch));
  BOOST_TEST(
      (objection_to_report(tested, plain(), today)->failure == Failure::StarttlsNotSupported));
  BOOST_TEST(row(policy(TlsLevel::Auto, with_sts(none, StsMode::None))) == "+++++++");
}

BOOST_AUTO_TEST_CASE(mta_sts_never_weakens_dane) {
  auto const secure = with_sts(route(TlsaState::Usable), StsMode::Enforce);
  BOOST_TEST(row(policy(TlsLevel::Auto, secure)) == "-----+-");
  auto const half = with_sts(route(TlsaState::Usable, false), StsMode::Enforce);
  BOOST_TEST(row(policy(TlsLevel::Auto, half)) == "-------");
  BOOST_TEST(passes(policy(TlsLevel::Auto, half), matched(right())));
  auto const bogus = with_sts(route(TlsaState::Bogus), StsMode::Enforce);
  BOOST_TEST(row(policy(TlsLevel::Auto, bogus)) == "-------");
  auto const unusable = with_sts(route(TlsaState::Unusable), StsMode::Enforce);
  BOOST_TEST(row(policy(TlsLevel::Auto, unusable)) == "-+----+");
}

BOOST_AUTO_TEST_CASE(only_auto_asks_mta_sts) {
  auto const facts = with_sts(route(TlsaState::None), StsMode::Enforce);
  BOOST_TEST(row(policy(TlsLevel::May, facts)) == "+++++++");
  BOOST_TEST(row(policy(TlsLevel::Dane, facts)) == "+++++++");
}

BOOST_AUTO_TEST_CASE(mta_sts_is_about_mx_and_not_about_configured_routes) {
  auto facts = with_sts(route(TlsaState::None), StsMode::Enforce);
  facts.is_configured = true;
  BOOST_TEST(row(policy(TlsLevel::Auto, facts)) == "+++++++");
}

BOOST_AUTO_TEST_CASE(records_that_have_changed_since_the_handshake_prove_nothing) {
  auto const p = policy(TlsLevel::Dane, route(TlsaState::Usable));
  BOOST_TEST(passes(p, matched(untrusted(), 3, 'x')));
  BOOST_TEST(!passes(p, matched(untrusted(), 3, 'y')));
}

BOOST_AUTO_TEST_CASE(dane_ta_needs_a_name_and_dane_ee_does_not) {
  auto facts = route(TlsaState::Usable);
  facts.hosts[0].records = {record(2)};
  auto const p = policy(TlsLevel::Dane, facts);
  BOOST_TEST(passes(p, matched(right(), 2)));
  BOOST_TEST(passes(p, matched(of_domain(), 2)));
  BOOST_TEST(!passes(p, matched(wrong_name(), 2)));
  BOOST_TEST(passes(policy(TlsLevel::Dane, route(TlsaState::Usable)), matched(wrong_name(), 3)));
}

BOOST_AUTO_TEST_CASE(a_trusted_certificate_ends_with_its_validity_though_the_connection_goes_on) {
  auto const p = policy(TlsLevel::Verify, route(TlsaState::None));
  BOOST_TEST(!objection(p, right(), today + std::chrono::hours(23)));
  BOOST_TEST(objection(p, right(), today + std::chrono::hours(24)).value().words ==
             "tls = \"verify\" requires a trusted certificate: certificate has expired");
  auto const dane = policy(TlsLevel::Dane, route(TlsaState::Usable));
  BOOST_TEST(!objection(dane, matched(right()), today + std::chrono::hours(48)));
}

BOOST_AUTO_TEST_CASE(match_names_what_a_certificate_may_be_of) {
  auto const facts = route(TlsaState::None);
  auto const with = [&](std::vector<std::string> match) {
    return policy_for({TlsLevel::Secure, std::move(match)}, facts, host);
  };
  BOOST_TEST(passes(with({"hostname"}), right()));
  BOOST_TEST(!passes(with({"hostname"}), of_domain()));
  BOOST_TEST(passes(with({"nexthop"}), of_domain()));
  BOOST_TEST(!passes(with({"dot-nexthop"}), of_domain()));
  BOOST_TEST(passes(with({"dot-nexthop"}), shown({"mx.example.org"}, true)));
  BOOST_TEST(passes(with({".example"}), wrong_name()));
  BOOST_TEST(passes(with({"other.example", "hostname"}), wrong_name()));
}

BOOST_AUTO_TEST_CASE(a_configured_host_name_is_the_nexthop) {
  auto facts = route(TlsaState::None);
  facts.is_configured = true;
  BOOST_TEST(passes(policy(TlsLevel::Secure, facts), right()));
  BOOST_TEST(!passes(policy(TlsLevel::Secure, facts), of_domain()));
  auto const address = policy_for({TlsLevel::Secure, {}}, facts, "192.0.2.1");
  BOOST_TEST(passes(address, of_domain()));
}

BOOST_AUTO_TEST_CASE(words_name_the_option_and_what_is_missing) {
  auto const none = route(TlsaState::None, false);
  BOOST_TEST(objection(policy(TlsLevel::Encrypt, none), plain(), today).value().words ==
             "tls = \"encrypt\" requires TLS, and the connection has none");
  BOOST_TEST(objection(policy(TlsLevel::Verify, none), untrusted(), today).value().words ==
             "tls = \"verify\" requires a trusted certificate: self-signed certificate");
  BOOST_TEST(objection(policy(TlsLevel::Secure, none), right(), today).value().words ==
             "tls = \"secure\" requires a certificate of example.org or .example.org; this one is "
             "of mx.example.com");
  BOOST_TEST(
      objection(policy(TlsLevel::Auto, with_sts(none, StsMode::Enforce)), wrong_name(), today)
          .value()
          .words ==
      "the MTA-STS policy of example.org (tls = \"auto\") requires a certificate of "
      "mx.example.com; this one is of other.example");
  BOOST_TEST(objection(policy(TlsLevel::DaneOnly, none), right(), today).value().words ==
             "tls = \"dane-only\" forbids this host: the MX records of example.org are not "
             "validated by DNSSEC");
}

BOOST_AUTO_TEST_CASE(policies_with_one_fingerprint_require_the_same) {
  auto const none = route(TlsaState::None);
  BOOST_TEST(policy(TlsLevel::Auto, none).fingerprint() ==
             policy(TlsLevel::May, none).fingerprint());
  BOOST_TEST(policy(TlsLevel::Verify, none).fingerprint() !=
             policy(TlsLevel::Secure, none).fingerprint());
  auto other = route(TlsaState::Usable);
  other.hosts[0].records = {record(3, 'y')};
  BOOST_TEST(policy(TlsLevel::Dane, route(TlsaState::Usable)).fingerprint() !=
             policy(TlsLevel::Dane, other).fingerprint());
  auto const by_name = policy_for({TlsLevel::Secure, {"hostname"}}, none, host);
  auto const by_sts = policy(TlsLevel::Auto, with_sts(none, StsMode::Enforce));
  BOOST_TEST((by_name.names == by_sts.names));
  BOOST_TEST(by_name.fingerprint() != by_sts.fingerprint(), "a common name does for one of them");
}

BOOST_AUTO_TEST_CASE(a_plan_asks_for_the_name_that_the_policy_means) {
  auto facts = route(TlsaState::Usable);
  facts.hosts[0].tlsa_base = "real.example.com";
  TlsSettings settings;
  auto const dane = policy(TlsLevel::Dane, facts);
  auto const plan = plan_for(settings, dane, facts, host);
  BOOST_TEST(plan.server_name == "real.example.com");
  BOOST_TEST(plan.records.size() == 1U);
  BOOST_TEST(plan.records_digest == dane.dane_digest);

  auto const may = policy(TlsLevel::May, facts);
  BOOST_TEST(plan_for(settings, may, facts, host).server_name == host);
  BOOST_TEST(plan_for(settings, may, facts, host).records.empty());
  settings.sni = "nexthop";
  BOOST_TEST(plan_for(settings, may, facts, host).server_name == "example.org");
  settings.sni = "none";
  BOOST_TEST(plan_for(settings, may, facts, host).server_name.empty());
  settings.sni = "name.example";
  BOOST_TEST(plan_for(settings, may, facts, host).server_name == "name.example");
  settings.sni = "hostname";
  BOOST_TEST(plan_for(settings, may, facts, "192.0.2.1").server_name.empty());
}

BOOST_AUTO_TEST_CASE(settings_have_equal_digests_only_where_nothing_on_the_wire_differs) {
  TlsSettings const usual;
  auto const differs = [&](auto change) {
    auto changed = usual;
    change(changed);
    return digest_of(changed) != digest_of(usual);
  };
  BOOST_TEST(differs([](TlsSettings& s) { s.files.authorities = "x"; }));
  BOOST_TEST(differs([](TlsSettings& s) { s.minimum_version = TlsVersion::Tls13; }));
  BOOST_TEST(differs([](TlsSettings& s) { s.ciphers = "x"; }));
  BOOST_TEST(differs([](TlsSettings& s) { s.ciphersuites = "x"; }));
  // What a file is called says nothing; the client's certificate is a field of its own in the key.
  BOOST_TEST(!differs([](TlsSettings& s) { s.ca_file = "x"; }));
  BOOST_TEST(!differs([](TlsSettings& s) { s.certificate = "x"; }));
  BOOST_TEST(!differs([](TlsSettings& s) { s.files.client_certificate = "x"; }));
}

BOOST_AUTO_TEST_CASE(a_host_that_the_route_does_not_name_gets_nothing) {
  auto const facts = std::make_shared<RouteFacts const>(route(TlsaState::None));
  Policies const policies({TlsLevel::May, {}}, {}, facts, {host});
  BOOST_TEST(passes(policies.of(host).policy, right()));
  for (auto const* stranger : {"mx.example.net", ""}) {
    auto const& terms = policies.of(stranger);
    BOOST_TEST(!passes(terms.policy, right()), stranger);
    BOOST_TEST(!passes(terms.policy, plain()), stranger);
    BOOST_TEST(prohibition(terms.policy)->words ==
               "the route forbids this host: it is no host of the domain");
  }
  Policies const none({TlsLevel::None, {}}, {}, facts, {});
  BOOST_TEST(!passes(none.of(host).policy, plain()));
}

BOOST_AUTO_TEST_SUITE_END()
