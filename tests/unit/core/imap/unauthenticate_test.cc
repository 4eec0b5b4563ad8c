// A connection that becomes another user's: only a clean one, and nothing of the user before stays.

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

namespace {

auto count(std::vector<std::string> const& all, std::string_view one) {
  return std::count(all.begin(), all.end(), one);
}

/// One connection for two users: anna has used it, bert is known from before and wants it.
struct TwoUsers {
  static ImapSettings settings() {
    auto s = ImapWorld::settings();
    s.max_connections = 1;
    s.idle_timeout = 1h;
    return s;
  }
  explicit TwoUsers(ImapSettings const& s = settings()) : world(s) {
    world.server().capabilities += " UNAUTHENTICATE ID";
    log_in_and_out("bert", "b-secret");
    world.advance(6s);
    log_in_and_out("anna", "a-secret");
    world.advance(6s);
    world.server().commands.clear();
  }
  void log_in_and_out(std::string const& user, std::string const& password) {
    auto program = world.log_in(user, password);
    world.advance(5s + 1ms);
    BOOST_TEST(ImapWorld::is_in(program), program.line->heard);
    world.say(program, "z LOGOUT\r\n");
  }

  ImapWorld world;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(unauthenticate)

BOOST_AUTO_TEST_CASE(where_all_are_open_an_idle_connection_becomes_another_users) {
  TwoUsers two;
  auto& server = two.world.server();
  auto const opened = server.opened;
  auto bert = two.world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(server.opened == opened);
  BOOST_TEST(server.most_open == 1U);
  BOOST_TEST(two.world.discarded("anna", Discard::TurnedOver) == 1U);
  BOOST_TEST(two.world.user("anna")->connections().is_empty());
  // What the server can is asked again, and who we are said again.
  BOOST_TEST(server.commands.at(0) == "UNAUTHENTICATE");
  BOOST_TEST(server.commands.at(1) == "CAPABILITY");
  BOOST_TEST(server.commands.at(2).starts_with("ID "));
  server.said.clear();
  two.world.say(bert, "b SELECT INBOX\r\n");
  BOOST_TEST(server.said.at(0).first == "bert");
}

BOOST_AUTO_TEST_CASE(who_gets_it_next_is_who_logged_in_last) {
  TwoUsers two;
  auto bert = two.world.log_in("bert", "b-secret");
  two.world.say(bert, "z LOGOUT\r\n");
  auto anna = two.world.log_in("anna", "a-secret");
  two.world.server().said.clear();
  two.world.say(anna, "b SELECT INBOX\r\n");
  for (auto const& [user, command] : two.world.server().said) BOOST_TEST(user == "anna", command);
  BOOST_TEST(two.world.server().most_open == 1U);
}

BOOST_AUTO_TEST_CASE(one_that_is_not_proved_clean_is_not_turned_over) {
  TwoUsers two;
  auto anna = two.world.log_in("anna", "a-secret");
  two.world.say(anna, "b SELECT INBOX\r\n");
  two.world.server().answers_to["NOOP"] = "";  // the barrier stays open
  two.world.say(anna, "z LOGOUT\r\n");
  auto bert = two.world.log_in("bert", "b-secret");
  two.world.advance(4s);
  BOOST_TEST(count(two.world.server().commands, "UNAUTHENTICATE") == 0);
  BOOST_TEST(!ImapWorld::is_in(bert));
  two.world.server().answers_to.clear();
  two.world.advance(3s);  // reset_timeout: it is closed, and bert gets one of its own
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(count(two.world.server().commands, "UNAUTHENTICATE") == 0);
  BOOST_TEST(two.world.discarded("anna", Discard::ResetTimeout) == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_changed_on_it_is_never_turned_over) {
  TwoUsers two;
  auto anna = two.world.log_in("anna", "a-secret");
  two.world.say(anna, "b ENABLE QRESYNC\r\n");
  two.world.say(anna, "z LOGOUT\r\n");
  auto bert = two.world.log_in("bert", "b-secret");
  two.world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(count(two.world.server().commands, "UNAUTHENTICATE") == 0);
  BOOST_TEST(two.world.discarded("anna", Discard::TaintEnable) == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_that_refuses_is_left_politely_and_not_asked_again) {
  TwoUsers two;
  auto& server = two.world.server();
  server.answers_to["UNAUTHENTICATE"] = "NO not today";
  auto bert = two.world.log_in("bert", "b-secret");
  two.world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(count(server.commands, "LOGOUT") == 1);
  two.world.say(bert, "z LOGOUT\r\n");
  auto anna = two.world.log_in("anna", "a-secret");
  two.world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(anna), anna.line->heard);
  BOOST_TEST(count(server.commands, "UNAUTHENTICATE") == 1);
  BOOST_TEST(server.most_open == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_silent_costs_check_timeout_and_does_not_back_off) {
  TwoUsers two;
  two.world.server().answers_to["UNAUTHENTICATE"] = "";
  auto bert = two.world.log_in("bert", "b-secret");
  two.world.advance(1999ms);
  BOOST_TEST(!ImapWorld::is_in(bert));
  two.world.advance(2ms);
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(two.world.profile->health().last_error(0) == "");
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_do_what_it_says_makes_nobodys_password_wrong) {
  TwoUsers two;
  two.world.server().answers_to["UNAUTHENTICATE"] = "OK done";  // and anna stays logged in
  auto bert = two.world.log_in("bert", "b-secret");
  two.world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(two.world.user("bert")->logins_refused == 0U);
  two.world.server().said.clear();
  two.world.say(bert, "b SELECT INBOX\r\n");
  BOOST_TEST(two.world.server().said.at(0).first == "bert");
  two.world.say(bert, "z LOGOUT\r\n");
  auto anna = two.world.log_in("anna", "a-secret");
  two.world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(anna), anna.line->heard);
  BOOST_TEST(count(two.world.server().commands, "UNAUTHENTICATE") == 1, "it is not believed again");
}

BOOST_AUTO_TEST_CASE(a_wrong_password_on_it_is_told_in_the_servers_words) {
  TwoUsers two;
  auto guess = two.world.log_in("bert", "guess");
  two.world.advance(6s);
  BOOST_TEST(contains(guess.line->heard, "a NO [AUTHENTICATIONFAILED]"), guess.line->heard);
  BOOST_TEST(two.world.server().opened == 1U);
}

BOOST_AUTO_TEST_CASE(an_operator_who_takes_no_promises_has_it_closed_instead) {
  auto settings = TwoUsers::settings();
  settings.unauthenticate = false;
  TwoUsers two(settings);
  auto bert = two.world.log_in("bert", "b-secret");
  two.world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  BOOST_TEST(count(two.world.server().commands, "UNAUTHENTICATE") == 0);
  BOOST_TEST(count(two.world.server().commands, "LOGOUT") == 1);
}

BOOST_AUTO_TEST_CASE(its_lifetime_is_that_of_the_connection) {
  auto settings = TwoUsers::settings();
  settings.max_lifetime = 1min;
  settings.check_after = 1h;
  TwoUsers two(settings);
  two.world.advance(30s);
  auto bert = two.world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(bert), bert.line->heard);
  two.world.say(bert, "z LOGOUT\r\n");
  two.world.advance(30s);
  BOOST_TEST(two.world.discarded("bert", Discard::MaxLifetime) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
