// Limits at every level beside the site, sources and pools, tenants: on a simulated network and
// clock.

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct LevelsLab : DeliveryLab {
  LevelsLab() {
    settings.smtp.max_waiting = 10'000;
    settings.lmtp.slots = 20'000;
  }

  Answers& send_from(std::string const& who, std::string const& recipient) {
    sender = who;
    return send({recipient});
  }
  [[nodiscard]] std::size_t delivered() const {
    return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(),
                                                  [](auto const& a) { return a.is_delivered(); }));
  }
  void finish_all() {
    for (auto& server : network.servers)
      if (server->events != nullptr && !server->commands.empty() &&
          server->commands.back() == "<body>")
        network.say(*server, "250 2.0.0 OK\r\n");
    settle();
  }
  [[nodiscard]] std::size_t mails_from(std::string_view client) const {
    std::size_t n = 0;
    for (auto const& s : network.servers)
      if (s->client == client)
        n += static_cast<std::size_t>(
            std::count_if(s->commands.begin(), s->commands.end(),
                          [](auto const& c) { return c.starts_with("MAIL"); }));
    return n;
  }
  void add_source(std::string const& name, std::string const& address) {
    settings.sources[name].address = {*IpAddress::parse(address)};
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(levels, LevelsLab)

BOOST_AUTO_TEST_CASE(a_tenants_rate_holds_its_mail_at_all_sites_and_nobody_elses) {
  settings.tenants["acme"].sender_domains = {"acme.test"};
  settings.tenants["acme"].rate = {6, 1min, 1};
  BOOST_TEST(send_from("a@acme.test", "u@one.test").outcomes.size() == 1U);
  settle();
  auto& held = send_from("a@acme.test", "u@two.test");
  auto& free = send_from("b@other.test", "u@two.test");
  settle();
  BOOST_TEST(!held.is_over());
  BOOST_TEST(free.is_delivered());
  auto const& site = site_of("two.test");
  BOOST_TEST(site.words_for(site.blocked(), clock.now_) ==
             "tenant acme: rate reached (6/min, burst 1), next in 10s");
  pass(10s - 1ms);
  BOOST_TEST(!held.is_over());
  pass(1ms);
  BOOST_TEST(held.is_delivered());
  BOOST_TEST(log.has("site=192.0.2.1, tenant=acme, relay="));
}

BOOST_AUTO_TEST_CASE(who_waits_too_long_is_told_the_scope_the_option_and_when) {
  settings.sender_domains["acme.test"].rate = {1, 1h, 1};
  send_from("a@acme.test", "u@one.test");
  settle();
  auto& held = send_from("a@acme.test", "u@one.test");
  pass(30s);
  BOOST_TEST(held.line() ==
             "451 4.7.1 sender domain acme.test: rate reached (1/h, burst 1), next in 59m30s");
}

BOOST_AUTO_TEST_CASE(a_blocked_sender_domain_with_a_backlog_does_not_block_others_of_the_site) {
  settings.sender_domains["bulk.test"].max_connections = 1;
  never_answer();
  for (int i = 0; i < 50; ++i) send_from("b@bulk.test", "u" + std::to_string(i) + "@one.test");
  auto& other = send_from("a@other.test", "v@one.test");
  settle();
  BOOST_TEST((other.delivery->transactions().front().state == delivery::TransactionState::Sending));
  BOOST_TEST(dispatcher->in_flight() == 2U);
}

BOOST_AUTO_TEST_CASE(room_that_one_site_gives_back_is_used_by_another_that_waits_for_it) {
  settings.tenants["acme"].sender_domains = {"acme.test"};
  settings.tenants["acme"].max_connections = 1;
  never_answer();
  send_from("a@acme.test", "u@one.test");
  settle();
  send_from("a@acme.test", "u@two.test");
  settle();
  BOOST_TEST(dispatcher->in_flight() == 1U);
  finish_all();
  BOOST_TEST(delivered() == 1U);
  BOOST_TEST(dispatcher->in_flight() == 1U, "the other site was told");
  finish_all();
  BOOST_TEST(delivered() == 2U);
}

BOOST_AUTO_TEST_CASE(recipients_per_second_count_recipients) {
  settings.smtp.recipient_rate = {2, 1s, 2};
  send({"a@one.test", "b@one.test"});
  auto& second = send({"c@one.test", "d@one.test"});
  settle();
  BOOST_TEST(delivered() == 1U);
  pass(999ms);
  BOOST_TEST(!second.is_over());
  pass(1ms);
  BOOST_TEST(second.is_delivered());
  BOOST_TEST(second.is_delivered(1));
}

BOOST_AUTO_TEST_CASE(the_smallest_max_recipients_of_any_level_splits) {
  settings.smtp.max_recipients = 100;
  settings.domains["one.test"].max_recipients = 4;
  settings.tenants["acme"].sender_domains = {"acme.test"};
  settings.tenants["acme"].max_recipients = 2;
  sender = "a@acme.test";
  send({"a@one.test", "b@one.test", "c@one.test", "d@one.test", "e@one.test"});
  settle();
  BOOST_TEST(count_commands("MAIL") == 3U);
}

BOOST_AUTO_TEST_CASE(the_total_of_connections_is_kept_by_closing_idle_ones_of_others) {
  settings.total.max_connections = 1;
  BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(deliver("u@two.test").is_delivered());
  BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(network.most_open == 1U);
  BOOST_TEST(context->totals.closed["max_connections"] == 2U);
  BOOST_TEST(context->scopes.total().connections.in_use() == 1U);
}

BOOST_AUTO_TEST_CASE(the_total_is_never_exceeded_and_nobody_starves) {
  settings.total.max_connections = 3;
  for (int i = 0; i < 60; ++i) {
    send({"u@one.test"});
    send({"u@two.test"});
    send({"u@pair.test"});
  }
  pass(10s);
  BOOST_TEST(delivered() == 180U);
  BOOST_TEST(network.most_open <= 3U);
}

BOOST_AUTO_TEST_CASE(connections_to_one_host_are_limited_over_all_sites) {
  settings.smtp.max_connections_per_host = 1;
  settings.sites["a"].name = "a";
  settings.sites["a"].domains = {"one.test"};
  settings.sites["a"].settings = settings.smtp;
  settings.routes["same.test"] = settings.routes["one.test"];
  never_answer();
  send({"u@one.test"});
  settle();
  auto& second = send({"u@same.test"});
  settle();
  BOOST_TEST(opened() == 1U);
  auto const& site = site_of("same.test");
  BOOST_TEST(
      contains(site.words_for(site.blocked(), clock.now_), "max_connections_per_host reached (1)"));
  network.behaviour.answer = nullptr;
  finish_all();
  pass(61s);  // the other site's connection is idle, and leaves
  BOOST_TEST(second.is_over());
}

BOOST_AUTO_TEST_CASE(a_less_preferred_host_does_not_take_what_a_full_one_cannot) {
  settings.smtp.max_connections_per_host = 1;
  never_answer();
  for (int i = 0; i < 3; ++i) send({"u@pair.test"});
  settle();
  BOOST_TEST(opened() == 1U);
}

BOOST_AUTO_TEST_CASE(mail_leaves_from_its_source_with_the_sources_name) {
  add_source("west", "192.0.2.101");
  settings.sources["west"].ehlo_name = "west.mail.test";
  settings.smtp.source = "west";
  BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(open_from("192.0.2.101") == 1U);
  BOOST_TEST(count_commands("EHLO west.mail.test") == 1U);
  BOOST_TEST(log.has("source=west"));
}

BOOST_AUTO_TEST_CASE(the_source_of_the_tenant_wins_over_sender_domain_and_site) {
  add_source("w", "192.0.2.101");
  add_source("x", "192.0.2.102");
  add_source("y", "192.0.2.103");
  settings.smtp.source = "w";
  settings.sender_domains["acme.test"].source = "x";
  settings.sender_domains["plain.test"].source = "x";
  settings.tenants["acme"].sender_domains = {"acme.test"};
  settings.tenants["acme"].source = "y";
  send_from("a@acme.test", "u@one.test");
  send_from("a@plain.test", "u@one.test");
  send_from("a@else.test", "u@one.test");
  settle();
  BOOST_TEST(mails_from("192.0.2.103") == 1U);
  BOOST_TEST(mails_from("192.0.2.102") == 1U);
  BOOST_TEST(mails_from("192.0.2.101") == 1U);
}

BOOST_AUTO_TEST_CASE(a_connection_of_one_source_never_serves_another) {
  add_source("x", "192.0.2.102");
  settings.sender_domains["x.test"].source = "x";
  settings.sources["named"].ehlo_name = "";  // on the wire like no source at all
  settings.sender_domains["y.test"].source = "named";
  send_from("a@x.test", "u@one.test");
  settle();
  send_from("a@else.test", "u@one.test");
  settle();
  send_from("a@y.test", "u@one.test");
  settle();
  BOOST_TEST(delivered() == 3U);
  BOOST_TEST(opened() == 3U);
}

BOOST_AUTO_TEST_CASE(a_pool_divides_its_messages_by_weight) {
  add_source("w", "192.0.2.101");
  add_source("x", "192.0.2.102");
  settings.pools["both"].sources = {{"w", 3}, {"x", 1}};
  settings.smtp.source = "both";
  for (int i = 0; i < 40; ++i) deliver("u@one.test");
  BOOST_TEST(mails_from("192.0.2.101") == 30U);
  BOOST_TEST(mails_from("192.0.2.102") == 10U);
}

BOOST_AUTO_TEST_CASE(where_one_source_of_a_pool_is_at_its_limit_the_other_takes_its_part) {
  add_source("w", "192.0.2.101");
  add_source("x", "192.0.2.102");
  settings.sources["w"].rate = {1, 1h, 1};
  settings.pools["both"].sources = {{"w", 3}, {"x", 1}};
  settings.smtp.source = "both";
  for (int i = 0; i < 8; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(mails_from("192.0.2.101") == 1U);
  BOOST_TEST(mails_from("192.0.2.102") == 7U);
}

BOOST_AUTO_TEST_CASE(a_full_site_uses_the_connections_that_it_has_whosever_turn_it_is) {
  add_source("w", "192.0.2.101");
  add_source("x", "192.0.2.102");
  settings.smtp.per = CountedPer::Site;
  settings.pools["both"].sources = {{"w", 1}, {"x", 1}};
  settings.smtp.source = "both";
  settings.smtp.max_connections = 1;
  for (int i = 0; i < 6; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(opened() == 1U);
}

BOOST_AUTO_TEST_CASE(connections_of_a_source_are_limited_over_all_sites) {
  add_source("w", "192.0.2.101");
  settings.sources["w"].max_connections = 2;
  settings.smtp.source = "w";
  for (int i = 0; i < 30; ++i) {
    send({"u@one.test"});
    send({"u@two.test"});
    send({"u@pair.test"});
  }
  pass(10s);
  BOOST_TEST(delivered() == 90U);
  BOOST_TEST(network.most_open <= 2U);
}

BOOST_AUTO_TEST_CASE(a_source_without_an_address_of_the_family_says_so) {
  add_source("six", "2001:db8::1");
  settings.smtp.source = "six";
  auto& a = deliver("u@one.test");
  BOOST_TEST(contains(a.line(), "source six has no address of the family of its hosts"), a.line());
  BOOST_TEST(opened() == 0U);
}

BOOST_AUTO_TEST_CASE(a_new_source_sends_what_its_plan_says_each_day_and_the_next_one_the_rest) {
  add_source("new", "192.0.2.101");
  add_source("old", "192.0.2.102");
  auto const today = std::chrono::floor<std::chrono::days>(clock.wall(clock.now_));
  settings.sources["new"].warm_up = {today, {2, 3}};
  settings.pools["both"].sources = {{"new", 1}, {"old", 1}};
  settings.smtp.source = "both";
  for (int i = 0; i < 10; ++i) BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(mails_from("192.0.2.101") == 2U);
  BOOST_TEST(mails_from("192.0.2.102") == 8U);
  for (int i = 0; i < 10; ++i) deliver("u@two.test");
  BOOST_TEST(mails_from("192.0.2.101") == 4U, "each site has its own count");
  pass(24h);
  for (int i = 0; i < 10; ++i) deliver("u@one.test");
  BOOST_TEST(mails_from("192.0.2.101") == 7U);
}

BOOST_AUTO_TEST_CASE(without_another_source_the_rest_is_told_to_wait_for_the_next_day) {
  add_source("new", "192.0.2.101");
  auto const today = std::chrono::floor<std::chrono::days>(clock.wall(clock.now_));
  settings.sources["new"].warm_up = {today, {1}};
  settings.smtp.source = "new";
  deliver("u@one.test");
  auto& second = deliver("u@one.test");
  pass(30s);
  BOOST_TEST(second.line().starts_with(
                 "451 4.7.1 source new: warm_up reached (1 messages today), next in "),
             second.line());
}

BOOST_AUTO_TEST_CASE(a_header_names_the_tenant_only_where_it_is_trusted) {
  settings.tenants["acme"].rate = {1, 1h, 1};
  marks.names = {"Acme"};
  deliver("u@one.test");
  BOOST_TEST(!log.has("tenant=acme"));
  settings.lmtp.trust_unsigned_tenant = true;
  dispatcher->reconfigure(settings, clock.now_);
  deliver("u@one.test");
  BOOST_TEST(log.has("tenant=acme"));
  auto& held = deliver("u@one.test");
  BOOST_TEST(!held.is_over());
}

BOOST_AUTO_TEST_CASE(a_seal_is_believed_with_the_key_alone_and_before_all_else) {
  settings.lmtp.trust_unsigned_tenant = true;
  settings.tenants["third"].sender_domains = {"mail.test"};
  auto const keys = SealKeys::parse(std::string(32, 'k')).value();
  marks.names = {"second"};
  marks.seals = {"v=1; tenant=forged; time=1; nonce=00; mac=00",
                 make_seal({"first", "spring"}, sender, clock.wall(clock.now_), "12345678", keys)};
  deliver("u@one.test");
  BOOST_TEST(log.has("tenant=second"));
  BOOST_TEST(log.has("X-Mailpool-Seal is not believed: there is no key"));
  dispatcher->set_seal_keys(keys);
  deliver("u@one.test");
  BOOST_TEST(log.has("tenant=first, campaign=spring"));
  marks = {};
  deliver("u@one.test");
  BOOST_TEST(log.has("tenant=third"));
}

BOOST_AUTO_TEST_CASE(a_suspended_tenant_is_told_so_and_nobody_else) {
  settings.tenants["acme"].sender_domains = {"acme.test"};
  never_answer();
  settings.smtp.max_connections = 1;
  send_from("b@other.test", "u@one.test");
  settle();
  auto& waiting = send_from("a@acme.test", "u@one.test");
  settle();
  site::Suspension suspension;
  suspension.until = clock.now_ + 1h;
  suspension.reason = "unpaid";
  dispatcher->suspend_tenant("acme", suspension, clock.now_);
  BOOST_TEST(contains(waiting.line(), "tenant acme: suspended until "), waiting.line());
  BOOST_TEST(contains(waiting.line(), ": unpaid"));
  auto& next = send_from("a@acme.test", "u@two.test");
  settle();
  BOOST_TEST(contains(next.line(), "tenant acme: suspended until "), next.line());
  BOOST_TEST(!send_from("b@other.test", "u@two.test").is_over());
  BOOST_TEST(dispatcher->resume_tenant("acme", clock.now_));
  BOOST_TEST(!dispatcher->resume_tenant("acme", clock.now_));
  BOOST_TEST(!send_from("a@acme.test", "u@two.test").is_over());
}

BOOST_AUTO_TEST_CASE(priority_decides_who_of_the_waiting_goes_and_starves_nobody) {
  settings.tenants["fast"].sender_domains = {"fast.test"};
  settings.tenants["fast"].priority = 90;
  settings.tenants["bulk"].sender_domains = {"bulk.test"};
  settings.tenants["bulk"].priority = 10;
  settings.smtp.rate = {10, 1s, 1};
  settings.lmtp.max_wait = 5min;
  for (int i = 0; i < 200; ++i) send_from("b@bulk.test", "u@one.test");
  settle();
  for (int i = 0; i < 200; ++i) send_from("f@fast.test", "u@one.test");
  auto of = [&](std::size_t first) {
    std::size_t n = 0;
    for (std::size_t i = first; i < first + 200; ++i)
      n += std::next(answers.begin(), static_cast<std::ptrdiff_t>(i))->is_delivered() ? 1U : 0U;
    return n;
  };
  pass(10s);
  BOOST_TEST(of(200) >= 88U);
  BOOST_TEST(of(200) <= 91U);
  BOOST_TEST(of(0) >= 9U);
  pass(31s);
  BOOST_TEST(delivered() == 400U);
}

BOOST_AUTO_TEST_CASE(a_reload_takes_limits_of_every_level_over_and_leaks_no_permit) {
  settings.tenants["acme"].sender_domains = {"acme.test"};
  settings.tenants["acme"].max_connections = 1;
  never_answer();
  send_from("a@acme.test", "u@one.test");
  send_from("a@acme.test", "u@one.test");
  settle();
  BOOST_TEST(dispatcher->in_flight() == 1U);
  settings.tenants.clear();
  dispatcher->reconfigure(settings, clock.now_);
  settle();
  BOOST_TEST(dispatcher->in_flight() == 2U, "a section that is gone limits nobody");
  finish_all();
  BOOST_TEST(context->scopes.find_tenant("acme")->scope.connections.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(a_changed_answer_moves_the_domain_and_nothing_is_counted_twice_or_lost) {
  settings.domains["one.test"].max_connections = 2;
  never_answer();
  send({"u@one.test"});
  settle();
  auto const& before = site_of("one.test");
  settings.routes["one.test"] = {{"192.0.2.9", 25}};
  router->reconfigure(settings);
  send({"v@one.test"});
  send({"w@one.test"});
  settle();
  auto const& now = site_of("one.test");
  BOOST_TEST(now.name() != before.name());
  BOOST_TEST(before.domains == 0U);
  BOOST_TEST(now.domains == 1U);
  BOOST_TEST(dispatcher->in_flight() == 2U, "the domain's limit counts what is under way there");
  BOOST_TEST(before.in_flight() == 1U);
  finish_all();
  BOOST_TEST(delivered() == 2U);
  finish_all();
  BOOST_TEST(delivered() == 3U);
  BOOST_TEST(dispatcher->limits_of("one.test")->connections.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(domains_with_the_same_hosts_share_limits_and_connections) {
  settings.routes["same.test"] = settings.routes["one.test"];
  settings.smtp.max_connections = 1;
  BOOST_TEST(deliver("u@one.test").is_delivered());
  BOOST_TEST(deliver("u@same.test").is_delivered());
  BOOST_TEST(opened() == 1U);
  BOOST_TEST(&site_of("one.test") == &site_of("same.test"));
  BOOST_TEST(site_of("one.test").domains == 2U);
}

BOOST_AUTO_TEST_CASE(random_days_leave_no_permit_behind_and_exceed_nothing) {
  add_source("w", "192.0.2.101");
  add_source("x", "192.0.2.102");
  settings.pools["both"].sources = {{"w", 2}, {"x", 1}};
  settings.smtp.source = "both";
  settings.smtp.max_connections_per_host = 2;
  settings.tenants["acme"].sender_domains = {"acme.test"};
  settings.lmtp.max_wait = 5s;
  std::uint32_t seed = 1;
  auto number = [&](std::uint32_t below) {
    return (seed = seed * 1664525U + 1013904223U) / 65536U % below;
  };
  network.behaviour.answer = [&](SimulatedServer&, std::string const& line) -> std::string {
    if (line != "<body>") return number(60) == 0 ? "421 4.3.2 closing\r\n\x04" : "?";
    auto const what = number(10);
    return what == 0 ? "" : what == 1 ? "\x04" : what == 2 ? "451 4.3.0 later\r\n" : "?";
  };
  settings.smtp.end_of_data_timeout = 3s;
  deliver("u@one.test");
  for (int step = 0; step < 4000; ++step) {
    auto const what = number(20);
    if (what == 0) {
      settings.total.max_connections = number(6) + 1;
      settings.sources["w"].max_connections = number(4) + 1;
      settings.sources["x"].rate = {number(50) + 1, 1s, 3};
      settings.tenants["acme"].max_connections = number(3) + 1;
      settings.tenants["acme"].rate = {number(50) + 5, 1s, 5};
      dispatcher->reconfigure(settings, clock.now_);
    } else if (what == 1) {
      site::Suspension suspension;
      suspension.until = clock.now_ + Duration(std::chrono::seconds(number(3)));
      suspension.reason = "test";
      dispatcher->suspend_tenant("acme", suspension, clock.now_);
    } else if (what == 2) {
      static_cast<void>(dispatcher->resume_tenant("acme", clock.now_));
    } else if (what == 3) {
      dispatcher->flush(site_of("one.test").name(), "flush", clock.now_);
    } else if (what < 6) {
      pass(Duration(std::chrono::milliseconds(number(2000))));
    } else {
      sender = number(2) == 0 ? "a@acme.test" : "b@other.test";
      char const* const domains[] = {"one.test", "two.test", "pair.test"};
      auto& a = send({std::string("u@") + domains[number(3)], "v@two.test"});
      if (number(12) == 0) {
        settle();
        if (!a.is_over()) {
          dispatcher->release(*a.delivery, clock.now_);
        }
      }
      settle();
    }
    // A ceiling that was lowered drains; nothing is opened above it.
    BOOST_REQUIRE(context->scopes.total().connections.in_use() == context->connections_open);
    for (auto const& target : {"192.0.2.1", "192.0.2.2"})
      BOOST_REQUIRE(context->scopes.open_to(*IpAddress::parse(target), 25) <= 2U);
  }
  network.behaviour.answer = nullptr;
  pass(20min);
  BOOST_TEST(dispatcher->deliveries() == 0U);
  BOOST_TEST(context->connections_open == 0U);
  BOOST_TEST(context->scopes.total().connections.in_use() == 0U);
  BOOST_TEST(context->scopes.idle.empty());
  for (auto const* source : {"w", "x"})
    BOOST_TEST(context->scopes.find_source(source)->scope.connections.in_use() == 0U);
  BOOST_TEST(context->scopes.find_tenant("acme")->scope.connections.in_use() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
