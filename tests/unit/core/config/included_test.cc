// Several files that make up the configuration: who wins, and which file a mistake is named in.

#include "core/config/included.h"

#include <boost/test/unit_test.hpp>

#include "core/config/load.h"

using namespace mailpool;

namespace {

std::string const providers = R"([site.google]
mx = [".google.com"]
max_connections = 5
max_messages = 50
[site.yahoo]
mx = [".yahoodns.net"]
[[rule]]
site = "google"
reply = 'from providers'
do = "suspend"
)";

Loaded loaded(std::string_view own, std::vector<ConfigurationText> const& included) {
  return load_settings(own, "/etc/mailpool.toml", included);
}
Settings good(std::string_view own, std::string const& text = providers) {
  auto const all = loaded(own, {{"/etc/providers.toml", text}});
  for (auto const& mistake : all.mistakes) BOOST_TEST(false, mistake.to_line());
  return all.settings;
}
std::string lines(std::string_view own, std::string const& text = providers) {
  std::string all;
  for (auto const& mistake : loaded(own, {{"/etc/providers.toml", text}}).mistakes)
    all += mistake.to_line() + "\n";
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(included)

BOOST_AUTO_TEST_CASE(an_included_file_counts_as_if_it_stood_there) {
  auto const settings = good("");
  BOOST_TEST(settings.sites.at("google").settings.max_connections == 5U);
  BOOST_TEST(settings.rules.size() == 1U);
  BOOST_TEST(settings.rules[0].where() == "/etc/providers.toml:7");
}

BOOST_AUTO_TEST_CASE(what_stands_in_the_configuration_wins_key_by_key) {
  auto const settings = good("[site.google]\nmax_connections = 20\n");
  auto const& google = settings.sites.at("google");
  BOOST_TEST(google.settings.max_connections == 20U);
  BOOST_TEST(google.settings.max_messages == 50U);
  BOOST_TEST(google.mx == std::vector<std::string>{".google.com"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_later_included_file_wins_over_an_earlier_one) {
  auto const all = loaded("", {{"a", providers}, {"b", "[site.google]\nmax_connections = 7\n"}});
  BOOST_TEST(all.is_good());
  BOOST_TEST(all.settings.sites.at("google").settings.max_connections == 7U);
}

BOOST_AUTO_TEST_CASE(rules_of_the_configuration_come_before_those_that_are_included) {
  auto const settings = good("[[rule]]\nsite = 'yahoo'\nreply = 'own'\ndo = 'suspend'\n");
  BOOST_REQUIRE(settings.rules.size() == 2U);
  BOOST_TEST(settings.rules[0].reply == "own");
  BOOST_TEST(settings.rules[1].reply == "from providers");
}

BOOST_AUTO_TEST_CASE(a_site_of_the_configuration_takes_its_hosts_from_an_included_one) {
  auto const settings = good("[site.gmail]\nmx = ['.google.com']\nmax_connections = 3\n");
  BOOST_TEST(settings.sites.count("google") == 0U);
  BOOST_TEST(settings.sites.at("gmail").settings.max_connections == 3U);
  BOOST_TEST(settings.rules.empty());  // they were about a site that has no hosts any more
}

BOOST_AUTO_TEST_CASE(two_sites_of_one_file_do_not_share_hosts) {
  BOOST_TEST(lines("", providers + "[site.other]\nmx = ['.google.com']\n") ==
             "/etc/providers.toml:12: [site.other] mx: \".google.com\" stands in line 2 already; "
             "right would be only one of the two\n");
}

BOOST_AUTO_TEST_CASE(a_mistake_is_named_in_the_file_it_stands_in) {
  BOOST_TEST(lines("[smtp]\nmax_connections = 0\n", "[site.google]\nmx = ['google.com']\n") ==
             "/etc/mailpool.toml:2: [smtp] max_connections: 0 is too small; right would be a whole "
             "number from 1 to 10000\n"
             "/etc/providers.toml:2: [site.google] mx: \"google.com\" does not begin with a dot; "
             "right would be a dot and the end of the MX hosts' names, such as \".google.com\"\n");
  BOOST_TEST(lines("[site.google]\nrat = '5/s'\n") ==
             "/etc/mailpool.toml:2: [site.google] rat is not an option; right would be rate\n");
}

BOOST_AUTO_TEST_CASE(a_broken_included_file_is_named_and_nothing_else_is_complained_about) {
  BOOST_TEST(lines("[site.google]\nmax_connections = 20\n", "[site.google\n")
                 .find("/etc/providers.toml:1: not TOML: ") == 0U);
  auto const all = loaded("[site.google]\nmax_connections = 20\n", {{"a", "= 1\n"}});
  BOOST_TEST(all.mistakes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_included_file_includes_no_others) {
  BOOST_TEST(lines("", "include = ['x']\n") ==
             "/etc/providers.toml:1: include: an included file includes no others; right would be "
             "their names in the configuration file itself\n");
}

BOOST_AUTO_TEST_CASE(more_min_idle_than_an_included_site_allows_is_no_mistake) {
  auto const settings = good("[smtp]\nmin_idle = 8\n");
  BOOST_TEST(settings.sites.at("google").settings.min_idle == 5U);
  BOOST_TEST(settings.sites.at("yahoo").settings.min_idle == 8U);
}

BOOST_AUTO_TEST_CASE(without_include_providers_toml_is_taken_in_where_it_exists) {
  auto const files = included_files("", "/etc/mailpool/mailpool.toml");
  BOOST_REQUIRE(files.size() == 1U);
  BOOST_TEST(files[0].path == "/etc/mailpool/providers.toml");
  BOOST_TEST(!files[0].is_wanted);
}

BOOST_AUTO_TEST_CASE(files_named_by_include_must_exist_and_stand_beside_the_configuration) {
  auto const files = included_files("include = [\n 'a.toml',\n '/srv/b.toml']\n", "/etc/m/m.toml");
  BOOST_REQUIRE(files.size() == 2U);
  BOOST_TEST(files[0].path == "/etc/m/a.toml");
  BOOST_TEST(files[0].line == 2U);
  BOOST_TEST(files[0].is_wanted);
  BOOST_TEST(files[1].path == "/srv/b.toml");
  BOOST_TEST(included_files("include = []\n", "/etc/m/m.toml").empty());
  BOOST_TEST(included_files("include = 'x'\n", "/etc/m/m.toml").empty());
  BOOST_TEST(included_files("= 1", "/etc/m/m.toml").empty());
  BOOST_TEST(included_files("include = ['a']", "m.toml")[0].path == "a");
}

BOOST_AUTO_TEST_SUITE_END()
