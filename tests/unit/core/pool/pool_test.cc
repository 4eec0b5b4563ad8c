#include "core/pool/pool.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::pool;
using namespace std::chrono_literals;

namespace {

TimePoint const start{1000s};

class TestConnection final : public Connection {
 public:
  TestConnection(std::uint64_t id, TimePoint expires_at) : Connection(id, {}, start, expires_at) {}
  [[nodiscard]] ConnectionState state_after_use() const override { return after_use; }
  [[nodiscard]] TimePoint last_heard() const override { return heard; }
  ConnectionState after_use = ConnectionState::Idle;
  TimePoint heard = start;
};

struct Fixture {
  Pool pool;
  std::uint64_t ids = 0;
  TestConnection& idle(TimePoint since = start, TimePoint expires_at = never) {
    auto& c =
        static_cast<TestConnection&>(pool.add(std::make_unique<TestConnection>(++ids, expires_at)));
    c.heard = since;
    pool.enter(c, ConnectionState::Idle);
    return c;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pool_lists, Fixture)

BOOST_AUTO_TEST_CASE(a_connection_is_in_the_list_of_its_state_and_in_no_other) {
  auto& c = pool.add(std::make_unique<TestConnection>(1, never));
  BOOST_TEST(pool.count(ConnectionState::Connecting) == 1U);
  pool.enter(c, ConnectionState::Idle);
  BOOST_TEST(pool.count(ConnectionState::Connecting) == 0U);
  BOOST_TEST(pool.count(ConnectionState::Idle) == 1U);
  BOOST_TEST(pool.open() == 1U);
}

BOOST_AUTO_TEST_CASE(only_the_steps_of_the_picture_are_legal) {
  using S = ConnectionState;
  struct {
    S from;
    std::initializer_list<S> to;
  } const picture[] = {{S::Connecting, {S::Idle, S::Closing}},
                       {S::Idle, {S::Busy, S::Checking, S::Closing}},
                       {S::Busy, {S::Idle, S::Checking, S::Closing}},
                       {S::Checking, {S::Idle, S::Closing}},
                       {S::Closing, {}}};
  for (auto const& row : picture)
    for (auto to : {S::Connecting, S::Idle, S::Busy, S::Checking, S::Closing}) {
      bool const expected = std::find(row.to.begin(), row.to.end(), to) != row.to.end();
      BOOST_TEST(is_legal_step(row.from, to) == expected, name_of(row.from)
                                                              << " -> " << name_of(to));
    }
}

BOOST_AUTO_TEST_CASE(a_dropped_lease_gives_a_clean_connection_back_as_the_newest_idle_one) {
  auto& first = idle();
  auto& second = idle();
  BOOST_TEST(pool.in(ConnectionState::Idle).front().get() == &second);
  {
    auto lease = pool.lease(first);
    BOOST_TEST((first.state() == ConnectionState::Busy));
    BOOST_TEST(first.uses() == 1U);
  }
  BOOST_TEST(pool.in(ConnectionState::Idle).front().get() == &first);
}

BOOST_AUTO_TEST_CASE(a_dropped_lease_never_makes_an_unclean_connection_idle) {
  for (auto dirty : {ConnectionState::Closing, ConnectionState::Checking}) {
    auto& c = idle();
    c.after_use = dirty;
    { auto lease = pool.lease(c); }
    BOOST_TEST((c.state() == dirty));
  }
  BOOST_TEST(pool.count(ConnectionState::Idle) == 0U);
}

BOOST_AUTO_TEST_CASE(idle_timeout_ends_a_connection_at_its_time_and_not_before) {
  Aging const aging{60s, 0, 0};
  auto& c = idle();
  BOOST_TEST(pool.reason_to_close(c, aging, start + 60s - 1ns) == "");
  BOOST_TEST(pool.reason_to_close(c, aging, start + 60s) == "idle_timeout");
  BOOST_TEST((pool.next_reason(aging) == start + 60s));
}

BOOST_AUTO_TEST_CASE(min_idle_connections_outlive_idle_timeout_but_not_their_lifetime) {
  Aging const aging{60s, 0, 1};
  auto& c = idle(start, start + 300s);
  BOOST_TEST(pool.reason_to_close(c, aging, start + 299s) == "");
  BOOST_TEST(pool.reason_to_close(c, aging, start + 300s) == "max_lifetime");
  BOOST_TEST((pool.next_reason(aging) == start + 300s));
  idle();
  BOOST_TEST(pool.reason_to_close(c, aging, start + 60s) == "idle_timeout");
}

BOOST_AUTO_TEST_CASE(max_messages_ends_a_connection_after_the_last_one) {
  auto& c = idle();
  { auto lease = pool.lease(c); }
  BOOST_TEST(pool.reason_to_close(c, {60s, 2, 0}, start) == "");
  { auto lease = pool.lease(c); }
  BOOST_TEST(pool.reason_to_close(c, {60s, 2, 0}, start) == "max_messages");
}

BOOST_AUTO_TEST_SUITE_END()
