// Each kind of mistake that spans options, sections or names, with the line it is reported in and
// the words.
#include <boost/test/unit_test.hpp>

#include "core/config/load.h"

using namespace mailpool;

namespace {

std::string lines(std::string_view text) {
  std::string all;
  for (auto const& mistake : load_settings(text, "f").mistakes) all += mistake.to_line() + "\n";
  return all;
}

// The file has this one mistake.
void one(std::string_view text, std::string_view line) {
  BOOST_TEST(lines(text) == std::string(line) + "\n");
}
void none(std::string_view text) {
  BOOST_TEST(lines(text) == "");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mistakes)

BOOST_AUTO_TEST_CASE(ten_mistakes_are_named_at_once_in_the_order_of_their_lines) {
  auto const found = load_settings(R"(hostnme = "mail.example.com"
drain_timeout = "30 seconds"
[lmtp]
max_connections = 0
socket_mode = 660
[smtp]
tls = "must"
rate = "100"
prohibited = [
  "10.0.0.0/8",
  "10.0.0.0/99",
]
[site.h0ff]
mx = ["google.com"]
[route]
"lab.test" = ["127.0.0.1"]
)",
                                   "mailpool.toml")
                         .mistakes;
  std::vector<unsigned> const expected{1, 2, 4, 5, 7, 8, 11, 13, 14, 16};
  std::vector<unsigned> at;
  for (auto const& mistake : found) {
    at.push_back(mistake.line);
    BOOST_TEST(!mistake.would_be_right.empty());
    BOOST_TEST(mistake.file == "mailpool.toml");
  }
  BOOST_TEST(at == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_line_says_where_what_and_what_would_be_right) {
  one("[smtp]\nmax_messages = 0\n",
      "f:2: [smtp] max_messages: 0 is too small; right would be a whole number from 1 to 1000000");
  one("[smtp]\nmax_messages = \"10\"\n",
      "f:2: [smtp] max_messages: \"10\" is a string; right would be a whole number from 1 to "
      "1000000");
}

BOOST_AUTO_TEST_CASE(an_item_of_a_list_has_its_own_line) {
  one("[postfix]\nexclude_domains = [\n 'a.example',\n\n 'b..example' ]\n",
      "f:5: [postfix] exclude_domains: \"b..example\" is not a domain; right would be a domain "
      "such as "
      "\"example.org\"");
}

BOOST_AUTO_TEST_CASE(a_domain_belongs_to_one_site) {
  one("[site.a]\ndomains = ['x.example']\n[site.b]\ndomains = ['y.example',\n'X.example']\n",
      "f:5: [site.b] domains: \"x.example\" stands in line 2 already; right would be only one of "
      "the two");
  none("[site.a]\ndomains = ['x.example']\n[site.b]\ndomains = ['y.x.example']\n");
}

BOOST_AUTO_TEST_CASE(an_mx_suffix_belongs_to_one_site) {
  one("[site.a]\nmx = ['.x.example']\n[site.b]\nmx = ['.X.example']\n",
      "f:4: [site.b] mx: \".x.example\" stands in line 2 already; right would be only one of the "
      "two");
  none("[site.a]\nmx = ['.x.example']\n[site.b]\nmx = ['.y.x.example']\n");
}

BOOST_AUTO_TEST_CASE(an_mx_suffix_begins_with_a_dot) {
  one("[site.a]\nmx = ['google.com']\n",
      "f:2: [site.a] mx: \"google.com\" does not begin with a dot; right would be a dot and the "
      "end of the MX hosts' "
      "names, such as \".google.com\"");
}

BOOST_AUTO_TEST_CASE(a_sites_name_can_be_a_door) {
  for (auto name : {"a", "a-1", "0", "h00", "h0000", "h00g", "hotmail"})
    none(std::string("[site.") + name + "]\nmx = ['.a.example']\n");
  for (auto name : {"h000", "h3ff", "hfff"})
    BOOST_TEST(lines(std::string("[site.") + name + "]\nmx = ['.a.example']\n").find("is taken") !=
                   std::string::npos,
               name);
  for (auto name : {"A", "a_b", "'a.b'", "'a/b'", "''", "'a b'"})
    BOOST_TEST(lines(std::string("[site.") + name + "]\nmx = ['.a.example']\n")
                       .find("is not a site's name") != std::string::npos,
               name);
  none("[site." + std::string(63, 'a') + "]\nmx = ['.a.example']\n");
  BOOST_TEST(lines("[site." + std::string(64, 'a') + "]\nmx = ['.a.example']\n") != "");
}

BOOST_AUTO_TEST_CASE(a_site_that_nothing_belongs_to_is_a_mistake) {
  one("[site.google]\nmax_connections = 5\n",
      "f:1: [site.google] has neither mx nor domains, so no mail would belong to it; right would "
      "be mx = "
      "[\".example.com\"] or domains = [\"example.com\"]");
}

BOOST_AUTO_TEST_CASE(a_domain_stands_once_whatever_its_spelling) {
  one("[domain.'x.example']\n[domain.'X.EXAMPLE']\n",
      "f:2: [domain.\"X.EXAMPLE\"]: \"x.example\" stands in line 1 already; right would be only "
      "one of the two");
  one("[route]\n'x.example' = ['192.0.2.1:25']\n'X.example' = ['192.0.2.1:25']\n",
      "f:3: [route] \"X.example\": \"x.example\" stands in line 2 already; right would be only one "
      "of the two");
}

BOOST_AUTO_TEST_CASE(a_domain_without_quotes_is_told_about_them) {
  one("[domain.example.org]\nrate = '5/s'\n",
      "f:1: [domain.\"example\"]: the dots of a domain make sections within sections; right would "
      "be quotes around it, "
      "such as [domain.\"example.org\"]");
  one("[route]\nlab.test = ['127.0.0.1:2525']\n",
      "f:2: [route] \"lab\": the dots of a domain make sections within sections; right would be "
      "quotes around it: "
      "\"lab.test\" = [\"192.0.2.1:25\"]");
}

BOOST_AUTO_TEST_CASE(domains_are_exact_and_routes_may_have_a_parent_or_a_star) {
  for (auto key : {"'x.example'", "'.x.example'", "'*'", "x"})
    none(std::string("[route]\n") + key + " = ['192.0.2.1:25']\n");
  for (auto key : {"'*.x.example'", "'.'", "''", "'x..example'", "'a b'"})
    BOOST_TEST(
        lines(std::string("[route]\n") + key + " = ['192.0.2.1:25']\n").find("is not a domain") !=
            std::string::npos,
        key);
  for (auto key : {"'.x.example'", "'*'", "''"})
    BOOST_TEST(
        lines(std::string("[domain.") + key + "]\n").find("names no domain") != std::string::npos,
        key);
}

BOOST_AUTO_TEST_CASE(a_route_has_hosts_with_ports) {
  one("[route]\n'x.example' = ['mx.x.example']\n",
      "f:2: [route] \"x.example\": \"mx.x.example\" has no port; right would be a host and its "
      "port, such as "
      "\"192.0.2.1:25\", \"[2001:db8::1]:25\" or \"mx.example.com:25\"");
  BOOST_TEST(lines("[route]\n'x.example' = []\n").find("the list is empty") != std::string::npos);
  BOOST_TEST(lines("[route]\n'x.example' = '192.0.2.1:25'\n").find("is a string") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(more_idle_connections_than_connections_are_a_mistake_where_the_sum_is_made) {
  one("[smtp]\nmax_connections = 3\nmin_idle = 4\n",
      "f:3: [smtp] min_idle: 4 connections cannot be kept where max_connections is 3; right would "
      "be min_idle = 3 at "
      "most");
  none("[smtp]\nmax_connections = 3\nmin_idle = 3\n");
  one("[site.a]\nmx = ['.a.example']\nmax_connections = 3\n[smtp]\nmin_idle = 4\n",
      "f:3: [site.a] min_idle: 4 connections cannot be kept where max_connections is 3; right "
      "would be min_idle = 3 at "
      "most");
}

BOOST_AUTO_TEST_CASE(a_value_that_could_not_be_read_is_not_compared) {
  BOOST_TEST(load_settings("[smtp]\nmax_connections = 0\nmin_idle = 4000\n", "f").mistakes.size() ==
             1U);
  BOOST_TEST(
      load_settings("[lmtp]\nmemory_limit = '1KB'\nspill_above = '1GiB'\n", "f").mistakes.size() ==
      1U);
}

BOOST_AUTO_TEST_CASE(what_spills_late_must_fit_into_memory) {
  one("[lmtp]\nspill_above = '2MiB'\nmemory_limit = '1MiB'\n",
      "f:2: [lmtp] spill_above: a body of \"2MiB\" would not fit into memory_limit, which is "
      "\"1MiB\"; right would be "
      "spill_above = \"1MiB\" at most");
}

BOOST_AUTO_TEST_CASE(a_section_is_a_section) {
  one("smtp = 5\n", "f:1: smtp is a number, not a section; right would be [smtp]");
  one("[[smtp]]\n", "f:1: smtp is a list, not a section; right would be [smtp]");
  one("[site]\ngoogle = 'x'\n",
      "f:2: google is a string, not a section; right would be [site.NAME]");
  one("[smtp.rate]\n",
      "f:1: [smtp] rate: is a section; right would be a rate such as \"100/s\", \"600/min, burst "
      "20\", \"5000/h\" or "
      "\"100000/d\", or \"\" for no limit");
}

BOOST_AUTO_TEST_CASE(sections_of_other_versions_are_unknown) {
  for (auto section : {"[quic]"})
    BOOST_TEST(lines(std::string(section) + "\n").find("is not a section") != std::string::npos,
               section);
}

BOOST_AUTO_TEST_CASE(a_source_that_does_not_exist_is_named_with_its_line_and_the_nearest_one) {
  one("[smtp]\nsource = 'west'\n",
      "f:2: [smtp] source: there is no [source.west] and no [pool.west]; right would be a section "
      "[source.west]");
  one("[source.west]\n[site.a]\nmx = ['.a.example']\nsource = 'wets'\n",
      "f:4: [site.a] source: there is no [source.wets] and no [pool.wets]; right would be west");
  one("[tenant.acme]\nsource = 'x'\n",
      "f:2: [tenant.acme] source: there is no [source.x] and no [pool.x]; right would be a section "
      "[source.x]");
  one("[sender_domain.'example.org']\nsource = 'x'\n",
      "f:2: [sender_domain.example.org] source: there is no [source.x] and no [pool.x]; right "
      "would "
      "be a section [source.x]");
  one("[source.west]\n[pool.both]\nsources = { west = 1, east = 2 }\n",
      "f:3: [pool.both] sources: there is no [source.east]; right would be west");
  none("[smtp]\nsource = 'both'\n[pool.both]\nsources = { west = 1 }\n[source.west]\n");
}

BOOST_AUTO_TEST_CASE(names_of_sources_pools_and_tenants_stand_for_one_thing) {
  one("[source.a]\n[pool.a]\nsources = { a = 1 }\n",
      "f:2: [pool.a] has the name of a source; right would be another name");
  one("[source.West]\n",
      "f:1: [source.West] is not a name; right would be small letters, digits and hyphens, at most "
      "63, such as [source.west]");
  one("[pool.a]\n", "f:1: [pool.a] has no sources; right would be sources = { west = 1 }");
  one("[tenant.a]\nsender_domains = ['x.example']\n[tenant.b]\nsender_domains = ['X.example']\n",
      "f:4: [tenant.b] sender_domains: \"x.example\" stands in line 2 already; right would be only "
      "one of the two");
}

BOOST_AUTO_TEST_CASE(hostile_text_in_a_file_cannot_write_lines_or_colours) {
  for (auto text : {"[smtp]\n\"a\\nb\\u001b[31m\" = 1\n", "[log]\nto = \"a\\nf:1: b\"\n",
                    "[site.\"a\\nb\"]\nmx=['.a.example']\n", "[route]\n\"a\\nb\" = [\"x\\ny:1\"]\n",
                    "\"x\\ny\" = 1\n"})
    for (auto const& mistake : load_settings(text, "f").mistakes)
      BOOST_TEST(mistake.to_line().find_first_of("\n\x1b") == std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(numbers_of_sites_domains_and_routes_are_bounded) {
  std::string text = "[route]\n";
  for (int i = 0; i < 10001; ++i) text += "d" + std::to_string(i) + ".example = 1\n";
  BOOST_TEST(load_settings(text, "f").mistakes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_thousand_mistakes_are_enough) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  BOOST_TEST(load_settings(text, "f").mistakes.size() == 1000U);
  for (int i = 1000; i < 3000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  auto const mistakes = load_settings(text, "f").mistakes;
  BOOST_TEST(mistakes.size() == 1001U);
  BOOST_TEST(mistakes.front().to_line() ==
             "f: more than 1000 mistakes; right would be a file of another kind");
}

BOOST_AUTO_TEST_SUITE_END()
