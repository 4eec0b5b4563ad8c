#include "core/config/reference.h"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sstream>

#include "core/base/text.h"
#include "core/config/load.h"
#include "core/config/options.h"

using namespace mailpool;

namespace {

std::string file(std::string const& path) {
  std::ifstream in(MAILPOOL_SOURCE_DIR "/" + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Settings good(std::string const& text) {
  auto const loaded = load_settings(text, "f");
  for (auto const& mistake : loaded.mistakes) BOOST_ERROR(mistake.to_line());
  return loaded.settings;
}

// Lines that are commented out, "#key = value" and "#[section]", are taken in; prose, "# words",
// stays.
std::string taken_in(std::string const& sample) {
  std::string text;
  for (auto line : split(sample, '\n')) {
    bool const is_setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += std::string(is_setting ? line.substr(1) : line) + "\n";
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reference)

BOOST_AUTO_TEST_CASE(the_sample_file_is_the_defaults) {
  BOOST_CHECK(good(sample_file()) == Settings());
}

BOOST_AUTO_TEST_CASE(every_line_of_the_sample_file_works_when_it_is_taken_in) {
  auto const settings = good(taken_in(sample_file()));
  BOOST_CHECK(settings.smtp == SiteSettings());
  BOOST_CHECK(settings.lmtp == LmtpSettings());
  BOOST_TEST(settings.sites.count("google") == 1U);
  BOOST_TEST(settings.domains.count("example.org") == 1U);
  BOOST_TEST(settings.routes.count("lab.test") == 1U);
}

BOOST_AUTO_TEST_CASE(the_sample_file_and_the_manual_show_every_option) {
  auto const sample = sample_file();
  auto const manual = manual_options();
  for (auto const& option : options()) {
    BOOST_TEST(sample.find("\n#" + option.key + " = ") != std::string::npos, option.full_name());
    BOOST_TEST(manual.find("\n.It Cm " + option.key + "\n") != std::string::npos,
               option.full_name());
  }
}

BOOST_AUTO_TEST_CASE(an_example_with_every_section_reads_as_written) {
  auto const settings = good(file("tests/unit/core/config/contract_example.toml"));
  Settings expected;
  expected.hostname = "mail.example.com";
  expected.smtp.tls = TlsLevel::May;
  auto& domain = expected.domains["example.org"];
  domain.max_connections = 2;
  domain.rate = Rate::parse("5/s").value();
  auto& google = expected.sites["google"];
  google.name = "google";
  google.settings.tls = TlsLevel::May;
  google.mx = {".google.com", ".googlemail.com"};
  google.domains = {"gmail.com", "googlemail.com"};
  google.settings.max_connections = 5;
  google.settings.max_messages = 50;
  google.settings.rate = Rate::parse("100/s").value();
  expected.routes["lab.test"] = {{"127.0.0.1", 2525}};
  BOOST_CHECK(settings == expected);
}

BOOST_AUTO_TEST_CASE(settings_written_as_a_file_are_the_same_settings_when_read) {
  BOOST_CHECK(good(settings_as_toml(Settings())) == Settings());
  auto settings = good(file("tests/unit/core/config/contract_example.toml"));
  BOOST_CHECK(good(settings_as_toml(settings)) == settings);
  settings = good(R"(
hostname = "[192.0.2.7]"
[postfix]
fallback = "defer"
exclude_domains = ["bücher.example", "b.example"]
[smtp]
max_connections = 77
rate = "600/min, burst 3"
prohibited = []
tls = "encrypt"
ip = "prefer6"
[site.a-1]
mx = [".a.example"]
fallback = "smtp"
rate = ""
min_idle = 2
prohibited = ["10.0.0.0/8"]
[domain."x.example"]
rate = "1/d"
[total]
max_connections = 500
connect_rate = "10/s"
[source.west]
address = ["192.0.2.10", "2001:db8::10"]
ehlo_name = "west.example.com"
warm_up = { start = "2026-12-01", plan = [50, 100] }
[source.east]
address = "192.0.2.11"
[pool.both]
sources = { west = 3, east = 1 }
[sender_domain."y.example"]
source = "both"
recipient_rate = "5/s, burst 9"
[tenant.acme]
sender_domains = ["a.example"]
priority = 100
max_recipients = 5
source = "west"
[route]
"*" = ["[2001:db8::1]:26", "mx.example.com:25"]
".p.example" = ["192.0.2.1:25"]
[log]
to = "/var/log/a \"b\".log"
)");
  BOOST_CHECK(good(settings_as_toml(settings)) == settings);
}

BOOST_AUTO_TEST_SUITE_END()
