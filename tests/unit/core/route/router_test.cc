#include "core/route/router.h"

#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <optional>
#include <set>

#include "core/message/address.h"
#include "core/route/known.h"
#include "core/route/search.h"
#include "core/route/selection.h"
#include "fakes/dice.h"
#include "fakes/table_resolver.h"

using namespace mailpool;
using namespace mailpool::route;
using namespace std::chrono_literals;

namespace {

struct Asker final : RouteListener {
  void on_route(std::shared_ptr<Route const> r) override {
    ++calls;
    route = std::move(r);
    outcome.reset();
    if (then) then();
  }
  void on_no_route(Outcome o) override {
    ++calls;
    outcome = std::move(o);
    route.reset();
    if (then) then();
  }
  std::shared_ptr<Route const> route;
  std::optional<Outcome> outcome;
  int calls = 0;
  std::function<void()> then;
};

struct World {
  World() {
    for (auto const* net : {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"})
      settings.smtp.prohibited.push_back(IpNetwork::parse(net).value());
  }
  Router& router() {
    if (!router_) router_ = std::make_unique<Router>(settings, dns, dice);
    return *router_;
  }
  Asker& ask(std::string const& domain) {
    asker = Asker();
    question = router().find(domain, asker, now);
    return asker;
  }
  /// "host[address]:port ..."
  std::string targets(std::string const& domain) {
    std::string text;
    if (!ask(domain).route) return "no route";
    for (auto const& t : asker.route->targets)
      text += (text.empty() ? "" : " ") + t.host + "[" + t.address.to_string() +
              "]:" + std::to_string(t.port);
    return text;
  }
  /// The first words of the answer: "550 5.1.2".
  std::string answer(std::string const& domain) {
    ask(domain);
    if (!asker.outcome) return asker.calls == 0 ? "nothing yet" : "a route";
    return std::to_string(asker.outcome->code) + " " + asker.outcome->enhanced.to_string();
  }
  std::string site(std::string const& domain) {
    return ask(domain).route ? asker.route->site : "no route";
  }
  NamedSite& named(std::string const& name, std::vector<std::string> mx,
                   std::vector<std::string> domains = {}) {
    auto& site = settings.sites[name];
    site.name = name;
    site.mx = std::move(mx);
    site.domains = std::move(domains);
    site.settings = settings.smtp;
    return site;
  }

  Settings settings;
  fakes::TableResolver dns;
  fakes::NoChance dice;
  TimePoint now{1h};
  Asker asker;
  std::unique_ptr<Question> question;

 private:
  std::unique_ptr<Router> router_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(router, World)

BOOST_AUTO_TEST_CASE(hosts_are_tried_by_preference) {
  dns.mx("example.org", {{20, "b.example.org"}, {10, "a.example.org"}});
  dns.host("a.example.org", {"192.0.2.1"});
  dns.host("b.example.org", {"192.0.2.2"});
  BOOST_TEST(targets("example.org") == "a.example.org[192.0.2.1]:25 b.example.org[192.0.2.2]:25");
  BOOST_TEST(asker.route->targets.front().preference == 10);
  BOOST_TEST(asker.route->hosts == (std::vector<std::string>{"a.example.org", "b.example.org"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_domain_without_mx_is_its_own_host) {
  dns.host("example.org", {"192.0.2.1"});
  BOOST_TEST(targets("example.org") == "example.org[192.0.2.1]:25");
  BOOST_TEST(asker.route->site == "example.org");
}

BOOST_AUTO_TEST_CASE(a_failed_mx_lookup_is_never_taken_for_an_absent_mx) {
  dns.host("example.org", {"192.0.2.1"});
  dns.mx_fails("example.org", DnsStatus::Failure, "timeout");
  BOOST_TEST(answer("example.org") == "451 4.4.3");
  BOOST_TEST(asker.outcome->text.find("timeout") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(f3_nxdomain_is_550_5_1_2) {
  BOOST_TEST(answer("missing.example") == "550 5.1.2");
}

BOOST_AUTO_TEST_CASE(f5_null_mx_is_556_5_1_10_even_with_addresses) {
  dns.mx("example.org", {{0, ""}});
  dns.host("example.org", {"192.0.2.1"});
  BOOST_TEST(answer("example.org") == "556 5.1.10");
}

BOOST_AUTO_TEST_CASE(a_root_beside_other_mx_records_is_passed_over) {
  dns.mx("example.org", {{0, ""}, {10, "a.example.org"}});
  dns.host("a.example.org", {"192.0.2.1"});
  BOOST_TEST(targets("example.org") == "a.example.org[192.0.2.1]:25");
}

BOOST_AUTO_TEST_CASE(f1_servfail_and_bogus_are_451_4_4_3) {
  dns.mx_fails("servfail.example", DnsStatus::Failure);
  dns.mx_fails("bogus.example", DnsStatus::Bogus, "signature expired");
  BOOST_TEST(answer("servfail.example") == "451 4.4.3");
  BOOST_TEST(answer("bogus.example") == "451 4.4.3");
  BOOST_TEST(asker.outcome->text.find("DNSSEC") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(
    each_target_says_which_named_site_its_host_belongs_to_unless_it_is_the_routes) {
  settings.sites["big"] = {"big", {".big.example"}, {}, settings.smtp};
  settings.sites["listed"] = {"listed", {}, {"listed.example"}, settings.smtp};
  dns.host("mx.big.example", {"192.0.2.1", "2001:db8::1"});
  dns.host("mx.own.example", {"192.0.2.2"});
  auto const sites_of = [&](std::string const& domain) {
    std::string text;
    for (auto const& target : ask(domain).route->targets)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", target.host, target.site);
    return text;
  };
  dns.mx("all.example", {{10, "mx.big.example"}});
  BOOST_TEST(sites_of("all.example") == "mx.big.example: mx.big.example:");
  dns.mx("mixed.example", {{10, "mx.big.example"}, {20, "mx.own.example"}});
  BOOST_TEST(sites_of("mixed.example") == "mx.big.example:big mx.big.example:big mx.own.example:");
  dns.mx("listed.example", {{10, "mx.big.example"}, {20, "mx.own.example"}});
  BOOST_TEST(sites_of("listed.example") == "mx.big.example: mx.big.example: mx.own.example:",
             "whoever lists a domain says whose it is");
}

BOOST_AUTO_TEST_CASE(f8_mx_names_that_are_no_host_names_are_passed_over) {
  using namespace std::string_literals;
  dns.mx("mixed.example", {{5, "evil\r\nRCPT TO:<x>.example"},
                           {6, "nul\0.example"s},
                           {7, "192.0.2.9"},
                           {8, "-x.example"},
                           {9, "a..example"},
                           {10, "ok.example"}});
  dns.host("ok.example", {"192.0.2.1"});
  BOOST_TEST(targets("mixed.example") == "ok.example[192.0.2.1]:25");
  dns.mx("junk.example", {{5, "a b.example"}});
  dns.host("junk.example", {"192.0.2.3"});
  BOOST_TEST(answer("junk.example") == "550 5.4.4");
  MxAnswer all_rejected;
  all_rejected.status = DnsStatus::Answer;
  all_rejected.rejected = 2;
  dns.mx_answer("rejected.example", all_rejected);
  BOOST_TEST(answer("rejected.example") == "550 5.4.4");
}

BOOST_AUTO_TEST_CASE(mx_hosts_that_have_no_address_for_good_are_550_5_4_4) {
  dns.mx("example.org", {{10, "missing.example.org"}, {20, "empty.example.org"}});
  dns.host("empty.example.org", {});
  BOOST_TEST(answer("example.org") == "550 5.4.4");
}

BOOST_AUTO_TEST_CASE(an_implicit_mx_without_address_is_550_5_4_4) {
  dns.host("example.org", {});
  BOOST_TEST(answer("example.org") == "550 5.4.4");
}

BOOST_AUTO_TEST_CASE(one_failed_address_lookup_among_unusable_hosts_defers) {
  dns.mx("example.org", {{10, "missing.example.org"}, {20, "failing.example.org"}});
  dns.host("failing.example.org", {});
  dns.host_fails("failing.example.org", IpAddress::Family::V6);
  BOOST_TEST(answer("example.org") == "451 4.4.3");
}

BOOST_AUTO_TEST_CASE(a_failed_address_lookup_does_not_hold_up_the_other_hosts) {
  dns.mx("example.org", {{10, "failing.example.org"}, {20, "b.example.org"}});
  dns.host_fails("failing.example.org");
  dns.host("b.example.org", {"192.0.2.2"}, 1h);
  BOOST_TEST(targets("example.org") == "b.example.org[192.0.2.2]:25");
  BOOST_TEST((asker.route->expires == now + partial_ttl));
}

BOOST_AUTO_TEST_CASE(f11_to_f15_prohibited_addresses_are_550_5_4_4) {
  for (auto const* bad : {"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.1.1",
                          "fe80::1", "64:ff9b::7f00:1"}) {
    std::string const domain = "d" + std::to_string(dns.questions) + ".example";
    dns.mx(domain, {{10, "mx." + domain}});
    dns.host("mx." + domain, {bad});
    BOOST_TEST(answer(domain) == "550 5.4.4", bad);
    BOOST_TEST(asker.outcome->text.find("prohibited") != std::string::npos);
  }
}

// Each block of IANA's registries of special-purpose addresses (IPv4 of 2024-10-22, IPv6 of
// 2025-10-09), then multicast and what other addresses hold inside: what the shipped options say of
// its first and its last address.
BOOST_AUTO_TEST_CASE(each_special_purpose_block_is_decided) {
  enum class Is : std::uint8_t {
    Nobodys,   // refused, whatever the option says
    ThisHost,  // refused by default: this machine and its link
    Theirs,    // a host's, or may be one's inside: private, shared, reachable by all
    Unused,    // no host has one: the connection fails by itself
  };
  struct Block {
    std::string_view name;
    std::string_view first;
    std::string_view last;
    Is is;
  };
  std::array const blocks{
      // IPv4
      Block{"0.0.0.0/32 this host on this network", "0.0.0.0", "0.0.0.0", Is::Nobodys},
      Block{"0.0.0.0/8 this network", "0.0.0.1", "0.255.255.255", Is::ThisHost},
      Block{"10.0.0.0/8 private use", "10.0.0.0", "10.255.255.255", Is::Theirs},
      Block{"100.64.0.0/10 shared address space", "100.64.0.0", "100.127.255.255", Is::Theirs},
      Block{"127.0.0.0/8 loopback", "127.0.0.0", "127.255.255.255", Is::ThisHost},
      Block{"169.254.0.0/16 link local", "169.254.0.0", "169.254.255.255", Is::ThisHost},
      Block{"172.16.0.0/12 private use", "172.16.0.0", "172.31.255.255", Is::Theirs},
      Block{"192.0.0.0/24 IETF protocol assignments", "192.0.0.11", "192.0.0.255", Is::Unused},
      Block{"192.0.0.0/29 IPv4 service continuity prefix", "192.0.0.0", "192.0.0.7", Is::Theirs},
      Block{"192.0.0.8/32 IPv4 dummy address", "192.0.0.8", "192.0.0.8", Is::Unused},
      Block{"192.0.0.9/32 port control protocol anycast", "192.0.0.9", "192.0.0.9", Is::Theirs},
      Block{"192.0.0.10/32 TURN anycast", "192.0.0.10", "192.0.0.10", Is::Theirs},
      Block{"192.0.0.170/32, 171/32 NAT64 discovery", "192.0.0.170", "192.0.0.171", Is::Unused},
      Block{"192.0.2.0/24 TEST-NET-1", "192.0.2.0", "192.0.2.255", Is::Unused},
      Block{"192.31.196.0/24 AS112-v4", "192.31.196.0", "192.31.196.255", Is::Theirs},
      Block{"192.52.193.0/24 AMT", "192.52.193.0", "192.52.193.255", Is::Theirs},
      Block{"192.88.99.0/24 6to4 relay anycast", "192.88.99.0", "192.88.99.255", Is::Unused},
      Block{"192.88.99.2/32 6a44 relay anycast", "192.88.99.2", "192.88.99.2", Is::Unused},
      Block{"192.168.0.0/16 private use", "192.168.0.0", "192.168.255.255", Is::Theirs},
      Block{"192.175.48.0/24 direct delegation AS112", "192.175.48.0", "192.175.48.255",
            Is::Theirs},
      Block{"198.18.0.0/15 benchmarking", "198.18.0.0", "198.19.255.255", Is::Unused},
      Block{"198.51.100.0/24 TEST-NET-2", "198.51.100.0", "198.51.100.255", Is::Unused},
      Block{"203.0.113.0/24 TEST-NET-3", "203.0.113.0", "203.0.113.255", Is::Unused},
      Block{"240.0.0.0/4 reserved", "240.0.0.0", "255.255.255.254", Is::Unused},
      Block{"255.255.255.255/32 limited broadcast", "255.255.255.255", "255.255.255.255",
            Is::Nobodys},
      Block{"224.0.0.0/4 multicast", "224.0.0.0", "239.255.255.255", Is::Nobodys},
      // IPv6
      Block{"::1/128 loopback", "::1", "::1", Is::ThisHost},
      Block{"::/128 unspecified", "::", "::", Is::Nobodys},
      Block{"::ffff:0:0/96 IPv4-mapped, of 0.0.0.0 and multicast", "::ffff:0.0.0.0",
            "::ffff:239.255.255.255", Is::Nobodys},
      Block{"::ffff:0:0/96 IPv4-mapped, of loopback", "::ffff:127.0.0.0", "::ffff:127.255.255.255",
            Is::ThisHost},
      Block{"::ffff:0:0/96 IPv4-mapped, of a host", "::ffff:8.8.8.8", "::ffff:203.1.0.1",
            Is::Theirs},
      Block{"64:ff9b::/96 translation, of 0.0.0.0 and multicast", "64:ff9b::", "64:ff9b::efff:ffff",
            Is::Nobodys},
      Block{"64:ff9b::/96 translation, of loopback", "64:ff9b::7f00:0", "64:ff9b::7fff:ffff",
            Is::ThisHost},
      Block{"64:ff9b::/96 translation, of a host", "64:ff9b::808:808", "64:ff9b::cb01:1",
            Is::Theirs},
      Block{"64:ff9b:1::/48 local translation, of 0.0.0.0 and multicast",
            "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:efff:ffff", Is::Nobodys},
      Block{"64:ff9b:1::/48 local translation, of loopback", "64:ff9b:1::7f00:1",
            "64:ff9b:1:fffe::7fff:ffff", Is::ThisHost},
      Block{"64:ff9b:1::/48 local translation, of a host", "64:ff9b:1::a00:1",
            "64:ff9b:1:ffff::808:808", Is::Theirs},
      Block{"100::/64 discard only", "100::", "100::ffff:ffff:ffff:ffff", Is::Unused},
      Block{"100:0:0:1::/64 dummy IPv6 prefix", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff",
            Is::Unused},
      Block{"2001::/23 IETF protocol assignments", "2001:5::", "2001:1ff:ffff::1", Is::Theirs},
      Block{"2001::/32 TEREDO", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", Is::Theirs},
      Block{"2001:1::1/128 port control protocol anycast", "2001:1::1", "2001:1::1", Is::Theirs},
      Block{"2001:1::2/128 TURN anycast", "2001:1::2", "2001:1::2", Is::Theirs},
      Block{"2001:1::3/128 DNS-SD SRP anycast", "2001:1::3", "2001:1::3", Is::Theirs},
      Block{"2001:2::/48 benchmarking", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff",
            Is::Unused},
      Block{"2001:3::/32 AMT", "2001:3::", "2001:3:ffff::1", Is::Theirs},
      Block{"2001:4:112::/48 AS112-v6", "2001:4:112::", "2001:4:112:ffff::1", Is::Theirs},
      Block{"2001:10::/28 ORCHID, deprecated", "2001:10::", "2001:1f:ffff::1", Is::Unused},
      Block{"2001:20::/28 ORCHIDv2", "2001:20::", "2001:2f:ffff::1", Is::Theirs},
      Block{"2001:30::/28 drone remote ID", "2001:30::", "2001:3f:ffff::1", Is::Theirs},
      Block{"2001:db8::/32 documentation", "2001:db8::", "2001:db8:ffff::1", Is::Unused},
      Block{"2002::/16 6to4, of 0.0.0.0 and multicast", "2002::", "2002:efff:ffff::1", Is::Nobodys},
      Block{"2002::/16 6to4, of loopback and link local", "2002:7f00:1::1", "2002:a9fe:a9fe::1",
            Is::ThisHost},
      Block{"2002::/16 6to4, of a host", "2002:a00:1::1", "2002:808:808::1", Is::Theirs},
      Block{"2620:4f:8000::/48 direct delegation AS112", "2620:4f:8000::", "2620:4f:8000:ffff::1",
            Is::Theirs},
      Block{"3fff::/20 documentation", "3fff::", "3fff:fff:ffff::1", Is::Unused},
      Block{"5f00::/16 segment routing SIDs", "5f00::", "5f00:ffff::1", Is::Unused},
      Block{"fc00::/7 unique local", "fc00::", "fdff:ffff::1", Is::Theirs},
      Block{"fe80::/10 link-local unicast", "fe80::", "febf:ffff::1", Is::ThisHost},
      Block{"ff00::/8 multicast", "ff00::", "ffff:ffff::1", Is::Nobodys},
      Block{"::/96 IPv4-compatible, deprecated, of this network", "::2", "::ff:ffff", Is::ThisHost},
      Block{"::/96 IPv4-compatible, deprecated, of loopback", "::127.0.0.1", "::127.255.255.255",
            Is::ThisHost}};
  auto const defaults = SiteSettings().prohibited;
  for (auto const& block : blocks)
    for (auto const text : {block.first, block.last}) {
      auto const address = IpAddress::parse(text).value();
      BOOST_TEST(is_prohibited(address, {}, {}) == (block.is == Is::Nobodys),
                 block.name << ": " << text);
      BOOST_TEST(is_prohibited(address, defaults, {}) == (block.is <= Is::ThisHost),
                 block.name << ": " << text);
    }
}

BOOST_AUTO_TEST_CASE(an_address_literal_leads_to_nobodys_addresses_no_more_than_mx_does) {
  named("lab", {}, {"[IPv6:::]"}).settings.prohibited.clear();
  for (auto const* literal : {"[IPv6:::]", "[0.0.0.0]", "[IPv6:ff02::1]", "[224.0.0.1]",
                              "[IPv6:::ffff:0.0.0.0]", "[IPv6:2002::]"})
    BOOST_TEST(answer(canonical_domain(literal).value()) == "550 5.4.4", literal);
}

BOOST_AUTO_TEST_CASE(prohibited_addresses_are_left_out_beside_good_ones) {
  dns.mx("example.org", {{10, "a.example.org"}});
  dns.host("a.example.org", {"127.0.0.1", "192.0.2.1"});
  BOOST_TEST(targets("example.org") == "a.example.org[192.0.2.1]:25");
}

BOOST_AUTO_TEST_CASE(the_sites_own_prohibited_list_counts) {
  named("lab", {}, {"example.org"}).settings.prohibited.clear();
  dns.mx("example.org", {{10, "a.example.org"}});
  dns.host("a.example.org", {"127.0.0.1"});
  BOOST_TEST(targets("example.org") == "a.example.org[127.0.0.1]:25");
}

BOOST_AUTO_TEST_CASE(f14_hosts_at_and_above_the_own_preference_are_discarded) {
  router().set_own_addresses({IpAddress::parse("192.0.2.50").value()});
  dns.mx("example.org", {{10, "a.example.org"},
                         {20, "me.example.org"},
                         {20, "peer.example.org"},
                         {30, "c.example.org"}});
  dns.host("a.example.org", {"192.0.2.1"});
  dns.host("me.example.org", {"192.0.2.50"});
  dns.host("peer.example.org", {"192.0.2.2"});
  dns.host("c.example.org", {"192.0.2.3"});
  BOOST_TEST(targets("example.org") == "a.example.org[192.0.2.1]:25");
}

BOOST_AUTO_TEST_CASE(f14_the_own_address_as_best_mx_is_a_loop_550_5_4_6) {
  router().set_own_addresses({IpAddress::parse("192.0.2.50").value()});
  dns.mx("example.org", {{10, "me.example.org"}, {20, "b.example.org"}});
  dns.host("me.example.org", {"::ffff:192.0.2.50"});
  dns.host("b.example.org", {"192.0.2.2"});
  BOOST_TEST(answer("example.org") == "550 5.4.6");
}

BOOST_AUTO_TEST_CASE(f14_a_better_host_whose_lookup_fails_defers_instead_of_looping) {
  router().set_own_addresses({IpAddress::parse("192.0.2.50").value()});
  dns.mx("example.org", {{10, "a.example.org"}, {20, "me.example.org"}});
  dns.host_fails("a.example.org");
  dns.host("me.example.org", {"192.0.2.50"});
  BOOST_TEST(answer("example.org") == "451 4.4.3");
}

BOOST_AUTO_TEST_CASE(new_own_addresses_are_noticed_at_once) {
  dns.host("example.org", {"192.0.2.50"});
  BOOST_TEST(answer("example.org") == "a route");
  router().set_own_addresses({IpAddress::parse("192.0.2.50").value()});
  BOOST_TEST(answer("example.org") == "550 5.4.6");
}

BOOST_AUTO_TEST_CASE(f6_fifty_hosts_with_fifty_addresses_cost_a_bounded_effort) {
  std::vector<MxRecord> records;
  for (int i = 0; i < 50; ++i) {
    auto const host = "mx" + std::to_string(i) + ".example.org";
    records.push_back({static_cast<std::uint16_t>(i), host});
    std::vector<std::string> addresses;
    for (int j = 1; j <= 50; ++j)
      addresses.push_back("192.0." + std::to_string(i) + "." + std::to_string(j));
    dns.host(host, addresses);
  }
  dns.mx("example.org", records);
  BOOST_TEST(ask("example.org").route->targets.size() == most_targets);
  BOOST_TEST(dns.questions == 1 + 2 * most_hosts_asked);
  std::set<std::string> hosts;
  for (auto const& t : asker.route->targets) hosts.insert(t.host);
  BOOST_TEST(hosts.size() == 2U, "the backup gets a try");
}

BOOST_AUTO_TEST_CASE(more_dead_hosts_than_are_looked_up_defer) {
  std::vector<MxRecord> records;
  for (int i = 0; i < 11; ++i)
    records.push_back({10, "missing" + std::to_string(i) + ".example.org"});
  dns.mx("example.org", records);
  BOOST_TEST(answer("example.org") == "451 4.4.4");
}

BOOST_AUTO_TEST_CASE(a_host_named_twice_counts_once_at_its_best_preference) {
  dns.mx("example.org", {{30, "a.example.org"}, {20, "b.example.org"}, {10, "a.example.org"}});
  dns.host("a.example.org", {"192.0.2.1"});
  dns.host("b.example.org", {"192.0.2.2"});
  BOOST_TEST(targets("example.org") == "a.example.org[192.0.2.1]:25 b.example.org[192.0.2.2]:25");
}

BOOST_AUTO_TEST_CASE(ip_chooses_families) {
  dns.mx("example.org", {{10, "a.example.org"}});
  dns.host("a.example.org", {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"});
  auto const with = [&](IpPreference ip) {
    settings.smtp.ip = ip;
    router().reconfigure(settings);
    ask("example.org");
    std::string families;
    for (auto const& t : asker.route->targets) families += t.address.is_v4() ? '4' : '6';
    return families;
  };
  BOOST_TEST(with(IpPreference::Any) == "6464");
  BOOST_TEST(with(IpPreference::Prefer4) == "4466");
  BOOST_TEST(with(IpPreference::Prefer6) == "6644");
  BOOST_TEST(with(IpPreference::Only4) == "44");
  auto const before = dns.questions;
  BOOST_TEST(with(IpPreference::Only6) == "66");
  BOOST_TEST(dns.questions - before == 2U, "MX and AAAA alone");
}

BOOST_AUTO_TEST_CASE(hosts_that_only_the_option_ip_rules_out_are_deferred_not_bounced) {
  settings.smtp.ip = IpPreference::Only4;
  dns.host("example.org", {"2001:db8::1"});
  BOOST_TEST(answer("example.org") == "451 4.4.4");
  BOOST_TEST(answer("[IPv6:2001:db8::1]") == "451 4.4.4");
  BOOST_TEST(asker.outcome->text.find("ip = \"4\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_address_literal_is_its_only_host) {
  BOOST_TEST(targets("[192.0.2.1]") == "192.0.2.1[192.0.2.1]:25");
  BOOST_TEST(targets("[IPv6:2001:db8::1]") == "2001:db8::1[2001:db8::1]:25");
  BOOST_TEST(asker.route->site == "ipv6.2001-db8--1");
  BOOST_TEST(dns.questions == 0U);
  BOOST_TEST(answer("[127.0.0.1]") == "550 5.4.4");
}

BOOST_AUTO_TEST_CASE(the_port_is_that_of_the_site) {
  settings.smtp.port = 2525;
  named("lab", {}, {"lab.example"}).settings.port = 26;
  dns.host("example.org", {"192.0.2.1"});
  dns.host("lab.example", {"192.0.2.2"});
  BOOST_TEST(targets("example.org") == "example.org[192.0.2.1]:2525");
  BOOST_TEST(targets("lab.example") == "lab.example[192.0.2.2]:26");
}

BOOST_AUTO_TEST_CASE(a_route_replaces_mx_and_may_be_local) {
  settings.routes["lab.test"] = {{"127.0.0.1", 2525}, {"relay.example", 587}};
  dns.host("relay.example", {"127.0.0.2"});
  router().set_own_addresses({IpAddress::parse("127.0.0.2").value()});
  BOOST_TEST(targets("lab.test") == "127.0.0.1[127.0.0.1]:2525 relay.example[127.0.0.2]:587");
  for (auto const& t : asker.route->targets) BOOST_TEST(t.may_be_local, t.host);
  BOOST_TEST(asker.route->why_this_site == "[route] \"lab.test\"");
}

BOOST_AUTO_TEST_CASE(the_exact_route_comes_first_then_the_nearest_parent_then_the_star) {
  settings.routes["a.b.example"] = {{"192.0.2.1", 25}};
  settings.routes[".b.example"] = {{"192.0.2.2", 25}};
  settings.routes[".example"] = {{"192.0.2.3", 25}};
  settings.routes["*"] = {{"192.0.2.4", 25}};
  BOOST_TEST(targets("a.b.example") == "192.0.2.1[192.0.2.1]:25");
  BOOST_TEST(targets("x.b.example") == "192.0.2.2[192.0.2.2]:25");
  BOOST_TEST(targets("y.x.b.example") == "192.0.2.2[192.0.2.2]:25");
  BOOST_TEST(targets("b.example") == "192.0.2.3[192.0.2.3]:25", "a parent is not its own child");
  BOOST_TEST(targets("example.org") == "192.0.2.4[192.0.2.4]:25");
  BOOST_TEST(targets("[198.51.100.1]") == "192.0.2.4[192.0.2.4]:25");
}

BOOST_AUTO_TEST_CASE(a_route_to_a_name_that_does_not_exist_defers) {
  settings.routes["lab.test"] = {{"missing.example", 25}};
  BOOST_TEST(answer("lab.test") == "451 4.4.4");
  settings.routes["empty.test"] = {};
  BOOST_TEST(answer("empty.test") == "451 4.4.4");
}

BOOST_AUTO_TEST_CASE(a_cached_answer_comes_before_find_returns_and_expires_with_its_ttl) {
  dns.mx("example.org", {{10, "a.example.org"}}, 10min);
  dns.host("a.example.org", {"192.0.2.1"}, 2min);
  ask("example.org");
  BOOST_TEST((asker.route->expires == now + 2min));
  auto const asked = dns.questions;
  now += 2min - 1ns;
  BOOST_TEST(ask("example.org").calls == 1);
  BOOST_TEST((question == nullptr));
  BOOST_TEST(dns.questions == asked);
  now += 1ns;
  ask("example.org");
  BOOST_TEST(dns.questions == asked + 3);
}

BOOST_AUTO_TEST_CASE(lifetimes_are_bounded_and_count_from_the_question) {
  dns.host("long.example", {"192.0.2.1"}, 48h);
  dns.mx("long.example", {{10, "long.example"}}, 48h);
  BOOST_TEST((ask("long.example").route->expires == now + longest_ttl));
  dns.mx("zero.example", {{10, "long.example"}}, 0s);
  BOOST_TEST((ask("zero.example").route->expires == now + shortest_ttl));
}

BOOST_AUTO_TEST_CASE(failures_are_remembered_shortly_and_negatives_a_little_longer) {
  dns.mx_fails("failing.example", DnsStatus::Failure);
  ask("failing.example");
  ask("missing.example");
  BOOST_TEST(dns.questions == 2U);
  now += failure_ttl - 1ns;
  ask("failing.example");
  BOOST_TEST(dns.questions == 2U);
  now += 1ns;
  ask("failing.example");
  BOOST_TEST(dns.questions == 3U);
  now += longest_negative_ttl - failure_ttl - 1ns;
  ask("missing.example");
  BOOST_TEST(dns.questions == 3U);
  now += 1ns;
  ask("missing.example");
  BOOST_TEST(dns.questions == 4U);
}

BOOST_AUTO_TEST_CASE(the_same_domain_is_asked_once_for_all_who_wait) {
  dns.answers_at_once = false;
  dns.host("example.org", {"192.0.2.1"});
  Asker second;
  ask("example.org");
  auto const other = router().find("example.org", second, now);
  BOOST_TEST(dns.questions == 1U);
  BOOST_TEST((question != nullptr && other != nullptr));
  dns.answer_all();
  BOOST_TEST(asker.calls == 1);
  BOOST_TEST(second.calls == 1);
}

BOOST_AUTO_TEST_CASE(addresses_of_all_hosts_are_asked_for_at_once) {
  dns.answers_at_once = false;
  dns.mx("example.org", {{10, "a.example.org"}, {20, "b.example.org"}});
  dns.host("a.example.org", {"192.0.2.1"});
  dns.host("b.example.org", {"192.0.2.2"});
  ask("example.org");
  dns.answer_one();
  BOOST_TEST(dns.waiting() == 4U);
  BOOST_TEST(asker.calls == 0);
  dns.answer_all();
  BOOST_TEST(asker.calls == 1);
}

BOOST_AUTO_TEST_CASE(a_dropped_question_is_not_answered_and_its_answer_is_kept) {
  dns.answers_at_once = false;
  dns.host("example.org", {"192.0.2.1"});
  ask("example.org");
  question.reset();
  dns.answer_all();
  BOOST_TEST(asker.calls == 0);
  BOOST_TEST(router().cached() == 1U);
}

BOOST_AUTO_TEST_CASE(a_listener_may_drop_another_question_for_the_same_domain) {
  dns.answers_at_once = false;
  dns.host("example.org", {"192.0.2.1"});
  Asker second;
  ask("example.org");
  auto other = router().find("example.org", second, now);
  asker.then = [&] { other.reset(); };
  dns.answer_all();
  BOOST_TEST(asker.calls == 1);
  BOOST_TEST(second.calls == 0);
}

BOOST_AUTO_TEST_CASE(a_listener_may_ask_again_and_drop_its_own_question) {
  dns.answers_at_once = false;
  dns.host("example.org", {"192.0.2.1"});
  Asker inner;
  ask("example.org");
  asker.then = [&] {
    question.reset();
    BOOST_TEST((router().find("example.org", inner, now) == nullptr), "answered from the cache");
  };
  dns.answer_all();
  BOOST_TEST(inner.calls == 1);
}

BOOST_AUTO_TEST_CASE(a_listener_may_destroy_the_router) {
  for (bool const at_once : {true, false}) {
    dns.answers_at_once = at_once;
    dns.host("example.org", {"192.0.2.1"});
    auto mortal = std::make_unique<Router>(settings, dns, dice);
    Asker first;
    Asker second;
    first.then = [&] { mortal.reset(); };
    auto const a = mortal->find("example.org", first, now);
    auto const b = at_once ? nullptr : mortal->find("example.org", second, now);
    dns.answer_all();
    BOOST_TEST(first.calls == 1);
    BOOST_TEST(second.calls == (at_once ? 0 : 1));
  }
}

BOOST_AUTO_TEST_CASE(destroying_the_router_drops_its_questions_and_answers_nobody) {
  dns.answers_at_once = false;
  auto mortal = std::make_unique<Router>(settings, dns, dice);
  Asker first;
  auto const waiting = mortal->find("example.org", first, now);
  mortal.reset();
  BOOST_TEST(dns.waiting() == 0U);
  BOOST_TEST(dns.dropped == 1U);
  BOOST_TEST(first.calls == 0);
}

BOOST_AUTO_TEST_CASE(new_settings_forget_routes_and_searches_under_way_begin_anew) {
  auto old = std::make_unique<Settings>(settings);
  Router fresh(*old, dns, dice);
  dns.answers_at_once = false;
  dns.mx("example.org", {{10, "a.example.org"}});
  dns.host("a.example.org", {"192.0.2.1"});
  Asker waiting;
  auto const q = fresh.find("example.org", waiting, now);
  dns.answer_one();
  settings.routes["example.org"] = {{"127.0.0.1", 2525}};
  fresh.reconfigure(settings);
  old.reset();
  dns.answer_all();
  BOOST_TEST(waiting.calls == 1);
  BOOST_TEST(waiting.route->targets.front().port == 2525);
}

BOOST_AUTO_TEST_CASE(the_cache_is_bounded) {
  settings.routes["*"] = {{"192.0.2.1", 25}};
  for (int i = 0; i < 131'080; ++i) ask("d" + std::to_string(i) + ".example");
  BOOST_TEST(router().cached() == 131'072U);
}

BOOST_AUTO_TEST_CASE(domains_that_nobody_asks_for_any_more_are_forgotten_after_their_ttl) {
  settings.routes["*"] = {{"192.0.2.1", 25}};
  for (int i = 0; i < 1000; ++i) ask("old" + std::to_string(i) + ".example");
  now += longest_ttl;
  for (int i = 0; i < 500; ++i) ask("new" + std::to_string(i) + ".example");
  BOOST_TEST(router().cached() == 500U);
}

BOOST_AUTO_TEST_CASE(too_many_searches_under_way_defer_at_once) {
  dns.answers_at_once = false;
  std::vector<std::unique_ptr<Question>> questions;
  Asker many;
  for (int i = 0; i < 10'000; ++i)
    questions.push_back(router().find("d" + std::to_string(i) + ".example", many, now));
  BOOST_TEST(many.calls == 0);
  BOOST_TEST(answer("one-more.example") == "451 4.4.3");
}

BOOST_AUTO_TEST_CASE(all_domains_at_a_host_with_many_addresses_use_the_same_few) {
  fakes::Dice chance;
  Router salted(settings, dns, chance);
  std::vector<std::string> addresses;
  for (int i = 1; i <= 20; ++i) addresses.push_back("192.0.2." + std::to_string(i));
  dns.host("mx.provider.example", addresses);
  std::set<std::string> used;
  for (int i = 0; i < 20; ++i) {
    auto const domain = "d" + std::to_string(i) + ".example";
    dns.mx(domain, {{10, "mx.provider.example"}});
    Asker each;
    auto const q = salted.find(domain, each, now);
    for (auto const& t : each.route->targets) used.insert(t.address.to_string());
  }
  BOOST_TEST(used.size() == most_targets);
}

BOOST_AUTO_TEST_CASE(equal_preferences_are_shuffled_for_every_caller) {
  fakes::Dice chance;
  Router shuffling(settings, dns, chance);
  dns.mx("example.org", {{10, "a.example.org"}, {10, "b.example.org"}, {20, "c.example.org"}});
  for (char c : {'a', 'b', 'c'})
    dns.host(std::string(1, c) + ".example.org", {std::string("192.0.2.") + std::to_string(c)});
  int a_first = 0;
  for (int i = 0; i < 1000; ++i) {
    Asker each;
    auto const q = shuffling.find("example.org", each, now);
    a_first += each.route->targets.front().host == "a.example.org" ? 1 : 0;
    BOOST_TEST(each.route->targets.back().host == "c.example.org");
  }
  BOOST_TEST(a_first > 400);
  BOOST_TEST(a_first < 600);
}

BOOST_AUTO_TEST_SUITE_END()
