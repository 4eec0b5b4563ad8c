// What a reload does to connections that were made before it.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

namespace {

struct Reloaded {
  ImapSettings settings = ImapWorld::settings();
  ImapWorld world{settings, "of last year"};
  ImapWorld::Program anna = world.log_in("anna", "a-secret");

  void leave() { world.say(anna, "z LOGOUT\r\n"); }
  void reload(std::string authorities) {
    world.profile->reconfigure(settings, std::move(authorities), world.now);
    world.turn();
  }
  [[nodiscard]] std::size_t idle() const {
    return world.user("anna")->count(ConnectionState::Idle);
  }
  [[nodiscard]] std::uint64_t reloaded() const { return world.discarded("anna", Discard::Reload); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(reload)

BOOST_AUTO_TEST_CASE(authorities_renewed_in_their_file_end_what_those_of_before_verified) {
  Reloaded at;
  at.leave();
  at.reload("of this year");
  BOOST_TEST(at.idle() == 0U);
  BOOST_TEST(at.reloaded() == 1U);
  auto again = at.world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(again));
  BOOST_TEST(at.world.server().logins == 2U);
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_lent_meanwhile_ends_when_it_comes_back) {
  Reloaded at;
  at.reload("of this year");
  BOOST_TEST(at.world.say(at.anna, "b NOOP\r\n").find("b OK") != std::string::npos);
  at.leave();
  BOOST_TEST(at.idle() == 0U);
  BOOST_TEST(at.reloaded() == 1U);
}

BOOST_AUTO_TEST_CASE(a_reload_that_changes_nothing_on_the_wire_keeps_connections) {
  Reloaded at;
  at.leave();
  at.settings.tls_ca_file = "/a/copy/of/the/same.pem";
  at.settings.pool_size = 3;
  at.reload("of last year");
  BOOST_TEST(at.idle() == 1U);
  BOOST_TEST(at.reloaded() == 0U);
}

BOOST_AUTO_TEST_CASE(whoever_vouches_for_the_server_is_part_of_what_connections_are_made_for) {
  auto const changed = [](auto change) {
    Reloaded at;
    at.leave();
    change(at.settings);
    at.reload("of last year");
    return at.reloaded();
  };
  BOOST_TEST(changed([](ImapSettings& s) { s.tls_verify = false; }) == 1U);
  BOOST_TEST(changed([](ImapSettings& s) { s.tls = ImapTls::StartTls; }) == 1U);
  BOOST_TEST(changed([](ImapSettings& s) { s.server.front().port = 994; }) == 1U);
}

BOOST_AUTO_TEST_CASE(authorities_are_nothing_to_a_profile_that_verifies_nothing) {
  Reloaded at;
  at.settings.tls_verify = false;
  at.reload("of last year");
  at.leave();
  auto again = at.world.log_in("anna", "a-secret");
  at.world.say(again, "z LOGOUT\r\n");
  auto const before = at.reloaded();
  at.reload("of this year");
  BOOST_TEST(at.idle() == 1U);
  BOOST_TEST(at.reloaded() == before);
}

BOOST_AUTO_TEST_CASE(a_login_that_a_reload_overtook_proves_no_password) {
  Reloaded at;
  at.leave();
  at.world.server().login_time = std::chrono::seconds(1);
  auto bert = at.world.log_in("bert", "b-secret");
  at.reload("of this year");
  at.world.advance(std::chrono::seconds(1));
  BOOST_TEST(at.world.discarded("bert", Discard::Reload) == 1U);
  BOOST_TEST(!ImapWorld::is_in(bert));
  at.world.advance(std::chrono::seconds(1));
  BOOST_TEST(ImapWorld::is_in(bert));
  BOOST_TEST(at.world.server().logins == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
