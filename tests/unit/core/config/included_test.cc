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

BOOST_AUTO_TEST_CASE(a_drop_in_wins_over_the_configuration_and_the_last_one_over_all) {
  std::vector<ConfigurationText> const included{{"/etc/providers.toml", providers}};
  std::vector<ConfigurationText> const drop_ins{
      {"/etc/conf.d/10.toml", "[smtp]\nmax_connections = 7\n[site.google]\nmax_connections = 9\n"},
      {"/etc/conf.d/20.toml", "[smtp]\nmax_connections = 8\n"}};
  auto const all = load_settings("[smtp]\nmax_connections = 6\nmax_messages = 60\n",
                                 "/etc/mailpool.toml", included, drop_ins);
  BOOST_REQUIRE(all.is_good());
  BOOST_TEST(all.settings.smtp.max_connections == 8U);
  BOOST_TEST(all.settings.smtp.max_messages == 60U);
  BOOST_TEST(all.settings.sites.at("google").settings.max_connections == 9U);
}

BOOST_AUTO_TEST_CASE(a_drop_in_is_the_operators_own_its_mistakes_are_named_and_its_sites_win) {
  std::vector<ConfigurationText> const included{{"/etc/providers.toml", providers}};
  auto with = [&](std::string text) {
    std::vector<ConfigurationText> const drop_ins{{"/etc/conf.d/10.toml", std::move(text)}};
    return load_settings("", "/etc/mailpool.toml", included, drop_ins);
  };
  auto const empty = with("[site.mine]\nmax_connections = 3\n");
  BOOST_REQUIRE(empty.mistakes.size() == 1U);
  BOOST_TEST(empty.mistakes[0].to_line().find(
                 "/etc/conf.d/10.toml:1: [site.mine] has neither mx nor domains") == 0U);
  auto const taken = with("[site.mine]\nmx = ['.google.com']\n");
  BOOST_REQUIRE(taken.is_good());
  BOOST_TEST(taken.settings.sites.at("mine").mx.size() == 1U);
  BOOST_TEST(!taken.settings.sites.contains("google"));  // none of its hosts is left
  BOOST_TEST(with("include = ['x']\n").mistakes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_section_that_is_begun_twice_is_an_error_that_names_the_first_line) {
  BOOST_TEST(lines("[smtp]\nmax_connections = 3\n\n[smtp]\nmax_messages = 5\n")
                 .find("; it begins in line 1: put these options there") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
