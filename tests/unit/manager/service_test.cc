// What --check knows of the service, and how a service that cannot start is slowed down.

#include <sys/stat.h>
#include <utime.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>

#include "fakes/contains.h"
#include "manager/check_places.h"
#include "manager/failed_starts.h"
#include "manager/service_sandbox.h"
#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::chrono_literals;

namespace {

// The unit of the package.
std::string const unit = [] {
  std::ifstream file(MAILPOOL_SOURCE_DIR "/packaging/systemd/mailpool.service");
  return std::string(std::istreambuf_iterator<char>(file), {});
}();

bool says(std::vector<std::string> const& lines, std::string_view words) {
  for (auto const& line : lines)
    if (contains(line, words)) return true;
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(service)

BOOST_AUTO_TEST_CASE(the_units_writable_places_are_known) {
  ServiceSandbox const sandbox(unit);
  BOOST_TEST(sandbox.user() == "mailpool");
  for (auto const* good : {"/var/log/mailpool/mail.log", "/var/lib/mailpool/x", "/tmp/x",
                           "/var/spool/postfix/mailpool/map", "/run/mailpool/imap/a.sock"})
    BOOST_TEST(sandbox.why_not_writable(good).empty(), good);
  for (auto const* bad : {"/var/log/mail.log", "/var/log/mailpool2/x", "/srv/log", "/etc/x"})
    BOOST_TEST(contains(sandbox.why_not_writable(bad), "ProtectSystem=strict"), bad);
  BOOST_TEST(contains(sandbox.why_not_writable("/root/log"), "ProtectHome"));
  BOOST_TEST(contains(sandbox.why_not_visible("/home/me/key.pem"), "ProtectHome"));
  BOOST_TEST(sandbox.why_not_visible("/etc/mailpool/key.pem").empty());
}

BOOST_AUTO_TEST_CASE(a_drop_in_adds_to_the_unit) {
  ServiceSandbox const sandbox(unit + "\n[Service]\n# a comment = x\nReadWritePaths=-/srv/log\n");
  BOOST_TEST(sandbox.why_not_writable("/srv/log/mail.log").empty());
  BOOST_TEST(!sandbox.why_not_writable("/srv/logs").empty());
}

BOOST_AUTO_TEST_CASE(a_unit_without_a_sandbox_forbids_nothing) {
  ServiceSandbox const sandbox("[Service]\nUser=\nProtectSystem=no\nProtectHome=no\n");
  BOOST_TEST(sandbox.why_not_writable("/srv/log").empty());
  BOOST_TEST(sandbox.why_not_visible("/root/key").empty());
}

BOOST_AUTO_TEST_CASE(a_log_file_that_the_service_could_not_write_is_a_mistake) {
  tests::Scratch const place;
  Settings settings;
  settings.log.to = "/var/log/mail.log";
  BOOST_TEST(says(places_out_of_reach(settings, ServiceSandbox(unit)),
                  "[log] to: /var/log/mail.log: the service may not write there"));
  settings.log.to = place / "no-such-directory/mail.log";
  BOOST_TEST(says(places_out_of_reach(settings, std::nullopt), "[log] to: "));
  settings.log.to = place / "mail.log";
  BOOST_TEST(places_out_of_reach(settings, std::nullopt).empty());
  settings.log.to = "syslog";
  BOOST_TEST(places_out_of_reach(settings, ServiceSandbox(unit)).empty());
}

BOOST_AUTO_TEST_CASE(secrets_and_keys_are_looked_at) {
  tests::Scratch const place;
  Settings settings;
  settings.logins["shop"].password_file = place / "missing";
  BOOST_TEST(says(places_out_of_reach(settings, std::nullopt), "[login.shop] password_file: "));
  std::ofstream(place / "open") << "secret\n";
  ::chmod((place / "open").c_str(), 0644);
  settings.logins["shop"].password_file = place / "open";
  auto const open = places_out_of_reach(settings, std::nullopt);
  BOOST_TEST(says(open, "chmod 0600"));
  BOOST_TEST(!says(open, "secret\n"));
  ::chmod((place / "open").c_str(), 0600);
  BOOST_TEST(places_out_of_reach(settings, std::nullopt).empty());
  settings.logins["shop"].password_file = "/root/secret";
  BOOST_TEST(says(places_out_of_reach(settings, ServiceSandbox(unit)), "ProtectHome"));
}

BOOST_AUTO_TEST_CASE(one_start_that_fails_ends_at_once_the_next_ones_wait_longer_and_longer) {
  tests::Scratch const place;
  FailedStarts const starts(place / "");
  BOOST_CHECK(starts.note() == 0s);
  BOOST_CHECK(starts.note() == 1s);
  BOOST_CHECK(starts.note() == 2s);
  BOOST_CHECK(starts.note() == 4s);
  BOOST_CHECK(starts.note() == 8s);
  BOOST_CHECK(starts.note() == 10s);
  BOOST_CHECK(starts.note() == 10s);
  utimbuf const long_ago{1, 1};
  ::utime((place / "failed-starts").c_str(), &long_ago);
  BOOST_CHECK(starts.note() == 0s);
  BOOST_CHECK(starts.note() == 1s);
  starts.forget();
  BOOST_CHECK(starts.note() == 0s);
}

BOOST_AUTO_TEST_SUITE_END()
