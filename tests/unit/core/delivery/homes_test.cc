// Domains with mixed or backup MX: a host of a provider is used under the provider's limits, and
// what it says acts there alone.

#include <boost/test/unit_test.hpp>

#include "core/config/load.h"
#include "fakes/contains.h"
#include "fakes/delivery_lab.h"
#include "fakes/table_resolver.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

constexpr auto big_host = "192.0.2.10";
constexpr auto own_host = "192.0.2.20";
constexpr auto throttled = "451 4.7.28 unusual rate\r\n";

// all.test is big's; of the others some hosts are.
struct HomesLab : DeliveryLab {
  HomesLab() {
    settings.smtp.max_waiting = 10'000;
    settings.lmtp.slots = 20'000;
    settings.sites["big"] = {"big", {".big.test"}, {}, settings.smtp};
    dns.host("mx.big.test", {big_host});
    dns.host("own.other.test", {own_host});
    dns.mx("all.test", {{10, "mx.big.test"}});
    dns.mx("backup.test", {{10, "mx.big.test"}, {20, "own.other.test"}});
    dns.mx("even.test", {{10, "mx.big.test"}, {10, "own.other.test"}});
    dns.mx("behind.test", {{10, "own.other.test"}, {20, "mx.big.test"}});
  }
  ~HomesLab() {
    dispatcher.reset();
    router.reset();
  }
  SiteSettings& big() { return settings.sites["big"].settings; }
  void begin_with_dns() {
    router = std::make_unique<route::Router>(settings, dns, random);
    context = std::make_unique<delivery::Context>(network, random, log, clock, store);
    dispatcher = std::make_unique<delivery::Dispatcher>(settings, *router, *context);
  }
  void rule(std::string const& text) {
    auto const loaded = load_settings("[site.big]\nmx = ['.big.test']\n[[rule]]\n" + text, "f");
    BOOST_REQUIRE_MESSAGE(loaded.mistakes.empty(), text);
    settings.rules.insert(settings.rules.end(), loaded.settings.rules.begin(),
                          loaded.settings.rules.end());
  }
  // That host says `reply` to MAIL; "" makes it good again.
  void say(std::string host, std::string reply) {
    network.behaviour.answer = [host = std::move(host), reply = std::move(reply)](
                                   SimulatedServer& server, std::string const& line) {
      bool const is_meant =
          !reply.empty() && server.address.address.to_string() == host && line.starts_with("MAIL");
      return is_meant ? reply : std::string("?");
    };
  }
  void send_many(int n, std::string const& domain) {
    if (!dispatcher) begin_with_dns();
    for (int i = 0; i < n; ++i) send({"u" + std::to_string(i) + "@" + domain});
    settle();
  }
  [[nodiscard]] std::size_t open_at(std::string_view host) const {
    return static_cast<std::size_t>(
        std::count_if(network.servers.begin(), network.servers.end(), [&](auto const& s) {
          return s->events != nullptr && s->address.address.to_string() == host;
        }));
  }
  [[nodiscard]] std::size_t bodies_at(std::string_view host) const {
    std::size_t n = 0;
    for (auto const& s : network.servers)
      if (s->address.address.to_string() == host)
        n += static_cast<std::size_t>(std::count(s->commands.begin(), s->commands.end(), "<body>"));
    return n;
  }
  [[nodiscard]] delivery::Site const& site(std::string const& domain) { return site_of(domain); }
  [[nodiscard]] delivery::Path const& path_of(std::string const& domain) {
    return site_of(domain).paths().own();
  }
  [[nodiscard]] std::string what_blocks(std::string const& domain) {
    auto const& at = site_of(domain);
    return at.words_for(at.blocked(), clock.now_);
  }

  TableResolver dns;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(homes, HomesLab)

BOOST_AUTO_TEST_CASE(only_hosts_of_a_named_site_that_the_route_is_not_of_have_a_home) {
  send_many(1, "all.test");
  send_many(1, "backup.test");
  BOOST_TEST(site("all.test").name() == "big");
  BOOST_TEST(site("all.test").homes().empty());
  BOOST_REQUIRE(site("backup.test").homes().size() == 1U);
  BOOST_TEST(site("backup.test").homes().front() == &site("all.test"));
}

// Limits

BOOST_AUTO_TEST_CASE(connections_to_a_host_are_counted_with_all_of_its_site) {
  big().max_connections = 2;
  never_answer();
  send_many(20, "backup.test");
  send_many(20, "all.test");
  pass(5s);
  BOOST_TEST(open_at(big_host) == 2U);
  BOOST_TEST(open_at(own_host) == 0U, "a less preferred host is for one that fails");
  BOOST_TEST(site("all.test").guest_connections() == 2U);
  BOOST_TEST(what_blocks("backup.test") ==
             "big: max_connections reached (2), next when one comes free");
  BOOST_TEST(what_blocks("all.test") ==
             "big: max_connections reached (2), next when one comes free");
}

BOOST_AUTO_TEST_CASE(connections_over_all_paths_of_a_site_too) {
  big().site_max_connections = 3;
  never_answer();
  send_many(20, "all.test");
  send_many(20, "backup.test");
  pass(5s);
  BOOST_TEST(open_at(big_host) == 3U);
}

BOOST_AUTO_TEST_CASE(a_rate_is_that_of_all_mail_to_the_hosts_of_a_site) {
  settings.lmtp.max_wait = 5min;
  big().rate = {6, 1min, 1};
  send_many(3, "all.test");
  send_many(3, "backup.test");
  BOOST_TEST(bodies_at(big_host) == 1U);
  BOOST_TEST(bodies_at(own_host) == 0U);
  BOOST_TEST(what_blocks("backup.test") == "big: rate reached (6/min, burst 1), next in 10s");
  pass(61s);
  BOOST_TEST(bodies_at(big_host) == 6U);
  BOOST_TEST(bodies_at(own_host) == 0U);
}

BOOST_AUTO_TEST_CASE(a_rate_over_all_paths_and_of_recipients_too) {
  for (auto* const rate : {&big().site_rate, &big().recipient_rate, &big().site_recipient_rate}) {
    *rate = {1, 1min, 1};
    send_many(1, "all.test");
    send_many(2, "backup.test");
    BOOST_TEST(bodies_at(big_host) == 1U);
    pass(10s);
    BOOST_TEST(bodies_at(big_host) == 1U);
    dispatcher.reset();
    network.servers.clear();
    store = {};
    *rate = {};
  }
}

BOOST_AUTO_TEST_CASE(connect_rates_too) {
  for (auto* const rate : {&big().connect_rate, &big().site_connect_rate}) {
    *rate = {1, 1min, 1};
    never_answer();
    send_many(5, "backup.test");
    send_many(5, "all.test");
    pass(20s);
    BOOST_TEST(open_at(big_host) == 1U);
    dispatcher.reset();
    network.servers.clear();
    *rate = {};
  }
}

BOOST_AUTO_TEST_CASE(another_host_as_good_is_used_meanwhile) {
  big().rate = {1, 1h, 1};
  send_many(1, "all.test");
  send_many(10, "even.test");
  pass(5s);
  BOOST_TEST(bodies_at(big_host) == 1U);
  BOOST_TEST(bodies_at(own_host) == 10U);
}

BOOST_AUTO_TEST_CASE(a_host_of_ones_own_is_nobody_elses_limit) {
  big().rate = {1, 1h, 1};
  send_many(1, "all.test");
  send_many(10, "behind.test");
  pass(5s);
  BOOST_TEST(bodies_at(own_host) == 10U);
}

BOOST_AUTO_TEST_CASE(a_connection_carries_what_its_hosts_site_says) {
  big().max_messages = 2;
  send_many(1, "backup.test");
  for (int i = 0; i < 5; ++i) deliver("u@backup.test");
  BOOST_TEST(opened() == 3U);
}

BOOST_AUTO_TEST_CASE(each_source_has_its_path_at_home) {
  settings.sources["west"].address = {*IpAddress::parse("192.0.2.101")};
  settings.sources["east"].address = {*IpAddress::parse("192.0.2.102")};
  settings.pools["both"].sources = {{"west", 1}, {"east", 1}};
  settings.smtp.source = big().source = "both";
  big().rate = {1, 1h, 1};
  send_many(6, "backup.test");
  send_many(6, "all.test");
  pass(5s);
  BOOST_TEST(bodies_at(big_host) == 2U, "one by each");
  BOOST_TEST(contains(what_blocks("backup.test"), "big from "), what_blocks("backup.test"));
}

BOOST_AUTO_TEST_CASE(a_warm_up_counts_what_goes_to_the_hosts_of_a_site) {
  auto const today = std::chrono::floor<std::chrono::days>(clock.wall(clock.now_));
  settings.sources["new"].address = {*IpAddress::parse("192.0.2.101")};
  settings.sources["new"].warm_up = {today, {3, 6}};
  settings.smtp.source = big().source = "new";
  send_many(2, "all.test");
  send_many(2, "backup.test");
  pass(1s);
  BOOST_TEST(bodies_at(big_host) == 3U);
  BOOST_TEST(contains(what_blocks("backup.test"), "warm_up reached (3 messages today), next in "),
             what_blocks("backup.test"));
  BOOST_TEST(context->scopes.find_source("new")->warm_up.sent("big", today) == 3U);
}

// Room is passed on.

BOOST_AUTO_TEST_CASE(an_idle_connection_of_a_guest_makes_room_at_home_and_the_other_way) {
  big().max_connections = 1;
  send_many(1, "backup.test");
  BOOST_TEST(open_at(big_host) == 1U);
  BOOST_TEST(deliver("u@all.test").is_delivered());
  pass(1s);
  BOOST_TEST(bodies_at(big_host) == 2U);
  BOOST_TEST(open_at(big_host) == 1U);
  deliver("u@backup.test");
  pass(1s);
  BOOST_TEST(bodies_at(big_host) == 3U);
  BOOST_TEST(open_at(big_host) == 1U);
}

BOOST_AUTO_TEST_CASE(under_a_backlog_of_either_both_get_through) {
  big().max_connections = 1;
  for (int i = 0; i < 50; ++i) {
    send_many(2, "all.test");
    send_many(2, "backup.test");
  }
  pass(60s);
  BOOST_TEST(bodies_at(big_host) == 200U);
  BOOST_TEST(network.most_open <= 1U);
}

// What a host says acts at its own site alone.

BOOST_AUTO_TEST_CASE(a_throttling_reply_lowers_the_path_of_its_host) {
  send_many(1, "all.test");
  say(big_host, throttled);
  send_many(1, "backup.test");
  BOOST_TEST(path_of("all.test").reactions.adaptive().is_lowered());
  BOOST_TEST(!path_of("backup.test").reactions.adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(and_one_of_its_own_host_that_of_the_guest) {
  send_many(1, "all.test");
  say(own_host, throttled);
  send_many(1, "behind.test");
  BOOST_TEST(path_of("behind.test").reactions.adaptive().is_lowered());
  BOOST_TEST(!path_of("all.test").reactions.adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(deliveries_of_a_guest_raise_it_again) {
  send_many(1, "all.test");
  say(big_host, throttled);
  send_many(1, "backup.test");
  say({}, {});
  for (int i = 0; i < 200; ++i) {
    deliver("u@backup.test");
    pass(10s);
  }
  BOOST_TEST(!path_of("all.test").reactions.adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(a_rule_of_the_site_acts_there) {
  rule("site = 'big'\nreply = 'go away'\ndo = 'suspend'\nfor = '1h'\nscope = 'site'");
  send_many(1, "all.test");
  say(big_host, "451 4.7.0 go away\r\n");
  send_many(1, "backup.test");
  say({}, {});
  BOOST_REQUIRE(site("all.test").suspension());
  BOOST_TEST(!site("backup.test").suspension());
  BOOST_TEST(contains(deliver("u@all.test").line(), "big: suspended until"));
  deliver("u@backup.test");
  pass(1s);
  BOOST_TEST(bodies_at(own_host) == 1U, "as if the host failed: the next one is used");
}

BOOST_AUTO_TEST_CASE(a_host_that_backs_off_at_home_is_passed_over) {
  rule("site = 'big'\nreply = 'go away'\ndo = 'back_off'\nfor = '10m'");
  send_many(1, "all.test");
  say(big_host, "451 4.7.0 go away\r\n");
  deliver("u@all.test");
  say({}, {});
  auto const before = bodies_at(big_host);
  deliver("u@backup.test");
  pass(1s);
  BOOST_TEST(bodies_at(own_host) == 1U);
  pass(11min);
  deliver("u@backup.test");
  pass(1s);
  BOOST_TEST(bodies_at(big_host) == before + 1);
}

BOOST_AUTO_TEST_CASE(limits_that_a_rule_sets_later_count_what_is_open) {
  rule(
      "site = 'big'\nreply = 'too many'\ndo = 'set'\nfor = '1h'\nscope = 'site'\nset = { "
      "max_connections = 1 }");
  send_many(1, "all.test");
  never_answer();
  send_many(2, "backup.test");
  pass(1s);
  BOOST_TEST(open_at(big_host) >= 2U);
  say(big_host, "451 4.7.0 too many\r\n");
  deliver("u@all.test");
  pass(1s);
  auto const* const all = site("all.test").all_paths().scope();
  BOOST_REQUIRE(all != nullptr);
  BOOST_TEST(all->connections.in_use() == open_at(big_host));
}

// By hand

BOOST_AUTO_TEST_CASE(a_suspended_home_is_not_used_and_the_words_name_it) {
  dns.mx("nowhere.test", {{10, "mx.big.test"}, {10, "own.other.test"}});
  settings.sites["other"] = {"other", {".other.test"}, {}, settings.smtp};
  send_many(1, "all.test");
  send_many(1, "backup.test");
  auto const bodies = bodies_at(big_host);
  site::Suspension why;
  why.until = clock.now_ + 1h;
  why.reason = "delisting";
  for (auto const* name : {"big", "other"})
    BOOST_TEST(dispatcher->suspend_site(name, why, clock.now_));
  auto& refused = deliver("u@nowhere.test");
  pass(1s);
  BOOST_TEST(contains(refused.line(), ": suspended until"), refused.line());
  BOOST_TEST(contains(refused.line(), "delisting"), refused.line());
  BOOST_TEST(dispatcher->resume_site("other", clock.now_));
  deliver("u@backup.test");
  pass(1s);
  BOOST_TEST(bodies_at(own_host) == 1U);
  BOOST_TEST(bodies_at(big_host) == bodies);
  BOOST_TEST(dispatcher->resume_site("big", clock.now_));
  deliver("u@backup.test");
  pass(1s);
  BOOST_TEST(bodies_at(big_host) == bodies + 1);
}

// What is kept

BOOST_AUTO_TEST_CASE(what_a_guest_used_of_an_hour_outlives_a_restart) {
  big().rate = {2, 1h};
  send_many(2, "backup.test");
  BOOST_TEST(bodies_at(big_host) == 2U);
  dispatcher->keep_counts(1000);
  dispatcher.reset();
  store.restart(clock.wall(clock.now_));
  begin_with_dns();
  static_cast<void>(dispatcher->restore(clock.now_));
  auto& late = deliver("u@all.test");
  pass(1min);
  BOOST_TEST(!late.is_delivered());
  BOOST_TEST(bodies_at(big_host) == 2U);
}

BOOST_AUTO_TEST_CASE(a_home_stays_while_it_has_guests_and_both_go_in_the_end) {
  send_many(1, "all.test");
  send_many(1, "backup.test");
  pass(1h);
  BOOST_TEST(!site("all.test").is_forgettable());
  pass(72h);
  BOOST_TEST(dispatcher->sites().empty());
  send_many(5, "backup.test");
  send_many(5, "all.test");
  never_answer();
  send_many(5, "backup.test");
  dispatcher.reset();  // with all under way: what belongs together goes together
}

// Hosts that are late, preferred or shared, while a home's limit is reached

BOOST_AUTO_TEST_CASE(
    nothing_is_opened_at_a_home_whose_rate_is_reached_while_ones_own_host_is_late) {
  big().rate = {1, 1h};
  send_many(1, "all.test");
  auto const opened = network.servers.size();
  network.behaviour.drops = [](route::Target const& t) {
    return t.address.to_string() == own_host;
  };
  send_many(3, "behind.test");
  pass(25s);
  BOOST_TEST(open_at(big_host) <= 1U);
  std::size_t to_big = 0;
  for (auto i = opened; i < network.servers.size(); ++i)
    if (network.servers[i]->address.address.to_string() == big_host) ++to_big;
  BOOST_TEST(to_big == 0U);
  BOOST_TEST(bodies_at(big_host) == 1U);
}

BOOST_AUTO_TEST_CASE(
    a_lost_connection_to_a_home_whose_rate_is_reached_is_not_made_again_and_again) {
  big().rate = {2, 1h};
  send_many(1, "even.test");
  // The next one is lost in its MAIL, and is to be tried anew at the same host.
  network.behaviour.answer = [](SimulatedServer& server, std::string const& line) {
    bool const is_second =
        std::count(server.commands.begin(), server.commands.end(), "<body>") == 1;
    return line.starts_with("MAIL") && is_second ? std::string("\x04") : std::string("?");
  };
  auto const before = network.servers.size();
  send_many(2, "even.test");
  pass(30s);
  BOOST_TEST(network.servers.size() - before <= 4U);
  BOOST_TEST(bodies_at(big_host) <= 2U);
  BOOST_TEST(bodies_at(big_host) + bodies_at(own_host) == 3U, "the other host takes them");
}

BOOST_AUTO_TEST_CASE(mail_of_one_domain_waits_for_no_home_that_only_another_domain_needs) {
  big().rate = {1, 1h};
  send_many(1, "all.test");
  send({"waits@backup.test"});
  auto const& goes = send({"goes@behind.test"});
  settle();
  BOOST_TEST(site("backup.test").name() == site("behind.test").name());
  BOOST_TEST(goes.is_delivered(), "its own host is free");
  BOOST_TEST(bodies_at(own_host) == 1U);
}

BOOST_AUTO_TEST_CASE(a_connection_from_before_its_host_had_a_home_carries_no_mail_past_its_limits) {
  auto const named = std::exchange(settings.sites, {});
  send_many(1, "backup.test");
  BOOST_TEST(bodies_at(big_host) == 1U);
  settings.sites = named;
  big().rate = {1, 1h};
  router->reconfigure(settings);
  dispatcher->reconfigure(settings, clock.now_);
  send_many(3, "backup.test");
  BOOST_TEST(bodies_at(big_host) == 2U, "one of the hour");
}

BOOST_AUTO_TEST_SUITE_END()
