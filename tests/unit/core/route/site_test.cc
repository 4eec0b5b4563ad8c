#include <boost/test/unit_test.hpp>

#include "core/route/site_directory.h"
#include "core/route/site_name.h"

using namespace mailpool;
using namespace mailpool::route;

namespace {

struct Directory {
  void site(std::string const& name, std::vector<std::string> mx,
            std::vector<std::string> domains = {}) {
    settings.sites[name] = {name, std::move(mx), std::move(domains), settings.smtp};
  }
  SiteChoice choose(std::string const& domain,
                    std::vector<std::pair<int, std::string>> const& hosts,
                    std::string const& route = "") {
    std::vector<Host> list;
    for (auto const& [preference, name] : hosts) {
      Host host;
      host.name = name;
      host.preference = static_cast<std::uint16_t>(preference);
      list.push_back(host);
    }
    return SiteDirectory(settings).choose(domain, list, route);
  }
  Settings settings;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sites, Directory)

BOOST_AUTO_TEST_CASE(the_domains_of_a_named_site_come_before_its_mx) {
  site("google", {".google.com"});
  site("mine", {}, {"example.org"});
  auto const choice = choose("example.org", {{10, "mx.google.com"}});
  BOOST_TEST(choice.name == "mine");
  BOOST_TEST(choice.is_named);
  BOOST_TEST(choice.why == "domains of [site.mine]");
}

BOOST_AUTO_TEST_CASE(mx_suffixes_match_below_their_dot_and_the_longest_wins) {
  site("google", {".google.com"});
  site("special", {".special.google.com"});
  BOOST_TEST(choose("a.example", {{10, "alt1.aspmx.l.google.com"}}).name == "google");
  BOOST_TEST(choose("a.example", {{10, "alt1.aspmx.l.google.com"}}).why ==
             "mx matches .google.com");
  BOOST_TEST(choose("a.example", {{10, "mx.special.google.com"}}).name == "special");
  BOOST_TEST(!choose("a.example", {{10, "mx.notgoogle.com"}}).is_named);
  BOOST_TEST(!choose("a.example", {{10, "google.com"}}).is_named);
}

// What one of its hosts says acts on the whole site: nobody joins one with a host of his own.
BOOST_AUTO_TEST_CASE(a_domain_whose_hosts_do_not_all_match_joins_no_named_site) {
  site("google", {".google.com"});
  site("other", {".other.example"});
  for (auto const& hosts : std::vector<std::vector<std::pair<int, std::string>>>{
           {{10, "mx.google.com"}, {20, "mx.a.example"}},
           {{10, "mx.a.example"}, {20, "mx.google.com"}},
           {{10, "mx.google.com"}, {10, "mx.a.example"}},
           {{10, "mx.google.com"}, {20, "mx.other.example"}}}) {
    auto const choice = choose("a.example", hosts);
    BOOST_TEST(!choice.is_named);
    BOOST_TEST(choice.why == "its MX hosts (mixed: they are not all of one named site)");
  }
  BOOST_TEST(choose("a.example", {{10, "a.google.com"}, {20, "b.google.com"}}).name == "google");
}

BOOST_AUTO_TEST_CASE(equal_preferences_give_the_same_site_in_any_order) {
  site("one", {".one.example"});
  site("two", {".two.example"});
  auto const a = choose("d.example", {{10, "mx.one.example"}, {10, "mx.two.example"}});
  auto const b = choose("d.example", {{10, "mx.two.example"}, {10, "mx.one.example"}});
  BOOST_TEST(a.name == b.name);
}

BOOST_AUTO_TEST_CASE(the_same_hosts_make_the_same_site_whatever_their_order_and_preference) {
  auto const a = choose("a.example", {{10, "mx1.example.com"}, {20, "mx2.example.com"}});
  auto const b = choose("b.example", {{5, "mx2.example.com"}, {5, "mx1.example.com"}});
  BOOST_TEST(a.name == b.name);
  BOOST_TEST(a.name.substr(0, 18) == "mx1.example.com+1-");
  BOOST_TEST(a.why == "its MX hosts");
  BOOST_TEST(choose("c.example", {{10, "mx1.example.com"}, {20, "mx3.example.com"}}).name !=
             a.name);
  BOOST_TEST(choose("c.example", {{10, "mx1.example.com"}}).name == "mx1.example.com");
}

BOOST_AUTO_TEST_CASE(an_automatic_name_is_short_plain_and_never_that_of_a_named_site_or_door) {
  for (auto const& labels : std::vector<std::vector<std::string>>{
           {host_label("localhost")},
           {host_label("h000")},
           {host_label("google", 2525)},
           {host_label("mx_1.example.com")},
           {host_label("2001:db8::1")},
           {host_label("192.0.2.1", 2525)},
           {host_label(std::string(63, 'a') + "." + std::string(63, 'b') + ".example")},
           {host_label("a.example"), host_label("b.example")}}) {
    auto const name = automatic_site_name(labels);
    BOOST_TEST(name.size() <= 90U, name);
    BOOST_TEST(
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-+") == std::string::npos,
        name);
    BOOST_TEST(name.find_first_of(".+") != std::string::npos, name);
  }
}

BOOST_AUTO_TEST_CASE(different_hosts_never_share_a_name) {
  auto const name = [](std::vector<std::string> const& labels) {
    return automatic_site_name(labels);
  };
  BOOST_TEST(name({"mx_1.example.com"}) != name({"mx-1.example.com"}));
  auto const long_tail = std::string(40, 'x') + ".example.com";
  BOOST_TEST(name({std::string(40, 'a') + long_tail}) != name({std::string(40, 'b') + long_tail}));
  BOOST_TEST(name({"a.example", "b.example"}) != name({"a.example", "c.example"}));
  BOOST_TEST(host_label("a.example", 2525) != host_label("a.example"));
}

BOOST_AUTO_TEST_CASE(a_routes_site_is_named_by_its_hosts_and_their_ports) {
  BOOST_TEST(choose("lab.test", {{0, "relay.example"}}, "*").name == "relay.example");
  BOOST_TEST(choose("lab.test", {{0, "relay.example"}}, "*").why == "[route] \"*\"");
}

BOOST_AUTO_TEST_SUITE_END()
