// What is counted for each source by itself: limits, what servers ask for, what was learned, hosts
// that failed, suspensions; and how the sources of a pool share the messages.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>

#include "core/config/load.h"
#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

constexpr auto west_address = "192.0.2.101";
constexpr auto east_address = "192.0.2.102";

// Two sources that share one.test's mail.
struct PathsLab : DeliveryLab {
  PathsLab() {
    settings.smtp.max_waiting = 10'000;
    settings.lmtp.slots = 20'000;
    settings.sources["west"].address = {*IpAddress::parse(west_address)};
    settings.sources["east"].address = {*IpAddress::parse(east_address)};
    settings.pools["both"].sources = {{"west", 1}, {"east", 1}};
    settings.smtp.source = "both";
  }
  void rule(std::string const& text) {
    auto const loaded = load_settings("[[rule]]\n" + text, "f");
    BOOST_REQUIRE_MESSAGE(loaded.mistakes.empty(), text);
    settings.rules.insert(settings.rules.end(), loaded.settings.rules.begin(),
                          loaded.settings.rules.end());
  }
  // Servers say `reply` to MAIL from this address alone; "" makes them good again.
  void say_to(std::string client, std::string reply) {
    network.behaviour.answer = [client = std::move(client), reply = std::move(reply)](
                                   SimulatedServer& server, std::string const& line) {
      bool const is_meant = !reply.empty() && server.client == client && line.starts_with("MAIL");
      return is_meant ? reply : std::string("?");
    };
  }
  [[nodiscard]] std::size_t mails_from(std::string_view client) const {
    std::size_t n = 0;
    for (auto const& s : network.servers)
      if (s->client == client)
        n += static_cast<std::size_t>(std::count(s->commands.begin(), s->commands.end(), "<body>"));
    return n;
  }
  [[nodiscard]] delivery::Path const& path(std::string const& source) {
    return site_of("one.test").paths().of(dispatcher->scopes().find_source(source));
  }
  void send_many(int n) {
    for (int i = 0; i < n; ++i) send({"u" + std::to_string(i) + "@one.test"});
    settle();
  }
  void restart_after(Duration took) {
    dispatcher.reset();
    clock.now_ += took;
    store.restart(clock.wall(clock.now_));
    begin();
    static_cast<void>(dispatcher->restore(clock.now_));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(paths, PathsLab)

// Limits

BOOST_AUTO_TEST_CASE(connections_are_counted_for_each_source) {
  settings.smtp.max_connections = 3;
  never_answer();
  send_many(60);
  pass(5s);
  BOOST_TEST(open_from(west_address) == 3U);
  BOOST_TEST(open_from(east_address) == 3U);
}

BOOST_AUTO_TEST_CASE(per_site_they_are_counted_over_all_sources) {
  settings.smtp.max_connections = 3;
  settings.smtp.per = CountedPer::Site;
  never_answer();
  send_many(60);
  pass(5s);
  BOOST_TEST(open_from(west_address) + open_from(east_address) == 3U);
}

BOOST_AUTO_TEST_CASE(both_can_be_limited) {
  settings.smtp.max_connections = 3;
  settings.smtp.site_max_connections = 4;
  never_answer();
  send_many(60);
  pass(5s);
  BOOST_TEST(open_from(west_address) + open_from(east_address) == 4U);
  auto const& site = site_of("one.test");
  BOOST_TEST(site.words_for(site.blocked(), clock.now_) ==
             "all sources to 192.0.2.1: max_connections reached (4), next when one comes free");
}

BOOST_AUTO_TEST_CASE(a_rate_is_counted_for_each_source) {
  settings.smtp.rate = {6, 1min, 1};
  send_many(4);
  BOOST_TEST(mails_from(west_address) == 1U);
  BOOST_TEST(mails_from(east_address) == 1U);
  auto const& site = site_of("one.test");
  BOOST_TEST(site.words_for(site.blocked(), clock.now_) ==
             "192.0.2.1 from west: rate reached (6/min, burst 1), next in 10s");
}

BOOST_AUTO_TEST_CASE(per_site_a_rate_is_counted_over_all_sources) {
  settings.smtp.rate = {6, 1min, 1};
  settings.smtp.per = CountedPer::Site;
  send_many(4);
  BOOST_TEST(mails_from(west_address) + mails_from(east_address) == 1U);
}

BOOST_AUTO_TEST_CASE(a_rate_over_all_sources_stands_beside_that_of_each) {
  settings.smtp.rate = {6, 1min, 1};
  settings.smtp.site_rate = {1, 1min, 1};
  send_many(4);
  BOOST_TEST(mails_from(west_address) + mails_from(east_address) == 1U);
}

BOOST_AUTO_TEST_CASE(recipients_are_counted_for_each_source) {
  settings.smtp.recipient_rate = {6, 1min, 1};
  send_many(4);
  BOOST_TEST(mails_from(west_address) == 1U);
  BOOST_TEST(mails_from(east_address) == 1U);
}

BOOST_AUTO_TEST_CASE(opening_is_counted_for_each_source) {
  settings.smtp.connect_rate = {6, 1min, 1};
  never_answer();
  send_many(8);
  BOOST_TEST(open_from(west_address) == 1U);
  BOOST_TEST(open_from(east_address) == 1U);
}

BOOST_AUTO_TEST_CASE(mail_without_a_source_has_a_path_of_its_own) {
  settings.smtp.source.clear();
  settings.sender_domains["w.test"].source = "west";
  settings.smtp.rate = {6, 1min, 1};
  sender = "a@w.test";
  send_many(2);
  sender = "a@plain.test";
  send_many(2);
  BOOST_TEST(mails_from(west_address) == 1U);
  BOOST_TEST(mails_from("") + mails_from("192.0.2.100") + mails_from(west_address) >= 1U);
  BOOST_TEST(site_of("one.test").paths().used() == 2U);
  BOOST_TEST(std::count_if(answers.begin(), answers.end(),
                           [](auto const& a) { return a.is_delivered(); }) == 2);
}

// What servers ask for

BOOST_AUTO_TEST_CASE(a_throttled_source_is_lowered_and_the_other_is_not) {
  settings.smtp.rate = {10, 1s, 1};
  say_to(west_address, "421 4.7.28 unusual rate\r\n\x04");
  for (int i = 0; i < 4; ++i) deliver("u@one.test");
  BOOST_TEST(path("west").reactions.adaptive().is_lowered());
  BOOST_TEST(!path("east").reactions.adaptive().is_lowered());
  BOOST_TEST(path("east").scope.rate.rate().to_string() == "10/s, burst 1");
  BOOST_TEST(log.has("adaptive site=192.0.2.1 source=west rate="));
}

BOOST_AUTO_TEST_CASE(per_site_a_throttled_source_lowers_all) {
  settings.smtp.rate = {10, 1s, 1};
  settings.smtp.per = CountedPer::Site;
  say_to(west_address, "421 4.7.28 unusual rate\r\n\x04");
  for (int i = 0; i < 4; ++i) deliver("u@one.test");
  BOOST_TEST(&path("west") == &path("east"));
  BOOST_TEST(path("east").reactions.adaptive().is_lowered());
}

BOOST_AUTO_TEST_CASE(a_cap_is_learned_for_the_source_that_met_it) {
  network.behaviour.answer = [](SimulatedServer& server, std::string const& line) {
    auto const bodies = std::count(server.commands.begin(), server.commands.end(), "<body>");
    bool const is_over = server.client == west_address && bodies >= 2 && line.starts_with("MAIL");
    return std::string(is_over ? "421 4.7.0 too many messages per connection\r\n\x04" : "?");
  };
  for (int i = 0; i < 16; ++i) deliver("u@one.test");
  BOOST_TEST(path("west").reactions.max_messages() == 2U);
  BOOST_TEST(path("east").reactions.max_messages() == 100U);
}

BOOST_AUTO_TEST_CASE(a_level_and_a_cap_of_a_path_outlive_a_restart) {
  settings.smtp.rate = {10, 1s, 1};
  say_to(west_address, "421 4.7.28 unusual rate\r\n\x04");
  for (int i = 0; i < 4; ++i) deliver("u@one.test");
  auto const level = path("west").reactions.adaptive().level();
  say_to(west_address, "");
  restart_after(10s);
  deliver("u@one.test");
  BOOST_TEST(path("west").reactions.adaptive().level() == level);
  BOOST_TEST(path("east").reactions.adaptive().level() == 1);
}

BOOST_AUTO_TEST_CASE(what_was_used_of_an_hour_outlives_a_restart_for_each_path) {
  settings.smtp.rate = {2, 1h, 0};
  send_many(3);
  dispatcher->keep_counts(100);
  restart_after(10s);
  send_many(4);
  BOOST_TEST(!path("west").scope.rate.is_rested(clock.now_));
  BOOST_TEST(mails_from(west_address) == 2U);
  BOOST_TEST(mails_from(east_address) == 2U);
}

// Hosts

BOOST_AUTO_TEST_CASE(a_host_that_refuses_one_source_is_good_to_the_other) {
  network.behaviour.answer = [](SimulatedServer& server, std::string const& line) {
    bool const is_refused = server.client == west_address && line.starts_with("EHLO");
    return std::string(is_refused ? "421 4.7.1 not from there\r\n\x04" : "?");
  };
  for (int i = 0; i < 6; ++i) deliver("u@one.test");
  for (int i = 0; i < 6; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(!path("west").health.records().empty());
  BOOST_TEST(path("east").health.records().empty());
  BOOST_TEST(mails_from(east_address) >= 6U);
}

// Rules

BOOST_AUTO_TEST_CASE(a_rule_suspends_the_path_that_heard_the_reply) {
  rule("site = '*'\nreply = 'blocked'\ndo = 'suspend'\nfor = '1h'\n");
  say_to(west_address, "550 5.7.1 this address is blocked\r\n");
  for (int i = 0; i < 4; ++i) deliver("u@one.test");
  auto const& site = site_of("one.test");
  BOOST_TEST(!site.suspension().has_value());
  BOOST_TEST((site.holds().of("source", "west", clock.now_) != nullptr));
  BOOST_TEST((site.holds().of("source", "east", clock.now_) == nullptr));
  auto const before = mails_from(east_address);
  for (int i = 0; i < 8; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(mails_from(east_address) == before + 8);
}

BOOST_AUTO_TEST_CASE(a_rule_of_the_site_suspends_it_for_all_sources) {
  rule("site = '*'\nreply = 'blocked'\nscope = 'site'\ndo = 'suspend'\nfor = '1h'\n");
  say_to(west_address, "550 5.7.1 this address is blocked\r\n");
  for (int i = 0; i < 4; ++i) deliver("u@one.test");
  BOOST_TEST(site_of("one.test").suspension().has_value());
}

BOOST_AUTO_TEST_CASE(a_rule_of_the_source_suspends_it_at_all_sites) {
  rule("site = '*'\nreply = 'listed'\nscope = 'source'\ndo = 'suspend'\nfor = '1h'\n");
  settings.pools.clear();
  settings.smtp.source = "west";
  say_to(west_address, "550 5.7.1 listed at a block list\r\n");
  deliver("u@one.test");
  say_to(west_address, "");
  BOOST_TEST(contains(deliver("u@two.test").line(), "suspended until"));
  BOOST_TEST(dispatcher->resume_source("west", clock.now_));
  BOOST_TEST(deliver("u@two.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_suspended_source_is_suspended_after_a_restart) {
  deliver("u@one.test");
  BOOST_TEST(
      dispatcher->suspend_source("west", {clock.now_ + 1h, "listed", "root", {}}, clock.now_));
  BOOST_TEST(!dispatcher->suspend_source("north", {clock.now_ + 1h, "x", "root", {}}, clock.now_));
  restart_after(1min);
  auto const before = mails_from(west_address);
  for (int i = 0; i < 4; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(mails_from(west_address) == before);
}

BOOST_AUTO_TEST_CASE(set_acts_on_the_path_or_on_all_of_them_together) {
  rule(
      "site = '*'\nreply = 'slower'\ndo = 'set'\nset = { rate = '6/min', max_messages = 2 }\n"
      "for = '1h'\n");
  rule(
      "site = '*'\nreply = 'all of you'\nscope = 'site'\ndo = 'set'\n"
      "set = { rate = '2/min', max_connections = 1 }\nfor = '1h'\n");
  say_to(west_address, "451 4.7.0 slower\r\n");
  for (int i = 0; i < 4; ++i) deliver("u@one.test");
  BOOST_TEST(path("west").scope.rate.rate().to_string() == "6/min");
  BOOST_TEST(!path("east").scope.rate.rate().is_limited());
  BOOST_TEST(path("west").reactions.max_messages() == 2U);
  say_to(east_address, "451 4.7.0 all of you\r\n");
  for (int i = 0; i < 2; ++i) deliver("u@one.test");
  auto const* together = site_of("one.test").all_paths().scope();
  BOOST_REQUIRE(together != nullptr);
  BOOST_TEST(together->rate.rate().to_string() == "2/min");
  BOOST_TEST(together->connections.most().value() == 1U);
  restart_after(1min);
  deliver("u@one.test");
  BOOST_REQUIRE((site_of("one.test").all_paths().scope() != nullptr));
  BOOST_TEST(site_of("one.test").all_paths().scope()->rate.rate().to_string() == "2/min");
  dispatcher->resume_site(site_of("one.test").name(), clock.now_);
  BOOST_TEST(!site_of("one.test").all_paths().scope()->rate.rate().is_limited());
}

BOOST_AUTO_TEST_CASE(back_off_leaves_the_host_alone_from_that_source_or_from_all) {
  rule("site = '*'\nreply = 'not you'\ndo = 'back_off'\nfor = '10m'\n");
  rule("site = '*'\nreply = 'nobody'\nscope = 'site'\ndo = 'back_off'\nfor = '10m'\n");
  say_to(west_address, "451 4.7.0 not you\r\n");
  for (int i = 0; i < 4; ++i) deliver("u@one.test");
  BOOST_TEST(!path("west").health.records().empty());
  BOOST_TEST(path("east").health.records().empty());
  say_to(east_address, "451 4.7.0 nobody\r\n");
  deliver("u@one.test");
  BOOST_TEST(!path("east").health.records().empty());
}

// Suspensions by hand

BOOST_AUTO_TEST_CASE(one_source_of_a_site_is_suspended_by_hand_and_the_other_sends_its_part) {
  deliver("u@one.test");
  auto const name = site_of("one.test").name();
  dispatcher->suspend_scope(name, "source west", {clock.now_ + 1h, "x", "root", {}}, clock.now_);
  auto const before = mails_from(west_address);
  for (int i = 0; i < 6; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(mails_from(west_address) == before);
  BOOST_TEST(dispatcher->resume_scope(name, "source west", clock.now_));
  for (int i = 0; i < 6; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(mails_from(west_address) > before);
}

BOOST_AUTO_TEST_CASE(without_spilling_one_sources_part_waits_and_the_others_goes) {
  for (auto const per : {CountedPer::Path, CountedPer::Site}) {
    PathsLab lab;
    lab.settings.smtp.per = per;
    lab.settings.pools["both"].spill = false;
    lab.deliver("u@one.test");
    auto const name = lab.site_of("one.test").name();
    auto const until = lab.clock.now_ + 1min;
    lab.dispatcher->suspend_scope(name, "source west", {until, "x", "root", {}}, lab.clock.now_);
    auto const before = lab.mails_from(west_address);
    lab.send_many(20);
    lab.pass(1s);
    BOOST_TEST(lab.mails_from(west_address) == before);
    BOOST_TEST(lab.mails_from(east_address) >= 10U);
    auto const& site = lab.site_of("one.test");
    BOOST_TEST(contains(site.words_for(site.blocked(), lab.clock.now_), ": x"));
    lab.pass(29s);
    std::string lines;
    for (auto const& answer : lab.answers) lines += answer.is_delivered() ? "" : answer.line();
    BOOST_TEST(contains(lines, "from west: suspended until"), lines);
  }
}

BOOST_AUTO_TEST_CASE(with_every_source_suspended_mail_is_put_off_at_once_with_the_first_end) {
  deliver("u@one.test");
  auto const name = site_of("one.test").name();
  dispatcher->suspend_scope(name, "source west", {clock.now_ + 2h, "x", "root", {}}, clock.now_);
  dispatcher->suspend_scope(name, "source east", {clock.now_ + 1h, "y", "root", {}}, clock.now_);
  auto const line = deliver("u@one.test").line();
  BOOST_TEST(contains(line, "451 4.7.1"), line);
  BOOST_TEST(contains(line, ": y"), line);
  pass(1h);
  BOOST_TEST(deliver("u@one.test").is_delivered());
}

// Sharing

BOOST_AUTO_TEST_CASE(weights_hold_over_time_though_one_path_pauses_for_a_while) {
  settings.pools["both"].sources = {{"west", 3}, {"east", 1}};
  for (int i = 0; i < 40; ++i) deliver("u@one.test");
  auto const name = site_of("one.test").name();
  dispatcher->suspend_scope(name, "source west", {clock.now_ + 1min, "x", "root", {}}, clock.now_);
  for (int i = 0; i < 8; ++i) deliver("u@one.test");
  pass(1min);
  for (int i = 0; i < 152; ++i) deliver("u@one.test");
  BOOST_TEST(mails_from(west_address) == 150U);
  BOOST_TEST(mails_from(east_address) == 50U);
}

BOOST_AUTO_TEST_CASE(a_reload_that_counts_per_site_closes_what_was_counted_otherwise) {
  settings.smtp.max_connections = 2;
  for (int i = 0; i < 6; ++i) deliver("u@one.test");
  BOOST_TEST(open_from(west_address) + open_from(east_address) >= 2U);
  settings.smtp.per = CountedPer::Site;
  settings.smtp.max_connections = 1;
  dispatcher->reconfigure(settings, clock.now_);
  settle();
  never_answer();
  send_many(5);
  pass(5s);
  BOOST_TEST(open_from(west_address) + open_from(east_address) == 1U);
  BOOST_TEST(site_of("one.test").paths().is_one());
}

BOOST_AUTO_TEST_CASE(a_limit_over_all_sources_counts_what_was_open_before_it) {
  settings.smtp.max_connections = 3;
  never_answer();
  send_many(30);
  pass(5s);
  BOOST_TEST(open_from(west_address) + open_from(east_address) == 6U);
  settings.smtp.site_max_connections = 7;
  dispatcher->reconfigure(settings, clock.now_);
  auto const* together = site_of("one.test").all_paths().scope();
  BOOST_REQUIRE(together != nullptr);
  BOOST_TEST(together->connections.in_use() == 6U);
}

BOOST_AUTO_TEST_CASE(what_was_used_over_all_sources_outlives_a_restart) {
  settings.smtp.site_rate = {2, 1h, 0};
  send_many(3);
  dispatcher->keep_counts(100);
  restart_after(10s);
  send_many(4);
  BOOST_TEST(mails_from(west_address) + mails_from(east_address) == 2U);
}

BOOST_AUTO_TEST_CASE(looking_at_a_path_makes_no_use_of_it) {
  deliver("u@one.test");
  auto const& paths = site_of("one.test").paths();
  static_cast<void>(paths.of(nullptr));
  BOOST_TEST(paths.used() == 2U);
  std::size_t n = 0;
  paths.visit_used(
      [&](delivery::Path const& each) { n += each.name().source.empty() ? 100U : 1U; });
  BOOST_TEST(n == 2U);
}

BOOST_AUTO_TEST_CASE(a_source_that_is_suspended_everywhere_by_a_rule_is_that_one_per_site_too) {
  rule("site = '*'\nreply = 'listed'\nscope = 'source'\ndo = 'suspend'\nfor = '1h'\n");
  settings.smtp.per = CountedPer::Site;
  say_to(west_address, "550 5.7.1 listed at a block list\r\n");
  for (int i = 0; i < 2; ++i) deliver("u@one.test");
  BOOST_TEST(!site_of("one.test").suspension().has_value());
  BOOST_TEST(dispatcher->scopes().find_source("west")->scope.is_suspended(clock.now_));
}

BOOST_AUTO_TEST_CASE(a_rule_does_not_cut_an_operators_suspension_short) {
  rule("site = '*'\nreply = 'blocked'\ndo = 'suspend'\nfor = '1h'\n");
  network.latency = 1s;
  say_to(west_address, "550 5.7.1 blocked\r\n");
  send_many(2);
  auto const name = site_of("one.test").name();
  dispatcher->suspend_scope(name, "source west", {clock.now_ + 24h, "x", "root", {}}, clock.now_);
  pass(20s);
  auto const* held = site_of("one.test").holds().of("source", "west", clock.now_);
  BOOST_REQUIRE(held != nullptr);
  BOOST_TEST(held->by == "root");
}

BOOST_AUTO_TEST_CASE(nothing_is_kept_open_from_a_suspended_source) {
  settings.smtp.min_idle = 2;
  deliver("u@one.test");
  auto const name = site_of("one.test").name();
  dispatcher->suspend_scope(name, "source west", {clock.now_ + 1h, "x", "root", {}}, clock.now_);
  pass(10min);
  BOOST_TEST(open_from(west_address) == 0U);
  BOOST_TEST(open_from(east_address) == 2U);
}

// A server that judges by client address: 5 connections, 20 messages on each, 50 a second.
struct StrictServer {
  explicit StrictServer(PathsLab& lab) : lab_(lab) {
    lab.network.latency = 20ms;
    lab.network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
      if (line.starts_with("EHLO") && lab_.open_from(server.client) > 5) ++violations;
      if (line.starts_with("MAIL")) judge(server);
      return std::string("?");
    };
  }
  std::size_t violations = 0;
  std::map<std::string, std::size_t> taken;

 private:
  void judge(SimulatedServer const& server) {
    auto const now = lab_.clock.now_;
    auto& lately = lately_[server.client];
    std::erase_if(lately, [&](TimePoint t) { return t + 1s <= now; });
    lately.push_back(now);
    ++taken[server.client];
    auto const carried = std::count_if(server.commands.begin(), server.commands.end(),
                                       [](auto const& c) { return c.starts_with("MAIL"); });
    if (lately.size() > 50 || carried > 20) ++violations;
  }
  PathsLab& lab_;
  std::map<std::string, std::vector<TimePoint>> lately_;
};

// Mail from n sources of one pool, of these weights, to a server as above.
struct ManySources : PathsLab {
  explicit ManySources(std::vector<std::uint32_t> const& weights) {
    settings.sources.clear();
    settings.pools["both"].sources.clear();
    for (std::size_t n = 0; n < weights.size(); ++n) {
      auto const name = "s" + std::to_string(n);
      settings.sources[name].address = {*IpAddress::parse("192.0.2." + std::to_string(150 + n))};
      settings.pools["both"].sources.push_back({name, weights[n]});
    }
    settings.smtp.max_connections = 5;
    settings.smtp.max_messages = 20;
    settings.smtp.rate = {50, 1s, 0};
  }
  // So many messages every tenth of a second, the queue never longer than 400.
  void run(Duration how_long, std::size_t each) {
    for (Duration at{}; at < how_long; at += 100ms) {
      for (std::size_t n = 0; n < each && (!dispatcher || dispatcher->waiting() < 400); ++n)
        send({"u@one.test"});
      pass(100ms);
    }
  }
};

BOOST_AUTO_TEST_CASE(eight_sources_use_what_a_strict_server_allows_to_each_of_eight) {
  ManySources lab(std::vector<std::uint32_t>(8, 1));
  StrictServer server(lab);
  lab.run(2s, 100);
  auto const before = server.taken;
  lab.run(10s, 100);
  BOOST_TEST(server.violations == 0U);
  for (auto const& [client, n] : before) {
    auto const in_ten_seconds = server.taken.at(client) - n;
    BOOST_TEST(in_ten_seconds >= 475U, client << ": " << in_ten_seconds << " of 500");
  }
  BOOST_TEST(before.size() == 8U);
}

BOOST_AUTO_TEST_CASE(below_what_is_allowed_weights_hold_within_two_hundredths) {
  ManySources lab({4, 3, 2, 1});
  StrictServer server(lab);
  lab.run(20s, 10);
  BOOST_TEST(server.violations == 0U);
  std::size_t all = 0;
  for (auto const& [client, n] : server.taken) all += n;
  BOOST_REQUIRE(all == 2000U);
  for (std::size_t n = 0; n < 4; ++n) {
    auto const share = static_cast<double>(server.taken["192.0.2." + std::to_string(150 + n)]) /
                       static_cast<double>(all);
    BOOST_TEST(std::abs(share - static_cast<double>(4 - n) / 10) <= 0.02, n << ": " << share);
  }
}

BOOST_AUTO_TEST_CASE(one_of_eight_that_is_throttled_costs_the_others_nothing_and_comes_back) {
  ManySources lab(std::vector<std::uint32_t>(8, 1));
  StrictServer server(lab);
  lab.run(2s, 100);
  auto judge = lab.network.behaviour.answer;
  lab.network.behaviour.answer = [&judge](SimulatedServer& s, std::string const& line) {
    if (s.client == "192.0.2.150" && line.starts_with("MAIL"))
      return std::string("421 4.7.28 unusual rate from this address\r\n\x04");
    return judge(s, line);
  };
  lab.run(5s, 100);
  auto before = server.taken;
  lab.run(10s, 100);
  for (auto const& [client, n] : before)
    if (client != "192.0.2.150") BOOST_TEST(server.taken.at(client) - n >= 495U, client);
  lab.network.behaviour.answer = judge;
  lab.run(180s, 20);
  before = server.taken;
  lab.run(10s, 100);
  BOOST_TEST(server.taken["192.0.2.150"] - before["192.0.2.150"] >= 475U);
  BOOST_TEST(server.violations == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
