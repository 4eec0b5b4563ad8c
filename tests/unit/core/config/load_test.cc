#include "core/config/load.h"

#include <boost/test/unit_test.hpp>

#include "core/config/host_port.h"
#include "fakes/contains.h"

using namespace mailpool;
using namespace std::chrono_literals;

namespace {

Settings good(std::string_view text) {
  auto const loaded = load_settings(text, "mailpool.toml");
  for (auto const& mistake : loaded.mistakes) BOOST_ERROR(mistake.to_line());
  return loaded.settings;
}

// All lines that --check would print, each with its line end.
std::string mistakes(std::string_view text) {
  std::string lines;
  for (auto const& mistake : load_settings(text, "f").mistakes) lines += mistake.to_line() + "\n";
  return lines;
}

// Exactly one mistake, in this line, and its words hold `part`.
void expect(std::string_view text, unsigned line, std::string_view part) {
  auto const found = load_settings(text, "f").mistakes;
  BOOST_TEST(found.size() == 1U, text << " gave\n" << mistakes(text));
  if (found.size() != 1) return;
  BOOST_TEST(found[0].line == line, found[0].to_line());
  BOOST_TEST(contains(found[0].to_line(), part), found[0].to_line() << "\nlacks: " << part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(load)

BOOST_AUTO_TEST_CASE(an_empty_file_is_the_defaults) {
  BOOST_CHECK(good("") == Settings());
  BOOST_CHECK(good("# nothing\n[smtp]\n[lmtp]\n") == Settings());
}

BOOST_AUTO_TEST_CASE(a_site_starts_from_smtp_wherever_that_stands) {
  auto const settings = good(R"(
[site.google]
domains = ["gmail.com"]
max_connections = 5
[smtp]
max_messages = 7
max_connections = 9
[postfix]
fallback = "defer"
[site.other]
mx = [".example.net"]
fallback = "smtp"
)");
  auto const& google = settings.sites.at("google");
  BOOST_TEST(google.settings.max_connections == 5U);
  BOOST_TEST(google.settings.max_messages == 7U);
  BOOST_CHECK(google.settings.fallback == Fallback::Defer);
  BOOST_CHECK(settings.sites.at("other").settings.fallback == Fallback::Smtp);
  BOOST_TEST(settings.sites.at("other").settings.max_connections == 9U);
  BOOST_CHECK(settings.smtp.fallback == Fallback::Defer);
}

BOOST_AUTO_TEST_CASE(domains_become_lower_case_a_labels_everywhere) {
  auto const settings = good(R"(
[domain."Bücher.Example"]
rate = "5/s"
[site.one]
mx = [".MX.Example"]
domains = ["EXAMPLE.org"]
[route]
".Lab.Example" = ["MX.Lab.example:2525"]
[postfix]
exclude_domains = ["Intern.Example"]
)");
  BOOST_TEST(settings.domains.count("xn--bcher-kva.example") == 1U);
  BOOST_TEST(settings.sites.at("one").mx[0] == ".mx.example");
  BOOST_TEST(settings.sites.at("one").domains[0] == "example.org");
  BOOST_TEST(settings.routes.at(".lab.example")[0].host == "mx.lab.example");
  BOOST_TEST(settings.postfix.exclude_domains[0] == "intern.example");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_names_the_nearest_known_one) {
  expect("[smtp]\n\nmax_conections = 3\n", 3,
         "max_conections is not an option; right would be max_connections");
  expect("[site.a]\ndomains=['a.example']\nidle_timout='1s'", 3, "idle_timeout");
  expect("[site.a]\ndomain=['a.example']\nmx=['.b.example']", 2, "domains");
  expect("hostnam = 'a'", 1, "right would be hostname");
  expect("[smpt]\n", 1, "[smpt] is not a section; right would be [smtp]");
  expect("[[rules]]\n", 1, "[rules] is not a section");
}

BOOST_AUTO_TEST_CASE(a_known_key_in_the_wrong_section_is_told_where_it_belongs) {
  expect("[smtp]\nmax_wait = '1s'", 2, "right would be [lmtp] max_wait");
  expect("max_messages = 3", 1, "right would be [smtp] max_messages");
  expect("listen = 3", 1, "right would be [lmtp] listen or [control] listen or ");
}

BOOST_AUTO_TEST_CASE(what_is_not_toml_has_its_line) {
  expect("[log]\nto = syslog\n", 2, "not TOML");
  expect("[log]\nto = 'a'\nto = 'b'\n", 3, "not TOML");
  expect(std::string_view("a = '\xff'\n"), 1, "not TOML");
}

BOOST_AUTO_TEST_CASE(a_file_of_another_editor_reads_the_same) {
  BOOST_TEST(good("\xef\xbb\xbf[smtp]\r\nmax_messages = 3\r\n").smtp.max_messages == 3U);
  BOOST_TEST(good("smtp.max_messages = 3").smtp.max_messages == 3U);
  BOOST_TEST(good("smtp = { max_messages = 3 }").smtp.max_messages == 3U);
}

BOOST_AUTO_TEST_CASE(a_file_is_at_most_one_mebibyte) {
  std::string text(most_octets_of_configuration, '\n');
  BOOST_TEST(mistakes(text) == "");
  text += '\n';
  BOOST_TEST(contains(mistakes(text), "f: the file is larger than 1 MiB"));
}

BOOST_AUTO_TEST_SUITE_END()
