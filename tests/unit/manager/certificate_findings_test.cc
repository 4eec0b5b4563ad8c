// What `poolctl check` says of the certificates that servers are shown.
#include "manager/certificate_findings.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::chrono_literals;
using Level = control::Finding::Level;

namespace {

WallTime const end = WallTime{} + 24h * 20'000;  // 2024-10-04

control::Finding finding_at(WallTime now) {
  auto const findings = certificate_findings({{"[tls]", "/etc/client.pem", end}}, now);
  BOOST_REQUIRE(findings.size() == 1U);
  return findings[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(certificate_findings_of_check)

BOOST_AUTO_TEST_CASE(a_certificate_that_has_expired_is_a_mistake) {
  auto const found = finding_at(end);
  BOOST_CHECK((found.level == Level::Mistake));
  BOOST_TEST(found.text ==
             "[tls] certificate /etc/client.pem has expired on 2024-10-04: a server that asks for "
             "it will not believe it");
  BOOST_TEST(found.mend == "renew it under its name and run: poolctl reload");
}

BOOST_AUTO_TEST_CASE(its_last_fourteen_days_are_a_warning) {
  BOOST_CHECK((finding_at(end - 1s).level == Level::Warning));
  BOOST_CHECK((finding_at(end - 14 * 24h + 1s).level == Level::Warning));
  BOOST_CHECK((finding_at(end - 14 * 24h).level == Level::Good));
  BOOST_TEST(finding_at(end - 9 * 24h).text ==
             "[tls] certificate /etc/client.pem ends on 2024-10-04, in 9d");
  BOOST_TEST(finding_at(end - 15 * 24h).text ==
             "[tls] certificate /etc/client.pem is valid until 2024-10-04");
}

BOOST_AUTO_TEST_CASE(without_a_certificate_nothing_is_said) {
  BOOST_TEST(certificate_findings({}, end).empty());
}

BOOST_AUTO_TEST_SUITE_END()
