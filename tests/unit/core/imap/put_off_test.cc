// A server that takes no login now, whatever the password is.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

namespace {

bool has_heard(ImapWorld::Program const& program, std::string_view words) {
  return program.line->heard.find(words) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(put_off)

BOOST_AUTO_TEST_CASE(a_server_that_has_connections_enough_takes_none_away) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 2;
  auto first = world.log_in("anna", "a-secret");
  auto second = world.log_in("anna", "a-secret");
  world.say(second, "z LOGOUT\r\n");
  second = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(second));
  auto third = world.log_in("anna", "a-secret");
  BOOST_TEST(!has_heard(third, "a NO"));
  world.say(first, "z LOGOUT\r\n");
  BOOST_TEST(ImapWorld::is_in(third));
  BOOST_TEST(world.discarded("anna", Discard::CredChanged) == 0U);
  BOOST_TEST(world.user("anna")->logins_refused == 0U);
  BOOST_TEST(world.server().logins == 2U);
}

BOOST_AUTO_TEST_CASE(the_next_login_is_tried_after_a_while_that_grows) {
  auto settings = ImapWorld::settings();
  settings.checkout_timeout = 1min;
  ImapWorld world(settings);
  world.server().most_logins = 1;
  auto first = world.log_in("anna", "a-secret");
  auto second = world.log_in("anna", "a-secret");
  auto const tried = [&] { return world.server().put_off; };
  BOOST_TEST(tried() == 1U);
  world.advance(1s - 1ms);
  BOOST_TEST(tried() == 1U);
  world.advance(2ms);
  BOOST_TEST(tried() == 2U);
  world.advance(2s - 3ms);
  BOOST_TEST(tried() == 2U);
  world.advance(4ms);
  BOOST_TEST(tried() == 3U);
  world.server().most_logins = 2;
  world.advance(5s);
  BOOST_TEST(ImapWorld::is_in(second));
}

BOOST_AUTO_TEST_CASE(who_waits_in_vain_is_told_the_servers_words) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 1;
  auto first = world.log_in("anna", "a-secret");
  auto second = world.log_in("anna", "a-secret");
  world.advance(world.profile->settings().checkout_timeout + 1ms);
  BOOST_TEST(has_heard(second, "a NO [UNAVAILABLE] No connection within 10s"));
  BOOST_TEST(has_heard(second, "[LIMIT] That is enough"));
}

BOOST_AUTO_TEST_CASE(a_limit_is_waited_for_where_nothing_of_ours_can_come_back_too) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 0;
  auto first = world.log_in("anna", "a-secret");
  BOOST_TEST(!has_heard(first, "a NO"));
  world.server().most_logins = 1;
  world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(first));
}

BOOST_AUTO_TEST_CASE(a_password_that_was_proved_is_not_believed_wrong_for_words_of_something_else) {
  for (auto const* words :
       {"[ALERT] Too many simultaneous connections. (Failure)",
        "[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", "[THROTTLED] wait",
        "[INUSE] mailbox", "[ALERT] Please log in via your web browser", "Something is odd"}) {
    auto settings = ImapWorld::settings();
    settings.reauth_interval = 1min;
    ImapWorld world(settings);
    auto first = world.log_in("anna", "a-secret");
    world.say(first, "z LOGOUT\r\n");
    world.advance(61s);
    world.server().passwords["anna"] = "nobody knows";
    world.server().refusal = words;
    auto second = world.log_in("anna", "a-secret");
    BOOST_TEST(world.server().refused == 1U, words);
    BOOST_TEST(!has_heard(second, "a NO"), words);
    BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 1U, words);
    BOOST_TEST(world.user("anna")->logins_refused == 0U, words);
    world.server().passwords["anna"] = "a-secret";
    world.advance(1s);
    BOOST_TEST(ImapWorld::is_in(second), words);
    BOOST_TEST(world.discarded("anna", Discard::CredChanged) == 0U, words);
  }
}

BOOST_AUTO_TEST_CASE(what_nobody_has_proved_hears_unclear_words_at_once_and_is_asked_again) {
  ImapWorld world(ImapWorld::settings());
  world.server().refusal = "[ALERT] Please log in via your web browser";
  auto guess = world.log_in("anna", "guess");
  BOOST_TEST(has_heard(guess, "a NO [ALERT] Please log in via your web browser"));
  world.log_in("anna", "guess");
  BOOST_TEST(world.server().refused == 2U);
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_a_login_late_is_not_down) {
  ImapWorld world(ImapWorld::settings());
  auto const login_timeout = world.profile->settings().login_timeout;
  world.server().login_time = login_timeout - 1ms;
  auto late = world.log_in("anna", "a-secret");
  world.advance(login_timeout - 2ms);
  BOOST_TEST(!has_heard(late, "a NO"));
  world.advance(2ms);
  BOOST_TEST(ImapWorld::is_in(late));
}

BOOST_AUTO_TEST_CASE(a_server_that_failed_counts_as_down_until_a_connection_is_made) {
  ImapWorld world(ImapWorld::settings());
  BOOST_TEST(world.profile->state() == "open");
  world.server().accepts = false;
  auto first = world.log_in("anna", "a-secret");
  world.advance(1h);
  BOOST_TEST(world.profile->state() == "backing_off", "nobody has tried it since");
  world.server().accepts = true;
  auto second = world.log_in("anna", "a-secret");
  world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(second), second.line->heard);
  BOOST_TEST(world.profile->state() == "open");
}

BOOST_AUTO_TEST_CASE(one_users_late_answers_are_no_fault_of_the_server) {
  ImapWorld world(ImapWorld::settings());
  auto const login_timeout = world.profile->settings().login_timeout;
  world.server().login_time = 1h;
  auto late = world.log_in("anna", "a-secret");
  world.server().login_time = {};
  world.advance(login_timeout + 1ms);
  auto bert = world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  world.advance(1s);
  BOOST_TEST((has_heard(late, "login_timeout") || ImapWorld::is_in(late)), late.line->heard);
}

BOOST_AUTO_TEST_CASE(what_the_server_lacks_is_the_failure_of_who_asks_for_it) {
  ImapWorld world(ImapWorld::settings());
  auto const ask_with_a_token = [&] {
    auto program = world.connect();
    world.say(program,
              "a AUTHENTICATE XOAUTH2 " + to_base64("user=anna\1auth=Bearer t\1\1") + "\r\n");
    return world.say(program, "\r\n");
  };
  for (int i = 0; i < 50; ++i)
    BOOST_TEST(ask_with_a_token().find("a NO [CANNOT]") != std::string::npos);
  BOOST_TEST(world.server().opened == 1U);
  auto bert = world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(!has_heard(world.connect(), "XOAUTH2"));
  world.server().capabilities += " AUTH=XOAUTH2";
  world.advance(61s);
  ask_with_a_token();
  BOOST_TEST(has_heard(world.connect(), "XOAUTH2"));
}

BOOST_AUTO_TEST_CASE(logins_that_one_server_puts_off_go_to_the_next) {
  auto settings = ImapWorld::settings();
  settings.server.push_back({"two.example", 993});
  ImapWorld world(settings);
  world.server().most_logins = 0;
  auto anna = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(anna), anna.line->heard);
  BOOST_TEST(world.server("two.example").logins == 1U);
}

BOOST_AUTO_TEST_CASE(who_asks_for_all_the_room_of_guesses_leaves_a_part_to_others) {
  auto settings = ImapWorld::settings();
  settings.max_connections = 40;  // ten guesses at once
  ImapWorld world(settings);
  world.server().login_time = 15s;
  std::vector<ImapWorld::Program> abusers;
  for (int i = 0; i < 60; ++i) abusers.push_back(world.log_in("user" + std::to_string(i), "guess"));
  BOOST_TEST(world.server().open == 8U);
  auto other = world.connect({43, 1001, true});
  world.say(other, "a LOGIN bert b-secret\r\n");
  world.advance(15s);
  BOOST_TEST(ImapWorld::is_in(other), other.line->heard);
}

BOOST_AUTO_TEST_CASE(one_users_limit_is_no_fault_of_the_server) {
  ImapWorld world(ImapWorld::settings());
  world.server().most_logins = 0;
  world.log_in("anna", "a-secret");
  world.server().most_logins = 1000;
  auto bert = world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(bert));
}

BOOST_AUTO_TEST_SUITE_END()
