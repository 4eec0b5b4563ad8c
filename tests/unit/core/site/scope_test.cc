// Limits of one scope, and permits of several at once.

#include "core/site/scope.h"

#include <boost/test/unit_test.hpp>

#include "core/site/source.h"

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

namespace {

TimePoint const start{1000s};

LevelSettings limited(std::optional<std::uint32_t> connections, Rate rate = {}) {
  LevelSettings settings;
  settings.max_connections = connections;
  settings.rate = rate;
  return settings;
}

struct Waiter final : RoomWaiter {
  void on_room(ConcurrencyLimit&) override { ++told; }
  int told = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(scopes)

BOOST_AUTO_TEST_CASE(a_transaction_gets_a_permit_of_every_level_or_none) {
  Scope tenant(Level::Tenant, "acme");
  Scope domain(Level::Domain, "example.org");
  tenant.reconfigure(limited(2), start);
  domain.reconfigure(limited(1), start);
  Levels levels;
  levels.tenant = &tenant;
  levels.domain = &domain;
  auto permits = begin(levels, 1, start);
  BOOST_TEST(!permits.is_empty());
  BOOST_TEST(tenant.connections.in_use() == 1U);
  auto const hold = may_begin(levels, 1, start);
  BOOST_TEST((hold.wait.scope == &domain && hold.wait.limit == Limit::MaxConnections));
  BOOST_TEST((hold.reach == Reach::Domain));
  BOOST_TEST(tenant.connections.in_use() == 1U, "asking takes nothing");
  permits.give_back();
  BOOST_TEST(permits.is_empty());
  BOOST_TEST(tenant.connections.in_use() == 0U);
  BOOST_TEST(may_begin(levels, 1, start).wait.is_over());
}

BOOST_AUTO_TEST_CASE(of_several_waits_the_latest_is_named_and_the_widest_reach_counts) {
  Scope total(Level::Total, "");
  Scope tenant(Level::Tenant, "acme");
  total.reconfigure(limited({}, {1, 1s, 1}), start);
  tenant.reconfigure(limited({}, {6, 1min, 1}), start);
  Levels levels;
  levels.total = &total;
  levels.tenant = &tenant;
  static_cast<void>(begin(levels, 1, start));
  auto const hold = may_begin(levels, 1, start);
  BOOST_TEST((hold.wait.not_before == start + 10s));
  BOOST_TEST(hold.wait.scope->title() == "tenant acme");
  BOOST_TEST(hold.wait.scope->words_for(hold.wait.limit) == "rate reached (6/min, burst 1)");
  BOOST_TEST((hold.reach == Reach::All));
  BOOST_TEST(total.title() == "total");
}

BOOST_AUTO_TEST_CASE(connections_of_a_source_are_counted_while_open_not_while_used) {
  Scope source(Level::Source, "west");
  source.reconfigure(limited(1), start);
  auto const connection = source.open(start);
  BOOST_TEST(source.may_begin(1, start).is_over());
  BOOST_TEST((source.may_open(start).limit == Limit::MaxConnections));
}

BOOST_AUTO_TEST_CASE(recipients_pass_together_within_the_burst_and_later_beyond_it) {
  RateLimit limit({10, 1s, 10});
  BOOST_TEST((limit.earliest(start, 10) == start));
  limit.take(start, 4);
  BOOST_TEST((limit.earliest(start, 6) == start));
  BOOST_TEST((limit.earliest(start, 7) == start + 100ms));
  BOOST_TEST((limit.earliest(start, 1000) == start + 400ms), "when nothing is owed");
  limit.take(start + 400ms, 1000);
  BOOST_TEST((limit.earliest(start + 400ms) == start + 400ms + 99100ms));
}

BOOST_AUTO_TEST_CASE(an_enormous_burst_of_a_slow_rate_does_not_overflow) {
  RateLimit limit({1, 24h, 1'000'000'000});
  BOOST_TEST((limit.earliest(start) == start));
  limit.take(start, 1'000'000'000);
  BOOST_TEST((limit.earliest(start) >= start));
}

BOOST_AUTO_TEST_CASE(room_is_told_to_the_first_in_line_and_passed_on_by_who_does_not_need_it) {
  Waiter a;
  Waiter b;
  ConcurrencyLimit limit(1);
  auto permit = limit.take();
  limit.stand_in_line(a);
  limit.stand_in_line(b);
  limit.stand_in_line(a);
  BOOST_TEST(limit.waiters() == 2U);
  permit.give_back();
  BOOST_TEST((a.told == 1 && b.told == 0));
  limit.pass_on();
  BOOST_TEST((a.told == 1 && b.told == 1));
  limit.pass_on();
  BOOST_TEST(limit.waiters() == 0U);
}

BOOST_AUTO_TEST_CASE(nobody_is_told_of_room_that_there_is_not_and_who_goes_leaves_the_line) {
  ConcurrencyLimit limit(1);
  auto first = limit.take();
  {
    Waiter gone;
    limit.stand_in_line(gone);
  }
  BOOST_TEST(limit.waiters() == 0U);
  Waiter a;
  limit.stand_in_line(a);
  limit.reconfigure(0);
  first.give_back();
  BOOST_TEST(a.told == 0);
}

BOOST_AUTO_TEST_CASE(a_pool_divides_by_weight_evenly_mixed) {
  Source west("west");
  Source east("east");
  SourceGroup group;
  auto const next = [&] {
    auto* const source = group.whose_turn();
    group.take_turn(*source);
    return source->name()[0];
  };
  BOOST_TEST(group.whose_turn() == nullptr);
  group.reconfigure({{&west, 3}, {&east, 1}});
  std::string order;
  for (int i = 0; i < 8; ++i) order += next();
  BOOST_TEST(order == "wwewwwew");
}

BOOST_AUTO_TEST_CASE(a_source_that_others_have_stood_in_for_gets_its_turns_back_up_to_a_bound) {
  Source west("west");
  Source east("east");
  SourceGroup group;
  group.reconfigure({{&west, 1}, {&east, 1}});
  auto const turns_of_west = [&] {
    int n = 0;
    for (; group.whose_turn() == &west; ++n) group.take_turn(west);
    return n;
  };
  for (int i = 0; i < 3; ++i) {
    group.take_turn(west);
    group.move_turn(west, east);
  }
  BOOST_TEST(turns_of_west() == 4);  // three and its own
  for (int i = 0; i < 1000; ++i) group.take_turn(east);
  BOOST_TEST(turns_of_west() <= 4 * SourceGroup::most_rounds);
}

BOOST_AUTO_TEST_CASE(a_source_reaches_the_families_it_has_addresses_of) {
  Source source("west");
  BOOST_TEST(source.reaches(IpAddress::Family::V6));
  SourceSettings settings;
  settings.address = {*IpAddress::parse("192.0.2.1")};
  source.reconfigure(settings, start);
  BOOST_TEST(source.reaches(IpAddress::Family::V4));
  BOOST_TEST(!source.reaches(IpAddress::Family::V6));
  BOOST_TEST(source.address_for(IpAddress::Family::V4)->to_string() == "192.0.2.1");
}

BOOST_AUTO_TEST_SUITE_END()
