// A program that has borrowed a connection and says nothing, or not all.

#include "core/imap/client.h"

#include <boost/test/unit_test.hpp>

#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

namespace {

struct Silent {
  ImapWorld world{settings()};
  ImapWorld::Program anna = world.log_in("anna", "a-secret");

  static ImapSettings settings() {
    auto s = ImapWorld::settings();
    s.client_timeout = 10s;
    return s;
  }
  [[nodiscard]] bool has_it() const {
    return world.user("anna")->count(ConnectionState::Busy) == 1U;
  }
  [[nodiscard]] bool heard(std::string_view words) const {
    return anna.line->heard.find(words) != std::string::npos;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(client)

BOOST_AUTO_TEST_CASE(who_says_nothing_between_two_commands_is_told_and_sent_away) {
  Silent at;
  at.world.advance(10s - 1ms);
  BOOST_TEST(at.has_it());
  at.world.advance(2ms);
  BOOST_TEST(!at.has_it());
  BOOST_TEST(at.heard("* BYE "));
  BOOST_TEST(at.heard("client_timeout"));
  BOOST_TEST(at.world.user("anna")->count(ConnectionState::Idle) == 1U);
}

BOOST_AUTO_TEST_CASE(idle_may_last_as_long_as_it_likes) {
  Silent at;
  at.world.say(at.anna, "b IDLE\r\n");
  BOOST_TEST(at.heard("+ idling"));
  at.world.advance(1h);
  BOOST_TEST(at.has_it());
}

BOOST_AUTO_TEST_CASE(who_does_not_end_a_literal_keeps_its_connection_no_longer) {
  Silent at;
  at.world.server().answers = false;
  at.world.say(at.anna, "b APPEND INBOX {100+}\r\nhalf of it");
  at.world.advance(10s - 1ms);
  BOOST_TEST(at.has_it());
  at.world.advance(2ms);
  BOOST_TEST(!at.has_it());
  BOOST_TEST(at.world.discarded("anna", Discard::OpenLiteral) == 1U);
  BOOST_TEST(!at.heard("BYE"), "in the middle of a command nothing can be said");
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_its_time_is_no_silence_of_the_client) {
  Silent at;
  at.world.server().answers = false;
  at.world.say(at.anna, "b SEARCH BODY x\r\n");
  at.world.advance(15s);
  BOOST_TEST(at.has_it());
  at.world.server().answers = true;
  at.world.turn();
  BOOST_TEST(at.heard("b OK"));
  at.world.advance(10s - 1ms);
  BOOST_TEST(at.has_it());
  at.world.advance(2ms);
  BOOST_TEST(!at.has_it());
}

BOOST_AUTO_TEST_SUITE_END()
