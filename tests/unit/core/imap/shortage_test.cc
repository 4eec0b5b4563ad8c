// No socket can be made here: no server is held to blame, and programs wait for it within their
// checkout_timeout.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;

namespace {

constexpr auto too_many = "Too many open files (this process may open 64: raise LimitNOFILE)";

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_without_a_socket)

BOOST_AUTO_TEST_CASE(no_server_is_to_blame_and_the_program_is_served_a_second_later) {
  ImapWorld world(ImapWorld::settings());
  world.no_socket = too_many;
  auto program = world.log_in("anna", "a-secret");
  BOOST_TEST(!ImapWorld::is_in(program));
  BOOST_TEST(program.line->heard.find("a NO") == std::string::npos, program.line->heard);
  BOOST_TEST(world.without_socket == 1U);
  BOOST_TEST(world.profile->state() == "open");
  world.no_socket.clear();
  world.advance(999ms);
  BOOST_TEST(!ImapWorld::is_in(program));
  world.advance(2ms);
  BOOST_TEST(ImapWorld::is_in(program), program.line->heard);
}

BOOST_AUTO_TEST_CASE(who_waits_in_vain_is_told_what_is_short) {
  ImapWorld world(ImapWorld::settings());
  world.no_socket = too_many;
  auto program = world.log_in("anna", "a-secret");
  world.advance(world.profile->settings().checkout_timeout + 1ms);
  BOOST_TEST(program.line->heard.find("LimitNOFILE") != std::string::npos, program.line->heard);
  BOOST_TEST(world.without_socket <= 11U, "once a second");
}

BOOST_AUTO_TEST_CASE(a_server_that_failed_is_probed_when_there_are_sockets_again) {
  auto settings = ImapWorld::settings();
  settings.server.push_back({"two.example", settings.server.front().port});
  ImapWorld world(settings);
  world.server("one.example").accepts = false;
  auto program = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(program), program.line->heard);
  world.server("one.example").accepts = true;
  world.no_socket = too_many;
  world.advance(20s);
  BOOST_TEST(world.without_socket >= 1U);
  BOOST_TEST(world.without_socket <= 21U, "once a second");
  world.no_socket.clear();
  world.advance(2s);
  BOOST_TEST(world.server("one.example").opened == 1U, "it was probed, and greets");
}

BOOST_AUTO_TEST_SUITE_END()
