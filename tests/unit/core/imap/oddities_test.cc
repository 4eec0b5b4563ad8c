// What servers and programs do that no document foresees.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/contains.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

BOOST_AUTO_TEST_SUITE(oddities)

BOOST_AUTO_TEST_CASE(blank_lines_behind_a_literal_are_no_responses_and_cost_the_connection) {
  for (auto const* stray : {"\r\n", " \r\n", "\t\r\n\r\n", ")\r\n"}) {
    ImapWorld world(ImapWorld::settings());
    auto program = world.log_in("anna", "a-secret");
    world.server().answers_to["FETCH"] = "";
    world.say(program, "b FETCH 1:2 BODY[]\r\n");
    world.server_says("* 1 FETCH (BODY[] {5}\r\nhello)\r\n" + std::string(stray) +
                      "* 2 FETCH (BODY[] {0}\r\n)\r\n" + stray + "b OK done\r\n");
    BOOST_TEST(program.line->heard ==
               "* 1 FETCH (BODY[] {5}\r\nhello)\r\n* 2 FETCH (BODY[] {0}\r\n)\r\nb OK done\r\n");
    world.say(program, "z LOGOUT\r\n");
    BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 0U);
    BOOST_TEST(world.discarded("anna", Discard::Desync) == 1U, stray);
  }
}

BOOST_AUTO_TEST_CASE(elsewhere_they_are_what_they_always_were) {
  for (auto const* before : {"", "* 3 EXISTS\r\n"}) {
    ImapWorld world(ImapWorld::settings());
    auto program = world.log_in("anna", "a-secret");
    world.server().answers_to["FETCH"] = "";
    world.say(program, "b FETCH 1 FLAGS\r\n");
    world.server_says(std::string(before) + "\r\n");
    BOOST_TEST(world.discarded("anna", Discard::Parse) == 1U, before);
  }
}

BOOST_AUTO_TEST_CASE(octets_that_may_be_a_message_are_not_tolerated) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  world.server().answers_to["FETCH"] = "";
  world.say(program, "b FETCH 1 BODY[]\r\n");
  world.server_says("* 1 FETCH (BODY[] {5}\r\nhello)\r\nmore of it)\r\n");
  BOOST_TEST(world.discarded("anna", Discard::Parse) == 1U);
}

BOOST_AUTO_TEST_CASE(a_program_that_goes_on_asking_does_not_put_answer_timeout_off) {
  auto settings = ImapWorld::settings();
  settings.answer_timeout = 1min;
  ImapWorld world(settings);
  auto program = world.log_in("anna", "a-secret");
  world.server().answers = false;
  for (int i = 0; i < 6; ++i) {
    world.say(program, "c" + std::to_string(i) + " NOOP\r\n");
    world.advance(10s - 1ms);
  }
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 0U);
  world.advance(7ms);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 1U);
}

BOOST_AUTO_TEST_CASE(a_message_that_goes_on_leaving_does) {
  auto settings = ImapWorld::settings();
  settings.answer_timeout = 1min;
  ImapWorld world(settings);
  auto program = world.log_in("anna", "a-secret");
  world.server().answers = false;
  world.say(program, "c APPEND INBOX {1000+}\r\n");
  for (int i = 0; i < 9; ++i) {
    world.say(program, std::string(100, 'x'));
    world.advance(30s);
  }
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 0U);
}

BOOST_AUTO_TEST_CASE(enable_may_be_refused_and_its_connection_is_kept) {
  auto settings = ImapWorld::settings();
  settings.enable = ImapEnable::Refuse;
  ImapWorld world(settings);
  auto program = world.log_in("anna", "a-secret");
  BOOST_TEST(!contains(program.line->heard, "ENABLE"), program.line->heard);
  BOOST_TEST(contains(world.say(program, "b ENABLE QRESYNC\r\n"), "b NO [CANNOT]"));
  BOOST_TEST(!contains(world.say(program, "c CAPABILITY\r\n"), "ENABLE"));
  world.server_says("* CAPABILITY IMAP4rev1 ENABLE UNSELECT\r\n");
  BOOST_TEST(contains(program.line->heard, "* CAPABILITY IMAP4rev1 UNSELECT"), program.line->heard);
  world.say(program, "z LOGOUT\r\n");
  BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 1U);
  BOOST_TEST(world.discarded("anna", Discard::TaintEnable) == 0U);
  BOOST_TEST(!contains(world.connect().line->heard, "ENABLE"));
}

BOOST_AUTO_TEST_CASE(an_operator_kills_one_connection_whoever_has_it) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  auto other = world.log_in("anna", "a-secret");
  auto const id = program.client->upstream()->id();
  BOOST_TEST(world.profile->kill(id, world.now));
  world.turn();
  BOOST_TEST(
      contains(program.line->heard, "* BYE The connection to the IMAP server is lost (killed)"));
  BOOST_TEST(world.discarded("anna", Discard::Killed) == 1U);
  BOOST_TEST(contains(world.say(other, "b NOOP\r\n"), "b OK"));
  BOOST_TEST(!world.profile->kill(id, world.now));
  world.say(other, "z LOGOUT\r\n");
  auto const& idle = world.user("anna")->connections().in(ConnectionState::Idle);
  BOOST_TEST(world.profile->kill(idle.front()->id(), world.now));
  world.turn();
  BOOST_TEST(world.user("anna")->connections().open() == 0U);
}

BOOST_AUTO_TEST_CASE(id_tells_programs_how_the_pool_is_doing_before_and_after_the_login) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 1;
  ImapWorld world(settings);
  auto lent = world.log_in("anna", "a-secret");
  auto waiting = world.log_in("anna", "a-secret");
  auto asking = world.connect();
  for (auto* program : {&asking, &lent}) {
    auto const heard = world.say(*program, "i ID NIL\r\n");
    BOOST_TEST(contains(heard, R"(* ID ("name" "mailpool" "profile" "test" "state" "open")"),
               heard);
    BOOST_TEST(contains(heard, R"("clients" "3" "waiting" "1" "active" "1" "idle" "0")"), heard);
    BOOST_TEST(contains(heard, R"("connections" "1" "max_connections" "100" "pool_size" "1")"),
               heard);
    BOOST_TEST(contains(heard, "i OK"));
  }
}

BOOST_AUTO_TEST_CASE(id_names_what_is_wrong_with_the_servers) {
  ImapWorld world(ImapWorld::settings());
  world.server().accepts = false;
  world.log_in("anna", "a-secret");
  auto asking = world.connect();
  auto const heard = world.say(asking, "i ID NIL\r\n");
  BOOST_TEST(contains(heard, R"("state" "backing_off")"), heard);
  BOOST_TEST(contains(heard, "Connection refused"), heard);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_full_is_waited_for_and_tried_again) {
  ImapWorld world(ImapWorld::settings());
  world.server().greeting = "* BYE [ALERT] Maximum connection limit reached\r\n";
  auto program = world.log_in("anna", "a-secret");
  BOOST_TEST(!contains(program.line->heard, "a NO"), program.line->heard);
  world.server().greeting.clear();
  world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(program), program.line->heard);
}

BOOST_AUTO_TEST_CASE(an_account_logs_in_with_a_token_or_a_certificate) {
  auto settings = ImapWorld::settings();
  settings.account.user = "anna";
  settings.account.token_file = "/token";
  ImapWorld world(settings);
  BOOST_TEST(!world.profile->account_login().has_value());
  world.profile->set_account_secret(Secret::from(std::string("t0ken")));
  auto const with_token = world.profile->account_login();
  BOOST_REQUIRE(with_token.has_value());
  BOOST_TEST((with_token->kind == SecretKind::Token));
  settings.account.token_file.clear();
  settings.account.external = true;
  world.profile->reconfigure(settings, "", world.now);
  auto const with_certificate = world.profile->account_login();
  BOOST_REQUIRE(with_certificate.has_value());
  BOOST_TEST((with_certificate->kind == SecretKind::External));
  BOOST_TEST(with_certificate->user == "anna");
}

BOOST_AUTO_TEST_SUITE_END()
