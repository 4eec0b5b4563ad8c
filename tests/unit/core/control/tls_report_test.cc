// The report of a day, field by field as RFC 8460 4.4 lists them.

#include "core/control/tls_report.h"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

using namespace mailpool;
using control::tls_report_json;
using nlohmann::json;
using tls::Failure;

namespace {

constexpr tls::Day day = 20'778;  // 2026-11-21
control::TlsReportHead const head{"mail.example.com", "example.org", day};

std::vector<std::string> const sts_lines{"version: STSv1", "mode: enforce", "mx: mx1.example.org",
                                         "mx: *.backup.example.org", "max_age: 86400"};
std::string const tlsa = "_25._tcp.mx1.example.org. IN TLSA 3 1 1 00ff";

tls::PolicyCount of_sts() {
  tls::FailureCount const failure{
      Failure::CertificateExpired,
      {"198.51.100.7", "mx1.example.org", "192.0.2.1", "mx.example.org"},
      "certificate has expired",
      3};
  return {{"sts", sts_lines, {}}, 5326, 303, {failure}};
}

json report_of(std::vector<tls::PolicyCount> const& counts) {
  return json::parse(tls_report_json(head, counts));
}

std::set<std::string> keys_of(json const& object) {
  std::set<std::string> keys;
  for (auto const& [key, value] : object.items()) keys.insert(key);
  return keys;
}

using Keys = std::set<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_report)

BOOST_AUTO_TEST_CASE(the_head_says_who_reports_about_which_day) {
  auto const report = report_of({of_sts()});
  BOOST_TEST((keys_of(report) ==
              Keys{"organization-name", "date-range", "contact-info", "report-id", "policies"}));
  BOOST_TEST(report["organization-name"] == "mail.example.com");
  BOOST_TEST((report["date-range"] == json{{"start-datetime", "2026-11-21T00:00:00Z"},
                                           {"end-datetime", "2026-11-21T23:59:59Z"}}));
  BOOST_TEST(report["contact-info"] == "postmaster@mail.example.com");
  BOOST_TEST(report["report-id"] == "2026-11-21.example.org@mail.example.com");
}

BOOST_AUTO_TEST_CASE(a_policy_of_mta_sts_is_told_by_its_lines_and_its_hosts) {
  auto const whole = report_of({of_sts()})["policies"].at(0);
  BOOST_TEST((keys_of(whole) == Keys{"policy", "summary", "failure-details"}));
  BOOST_TEST((whole["policy"] == json{{"policy-type", "sts"},
                                      {"policy-string", sts_lines},
                                      {"policy-domain", "example.org"},
                                      {"mx-host", {"mx1.example.org", "*.backup.example.org"}}}));
  BOOST_TEST((whole["summary"] == json{{"total-successful-session-count", 5326},
                                       {"total-failure-session-count", 303}}));
}

BOOST_AUTO_TEST_CASE(a_policy_of_dane_is_told_by_its_records_under_their_base_domain) {
  tls::PolicyCount const count{{"tlsa", {tlsa}, "mx1.example.org"}, 1, 0, {}};
  auto const whole = report_of({count})["policies"].at(0);
  BOOST_TEST((keys_of(whole) == Keys{"policy", "summary"}), "no failure, no details");
  BOOST_TEST((whole["policy"] == json{{"policy-type", "tlsa"},
                                      {"policy-string", {tlsa}},
                                      {"policy-domain", "mx1.example.org"}}));
}

BOOST_AUTO_TEST_CASE(where_there_is_no_policy_its_absence_is_the_type) {
  auto const whole = report_of({{{}, 7, 0, {}}})["policies"].at(0);
  BOOST_TEST((whole["policy"] ==
              json{{"policy-type", "no-policy-found"}, {"policy-domain", "example.org"}}));
}

BOOST_AUTO_TEST_CASE(a_failure_says_what_failed_between_whom_and_how_often) {
  auto const details = report_of({of_sts()})["policies"].at(0)["failure-details"];
  BOOST_TEST((details == json::array({{{"result-type", "certificate-expired"},
                                       {"sending-mta-ip", "198.51.100.7"},
                                       {"receiving-mx-hostname", "mx1.example.org"},
                                       {"receiving-mx-helo", "mx.example.org"},
                                       {"receiving-ip", "192.0.2.1"},
                                       {"failed-session-count", 3},
                                       {"failure-reason-code", "certificate has expired"}}})));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_of_a_failure_is_left_out) {
  tls::FailureCount const failure{Failure::StsPolicyFetchError, {}, {}, 1};
  auto const details =
      report_of({{{"sts", {}, {}}, 0, 1, {failure}}})["policies"].at(0)["failure-details"].at(0);
  BOOST_TEST((keys_of(details) == Keys{"result-type", "failed-session-count"}));
}

BOOST_AUTO_TEST_CASE(all_kinds_of_failure_have_their_registered_names) {
  // IANA: STARTTLS Validation Result Types (RFC 8460 6.6).
  std::vector<std::string_view> const registered{
      "starttls-not-supported", "certificate-host-mismatch",
      "certificate-expired",    "certificate-not-trusted",
      "validation-failure",     "tlsa-invalid",
      "dnssec-invalid",         "dane-required",
      "sts-policy-fetch-error", "sts-policy-invalid",
      "sts-webpki-invalid"};
  for (std::size_t i = 0; i < registered.size(); ++i) {
    BOOST_TEST(name_of(static_cast<Failure>(i)) == registered[i]);
    BOOST_TEST((tls::failure_of_name(registered[i]) == static_cast<Failure>(i)));
  }
}

BOOST_AUTO_TEST_CASE(hostile_words_of_servers_stay_json) {
  auto count = of_sts();
  count.details[0].ends.host_says = "mx\x1b[2J\"\xff";
  auto const details = report_of({count})["policies"].at(0)["failure-details"].at(0);
  BOOST_TEST(details["receiving-mx-helo"].get<std::string>().find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
