// Who gets which connection, when one is opened, and when it is not kept.

#include "core/imap/profile.h"

#include <boost/test/unit_test.hpp>

#include "core/imap/demand.h"
#include "fakes/contains.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using namespace std::chrono_literals;
using mailpool::tests::ImapWorld;
using pool::ConnectionState;

namespace {

std::string leave(ImapWorld& world, ImapWorld::Program& program) {
  return world.say(program, "z LOGOUT\r\n");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profile)

BOOST_AUTO_TEST_CASE(t1_a_second_login_is_served_by_the_connection_of_the_first) {
  ImapWorld world(ImapWorld::settings());
  auto first = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(first), first.line->heard);
  BOOST_TEST(contains(leave(world, first), "z OK"));
  auto second = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(second));
  BOOST_TEST(world.server().logins == 1U);
  BOOST_TEST(world.user("anna")->reused == 1U);
}

BOOST_AUTO_TEST_CASE(users_do_not_share_connections) {
  ImapWorld world(ImapWorld::settings());
  auto anna = world.log_in("anna", "a-secret");
  leave(world, anna);
  auto bert = world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(bert));
  BOOST_TEST(world.server().logins == 2U);
}

BOOST_AUTO_TEST_CASE(f70_another_users_password_opens_nothing) {
  ImapWorld world(ImapWorld::settings());
  auto anna = world.log_in("anna", "a-secret");
  leave(world, anna);
  auto bert = world.log_in("anna", "b-secret");
  BOOST_TEST(contains(bert.line->heard, "a NO [AUTHENTICATIONFAILED] Authentication failed."));
}

BOOST_AUTO_TEST_CASE(t9_a_wrong_password_evicts_nothing_and_hears_the_servers_own_words) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 2;
  ImapWorld world(settings);
  world.server().refusal = "[AUTHENTICATIONFAILED] Not with me.";
  auto anna = world.log_in("anna", "a-secret");
  leave(world, anna);
  for (int i = 0; i < 5; ++i) {
    auto wrong = world.log_in("anna", "guess" + std::to_string(i));
    BOOST_TEST(contains(wrong.line->heard, "a NO [AUTHENTICATIONFAILED] Not with me."));
  }
  BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 1U);
  auto again = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(again));
  BOOST_TEST(world.server().logins == 1U);
  BOOST_TEST(world.server().refused == 5U);
  BOOST_TEST(world.server().most_open == 2U);
}

BOOST_AUTO_TEST_CASE(where_all_are_open_a_guess_waits_for_one_that_nobody_needs) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 1;
  settings.checkout_timeout = 20s;
  ImapWorld world(settings);
  auto anna = world.log_in("anna", "a-secret");
  leave(world, anna);
  world.advance(9s);
  auto too_early = world.log_in("anna", "guess");
  world.advance(20'001ms);
  BOOST_TEST(contains(too_early.line->heard, "a NO [UNAVAILABLE]"), too_early.line->heard);
  BOOST_TEST(contains(too_early.line->heard, "passwords are known (pool_size)"));
  BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 1U);
  auto in_time = world.log_in("anna", "guess");
  world.advance(990ms);
  BOOST_TEST(world.discarded("anna", Discard::Reauth) == 0U);
  world.advance(20ms);
  BOOST_TEST(contains(in_time.line->heard, "a NO [AUTHENTICATIONFAILED]"), in_time.line->heard);
  BOOST_TEST(world.discarded("anna", Discard::Reauth) == 1U);
  BOOST_TEST(world.server().most_open == 1U);
}

BOOST_AUTO_TEST_CASE(one_that_is_used_now_and_then_is_never_closed_for_a_guess) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 1;
  ImapWorld world(settings);
  for (int i = 0; i < 20; ++i) {
    auto anna = world.log_in("anna", "a-secret");
    BOOST_TEST(ImapWorld::is_in(anna));
    leave(world, anna);
    auto guess = world.log_in("anna", "guess" + std::to_string(i));
    world.advance(29s);
    BOOST_TEST(contains(guess.line->heard, "a NO [UNAVAILABLE]"));
  }
  BOOST_TEST(world.server().logins == 1U);
  BOOST_TEST(world.server().refused == 0U);
}

BOOST_AUTO_TEST_CASE(guesses_cost_a_full_pool_one_connection_and_min_idle_none) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 3;
  ImapWorld world(settings);
  std::vector<ImapWorld::Program> crowd;
  for (int i = 0; i < 3; ++i) crowd.push_back(world.log_in("anna", "a-secret"));
  for (auto& program : crowd) leave(world, program);
  world.advance(40s);
  for (int i = 0; i < 5; ++i) {
    auto guess = world.log_in("anna", "guess" + std::to_string(i));
    BOOST_TEST(contains(guess.line->heard, "a NO [AUTHENTICATIONFAILED]"));
    world.advance(10s);
  }
  BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 2U);
  BOOST_TEST(world.server().most_open == 3U);

  settings.min_idle = 3;
  ImapWorld warm(settings);
  for (auto& program : crowd) program = warm.log_in("anna", "a-secret");
  for (auto& program : crowd) leave(warm, program);
  warm.advance(40s);
  warm.log_in("anna", "guess");
  warm.advance(11s);
  BOOST_TEST(warm.user("anna")->count(ConnectionState::Idle) == 3U);
}

BOOST_AUTO_TEST_CASE(a_new_password_of_the_accounts_file_takes_a_place_at_once) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 1;
  settings.account.user = "anna";
  ImapWorld world(settings);
  auto old_one = world.log_in("anna", "a-secret");
  leave(world, old_one);
  world.server().passwords["anna"] = "new";
  world.profile->set_account_secret(Secret::from(std::string("new")));
  auto new_one = world.log_in("anna", "new");
  BOOST_TEST(ImapWorld::is_in(new_one), new_one.line->heard);
  BOOST_TEST(world.server().most_open == 1U);
}

BOOST_AUTO_TEST_CASE(guesses_are_tried_after_those_whose_password_was_good) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 1;
  ImapWorld world(settings);
  auto holder = world.log_in("anna", "a-secret");
  auto guess = world.log_in("anna", "guess");
  auto known = world.log_in("anna", "a-secret");
  world.servers_hang_up();
  world.turn();
  BOOST_TEST(ImapWorld::is_in(known), known.line->heard);
  BOOST_TEST(world.server().refused == 0U);
}

BOOST_AUTO_TEST_CASE(the_same_wrong_password_is_not_asked_twice_and_answered_more_slowly) {
  ImapWorld world(ImapWorld::settings());
  auto first = world.log_in("anna", "guess");
  auto second = world.log_in("anna", "guess");
  BOOST_TEST(!contains(second.line->heard, "a NO"));
  world.advance(249ms);
  BOOST_TEST(!contains(second.line->heard, "a NO"));
  world.advance(2ms);
  BOOST_TEST(contains(second.line->heard, "a NO [AUTHENTICATIONFAILED]"));
  BOOST_TEST(world.server().refused == 1U);
  world.advance(Refusals::kept);
  world.log_in("anna", "guess");
  BOOST_TEST(world.server().refused == 2U);
}

BOOST_AUTO_TEST_CASE(t8_a_changed_password_stops_the_old_one_within_reauth_interval) {
  auto settings = ImapWorld::settings();
  settings.idle_timeout = 1h;
  ImapWorld world(settings);
  auto first = world.log_in("anna", "a-secret");
  leave(world, first);
  world.server().passwords["anna"] = "new";
  world.advance(15min - 1s);
  auto old_one = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(old_one));
  leave(world, old_one);
  world.advance(2s);
  auto too_late = world.log_in("anna", "a-secret");
  BOOST_TEST(contains(too_late.line->heard, "a NO"));
  BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 0U);
  auto new_one = world.log_in("anna", "new");
  BOOST_TEST(ImapWorld::is_in(new_one));
}

BOOST_AUTO_TEST_CASE(a_new_password_works_at_once_and_retires_what_the_old_one_made) {
  ImapWorld world(ImapWorld::settings());
  auto first = world.log_in("anna", "a-secret");
  leave(world, first);
  world.server().passwords["anna"] = "new";
  auto second = world.log_in("anna", "new");
  BOOST_TEST(ImapWorld::is_in(second));
  BOOST_TEST(world.discarded("anna", Discard::CredChanged) == 1U);
  auto old_one = world.log_in("anna", "a-secret");
  BOOST_TEST(contains(old_one.line->heard, "a NO"));
  leave(world, second);
  BOOST_TEST(world.user("anna")->count(ConnectionState::Idle) == 1U);
}

BOOST_AUTO_TEST_CASE(never_more_than_pool_size_and_first_come_first_served) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 2;
  ImapWorld world(settings);
  std::vector<ImapWorld::Program> programs;
  for (int i = 0; i < 6; ++i) programs.push_back(world.log_in("anna", "a-secret"));
  BOOST_TEST(world.server().most_open <= 2U);
  for (int i = 0; i < 2; ++i) BOOST_TEST(ImapWorld::is_in(programs[static_cast<unsigned>(i)]));
  for (unsigned next = 2; next < 6; ++next) {
    BOOST_TEST(!ImapWorld::is_in(programs[next]));
    leave(world, programs[next - 2]);
    BOOST_TEST(ImapWorld::is_in(programs[next]), next);
    if (next + 1 < 6) BOOST_TEST(!ImapWorld::is_in(programs[next + 1]));
  }
  BOOST_TEST(world.server().most_open == 2U);
}

BOOST_AUTO_TEST_CASE(who_waits_too_long_is_told_the_option_that_it_waited_for) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 1;
  settings.checkout_timeout = 3s;
  ImapWorld world(settings);
  auto holder = world.log_in("anna", "a-secret");
  auto waiter = world.log_in("anna", "a-secret");
  world.advance(2999ms);
  BOOST_TEST(!contains(waiter.line->heard, "a NO"));
  world.advance(2ms);
  BOOST_TEST(contains(waiter.line->heard, "a NO [UNAVAILABLE]"), waiter.line->heard);
  BOOST_TEST(contains(waiter.line->heard, "pool_size"));
  BOOST_TEST(contains(waiter.line->heard, "checkout_timeout"));
}

BOOST_AUTO_TEST_CASE(a_profile_has_room_for_max_connections_of_all_users) {
  auto settings = ImapWorld::settings();
  settings.max_connections = 1;
  ImapWorld world(settings);
  auto anna = world.log_in("anna", "a-secret");
  leave(world, anna);
  // Nobody has seen bert yet: it may be a guess (half of checkout_timeout).
  auto bert = world.log_in("bert", "b-secret");
  world.advance(4999ms);
  BOOST_TEST(!ImapWorld::is_in(bert));
  world.advance(2ms);
  BOOST_TEST(ImapWorld::is_in(bert));
  BOOST_TEST(world.discarded("anna", Discard::OverSize) == 1U);
  leave(world, bert);
  // Anna's password is known, and gets the room at once.
  auto again = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(again));
  BOOST_TEST(world.server().most_open == 1U);
}

BOOST_AUTO_TEST_CASE(the_spike_is_served_by_connections_that_come_back) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 20;
  ImapWorld world(settings);
  world.server().login_time = 150ms;
  std::vector<ImapWorld::Program> warm;
  for (int i = 0; i < 5; ++i) warm.push_back(world.log_in("anna", "a-secret"));
  world.advance(2s);
  for (auto& program : warm) {
    BOOST_TEST(ImapWorld::is_in(program));
    leave(world, program);
  }
  // What a loan usually takes: two milliseconds.
  for (int i = 0; i < 60; ++i) {
    auto program = world.log_in("anna", "a-secret");
    world.advance(2ms);
    leave(world, program);
  }
  auto const before = world.user("anna")->connections().open();
  std::vector<ImapWorld::Program> crowd;
  for (int i = 0; i < 50; ++i) crowd.push_back(world.log_in("anna", "a-secret"));
  std::size_t served = 0;
  for (int round = 0; round < 100 && served < crowd.size(); ++round) {
    world.advance(2ms);
    for (auto& program : crowd)
      if (program.line->events != nullptr && ImapWorld::is_in(program)) {
        leave(world, program);
        ++served;
      }
  }
  BOOST_TEST(served == 50U);
  BOOST_TEST(world.user("anna")->connections().open() == before);
}

namespace {

// Programs that come back as soon as they are served; what they find after `how_long`.
std::size_t open_after(ImapWorld& world, std::size_t programs, Duration how_long) {
  std::vector<ImapWorld::Program> crowd;
  for (std::size_t i = 0; i < programs; ++i) crowd.push_back(world.log_in("anna", "a-secret"));
  auto const until = world.now + how_long;
  while (world.now < until) {
    world.advance(2ms);
    for (auto& program : crowd)
      if (ImapWorld::is_in(program)) {
        leave(world, program);
        program = world.log_in("anna", "a-secret");
      }
  }
  return world.user("anna")->connections().open();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_queue_that_lasts_gets_a_connection_for_each_who_waits) {
  ImapWorld world(ImapWorld::settings());
  world.server().login_time = 30ms;
  BOOST_TEST(open_after(world, 8, 2s) == 8U);
}

BOOST_AUTO_TEST_CASE(and_never_more_than_pool_size) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 3;
  ImapWorld world(settings);
  BOOST_TEST(open_after(world, 8, 2s) == 3U);
  BOOST_TEST(world.server().most_open == 3U);
}

BOOST_AUTO_TEST_CASE(a_shortage_is_the_time_in_which_anybody_waits) {
  TimePoint const start{1h};
  Shortage shortage;
  shortage.begin_wait(start);
  BOOST_TEST(!shortage.is_lasting(60ms, start + 119ms));
  shortage.begin_wait(start + 119ms);
  BOOST_TEST(shortage.is_lasting(60ms, start + 120ms));
  BOOST_TEST(shortage.is_lasting(10ms, start + 120ms));
  shortage.end_wait(start + 120ms);
  shortage.end_wait(start + 120ms);
  BOOST_TEST(shortage.is_lasting(60ms, start + 120ms));
  BOOST_TEST(!shortage.is_lasting(60ms, start + 140ms));  // a break takes a little away
  BOOST_TEST(shortage.is_lasting(59ms, start + 140ms));
  BOOST_TEST(!shortage.is_lasting(0ms, start + 1s));
  shortage.begin_wait(start + 10s);
  BOOST_TEST(!shortage.is_lasting(0ms, start + 10s + 99ms));
  BOOST_TEST(shortage.is_lasting(0ms, start + 10s + 100ms));
  shortage.forget();
  BOOST_TEST(!shortage.is_lasting(0ms, start + 10s + 199ms));
  // However long a login takes, nobody waits for that longer than a second.
  BOOST_TEST(!shortage.is_lasting(5s, start + 11s + 99ms));
  BOOST_TEST(shortage.is_lasting(5s, start + 11s + 100ms));
}

BOOST_AUTO_TEST_CASE(connections_in_reset_count_among_those_that_come_back) {
  auto settings = ImapWorld::settings();
  settings.pool_size = 20;
  ImapWorld world(settings);
  world.server().login_time = 150ms;
  auto warm = world.log_in("anna", "a-secret");
  world.advance(2s);
  leave(world, warm);
  for (int i = 0; i < 60; ++i) {  // what a loan usually takes: two milliseconds
    auto program = world.log_in("anna", "a-secret");
    world.advance(2ms);
    leave(world, program);
  }
  auto lent = world.log_in("anna", "a-secret");
  std::vector<ImapWorld::Program> crowd;
  for (int i = 0; i < 10; ++i) crowd.push_back(world.log_in("anna", "a-secret"));
  world.server().answers = false;
  leave(world, lent);
  BOOST_TEST(world.user("anna")->count(ConnectionState::Checking) == 1U);
  world.advance(10ms);
  BOOST_TEST(world.user("anna")->connections().open() == 1U);
  world.advance(150ms);  // by now somebody has waited as long as a login takes
  BOOST_TEST(world.user("anna")->connections().open() > 1U);
}

BOOST_AUTO_TEST_CASE(demand_is_what_would_still_wait_when_a_login_is_done) {
  auto begin = [](std::size_t waiting, std::size_t busy, std::size_t connecting, Duration loan,
                  Duration login, Duration longest) {
    return connections_to_begin(
        {waiting, busy, 0, connecting, busy + connecting, 10, loan, login, longest});
  };
  BOOST_TEST(begin(1, 0, 0, 0s, 0s, 0s) == 1U);
  BOOST_TEST(begin(45, 5, 0, 2ms, 150ms, 0s) == 0U);     // served in 18 ms
  BOOST_TEST(begin(45, 5, 0, 2ms, 150ms, 150ms) == 5U);  // but they were not
  BOOST_TEST(begin(45, 5, 0, 1s, 150ms, 0s) == 5U);      // nobody comes back in time
  BOOST_TEST(begin(8, 1, 0, 50ms, 150ms, 0s) == 2U);     // three are served meanwhile
  BOOST_TEST(begin(8, 1, 2, 50ms, 150ms, 0s) == 0U);
  BOOST_TEST(begin(0, 5, 0, 1s, 1s, 0s) == 0U);
}

BOOST_AUTO_TEST_CASE(t14_bye_while_idle_costs_no_client_anything) {
  ImapWorld world(ImapWorld::settings());
  auto first = world.log_in("anna", "a-secret");
  leave(world, first);
  world.server_says("* BYE shutting down\r\n");
  BOOST_TEST(world.discarded("anna", Discard::Bye) == 1U);
  auto second = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(second));
}

BOOST_AUTO_TEST_CASE(t15_a_server_that_does_not_answer_is_found_out_before_the_loan) {
  ImapWorld world(ImapWorld::settings());
  auto first = world.log_in("anna", "a-secret");
  leave(world, first);
  world.advance(31s);
  world.server().answers = false;
  auto second = world.log_in("anna", "a-secret");
  BOOST_TEST(!ImapWorld::is_in(second));
  world.advance(2100ms);
  BOOST_TEST(world.discarded("anna", Discard::CheckFailed) == 1U);
  world.server().answers = true;
  world.advance(1s);
  BOOST_TEST(ImapWorld::is_in(second), second.line->heard);
}

BOOST_AUTO_TEST_CASE(what_came_while_a_connection_rested_is_read_before_it_is_lent) {
  ImapWorld world(ImapWorld::settings());
  auto first = world.log_in("anna", "a-secret");
  leave(world, first);
  auto const before = world.server().commands.size();
  world.something_has_come();
  auto second = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(second));
  BOOST_REQUIRE(world.server().commands.size() == before + 1);
  BOOST_TEST(world.server().commands.back() == "NOOP");
  leave(world, second);
  auto third = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(third));
  BOOST_TEST(world.server().logins == 1U);
}

BOOST_AUTO_TEST_CASE(a_connection_whose_server_is_in_the_middle_of_a_response_is_not_lent) {
  for (auto begun : {"* OK half a line", "* CAPABILITY {100}\r\n", "* CAPABILITY {9}\r\nhalf of"}) {
    ImapWorld world(ImapWorld::settings());
    auto first = world.log_in("anna", "a-secret");
    leave(world, first);
    world.server_says(begun);
    auto second = world.log_in("anna", "a-secret");
    BOOST_TEST(ImapWorld::is_in(second), begun);
    BOOST_TEST(world.server().logins == 2U, begun);
    BOOST_TEST(world.discarded("anna", Discard::Desync) == 1U, begun);
  }
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_kept_alive_and_ends_on_time) {
  auto settings = ImapWorld::settings();
  settings.idle_timeout = 10min;
  settings.max_lifetime = 20min;
  ImapWorld world(settings);
  auto program = world.log_in("anna", "a-secret");
  leave(world, program);
  auto const before = world.server().commands.size();
  world.advance(4min + 1s);
  BOOST_TEST(world.server().commands.size() == before + 1);
  BOOST_TEST(world.server().commands.back() == "NOOP");
  world.advance(6min + 1s);
  BOOST_TEST(world.discarded("anna", Discard::IdleTimeout) == 1U);
  BOOST_TEST(world.server().commands.back() == "LOGOUT");
}

BOOST_AUTO_TEST_CASE(lifetime_and_uses_end_a_connection_when_it_comes_back) {
  auto settings = ImapWorld::settings();
  settings.max_uses = 2;
  ImapWorld world(settings);
  for (int i = 0; i < 2; ++i) {
    auto program = world.log_in("anna", "a-secret");
    leave(world, program);
  }
  BOOST_TEST(world.discarded("anna", Discard::MaxUses) == 1U);
  auto third = world.log_in("anna", "a-secret");
  world.advance(31min);
  leave(world, third);
  BOOST_TEST(world.discarded("anna", Discard::MaxLifetime) == 1U);
}

BOOST_AUTO_TEST_CASE(a_loan_that_lasts_too_long_is_taken_away_and_the_process_named) {
  auto settings = ImapWorld::settings();
  settings.max_loan_time = 1min;
  ImapWorld world(settings);
  auto program = world.log_in("anna", "a-secret");
  world.advance(59s);
  BOOST_TEST(program.line->events != nullptr);
  world.advance(2s);
  BOOST_TEST(program.line->events == nullptr);
  BOOST_TEST(contains(program.line->heard, "max_loan_time"));
  BOOST_TEST(world.discarded("anna", Discard::MaxLoanTime) == 1U);
  BOOST_TEST(std::any_of(world.log.begin(), world.log.end(), [](std::string const& line) {
    return contains(line, "pid=42") && contains(line, "max_loan_time");
  }));
}

BOOST_AUTO_TEST_CASE(a_server_that_owes_an_answer_and_is_silent_is_given_up) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  world.advance(10min);  // owing nothing it may be silent
  world.server().answers = false;
  world.say(program, "b SEARCH ALL\r\n");
  world.advance(5min - 1ms);
  world.server_says("* SEARCH 1\r\n");
  world.advance(5min - 1ms);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 0U);
  world.advance(2ms);
  BOOST_TEST(contains(program.line->heard, "* BYE The IMAP server does not answer"));
  BOOST_TEST(contains(program.line->heard, "answer_timeout"));
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_that_leaves_a_command_before_its_last_one_open_is_given_up_too) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  world.server().answers = false;
  world.say(program, "b SEARCH ALL\r\nc NOOP\r\n");
  world.server_says("c OK done\r\n");
  world.advance(5min + 1ms);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_in_idle_owes_nothing_until_done) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  BOOST_TEST(contains(world.say(program, "b IDLE\r\n"), "+ idling"));
  world.advance(20min);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 0U);
  world.say(program, "DONE\r\n");
  world.advance(5min - 1ms);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 0U);
  world.advance(2ms);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_that_nobody_reads_is_not_silent) {
  auto settings = ImapWorld::settings();
  settings.answer_timeout = 1min;
  ImapWorld world(settings);
  auto program = world.log_in("anna", "a-secret");
  world.server().answers = false;
  program.line->reads = false;
  world.say(program, "b FETCH 1 BODY[]\r\n");
  auto const size = 2 * Outbox::full;
  world.server_says("* 1 FETCH (BODY[] {" + std::to_string(size) + "}\r\n" +
                    std::string(size, 'x') + ")\r\n");
  world.advance(10min);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 0U);
  program.line->reads = true;
  world.turn();
  world.advance(1min - 1ms);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 0U);
  world.advance(2ms);
  BOOST_TEST(world.discarded("anna", Discard::AnswerTimeout) == 1U);
}

BOOST_AUTO_TEST_CASE(a_reset_that_lasts_too_long_ends_the_connection) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  world.server().answers = false;
  world.vanish(program);
  world.advance(4999ms);
  BOOST_TEST(world.discarded("anna", Discard::ResetTimeout) == 0U);
  world.advance(2ms);
  BOOST_TEST(world.discarded("anna", Discard::ResetTimeout) == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_vanished_client_left_behind_is_bounded_in_size_too) {
  auto settings = ImapWorld::settings();
  settings.reset_max_bytes = 1024;
  ImapWorld world(settings);
  auto program = world.log_in("anna", "a-secret");
  world.server().answers = false;
  world.say(program, "b FETCH 1 BODY[]\r\n");
  world.vanish(program);
  world.server_says("* 1 FETCH (BODY[] {5000}\r\n" + std::string(2000, 'x'));
  BOOST_TEST(world.discarded("anna", Discard::ResetMaxBytes) == 1U);
}

BOOST_AUTO_TEST_CASE(a_tainted_connection_is_not_lent_again) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  world.say(program, "b ENABLE CONDSTORE\r\n");
  leave(world, program);
  BOOST_TEST(world.discarded("anna", Discard::TaintEnable) == 1U);
  world.log_in("anna", "a-secret");
  BOOST_TEST(world.server().logins == 2U);
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_up_under_a_loan_ends_it_in_words) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  program.line->heard.clear();
  world.servers_hang_up();
  BOOST_TEST(contains(program.line->heard, "* BYE"));
  BOOST_TEST(world.discarded("anna", Discard::Eof) == 1U);
}

BOOST_AUTO_TEST_CASE(while_no_server_answers_a_login_fails_at_once_and_recovers) {
  ImapWorld world(ImapWorld::settings());
  world.server().accepts = false;
  auto first = world.log_in("anna", "a-secret");
  BOOST_TEST(contains(first.line->heard, "a NO [UNAVAILABLE] Connection refused"),
             first.line->heard);
  auto second = world.log_in("anna", "a-secret");
  BOOST_TEST(contains(second.line->heard, "a NO [UNAVAILABLE]"));
  world.server().accepts = true;
  world.advance(501ms);
  auto third = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(third));
}

BOOST_AUTO_TEST_CASE(the_second_server_takes_over_and_the_first_is_tried_by_nobodys_login) {
  auto settings = ImapWorld::settings();
  settings.server.push_back({"two.example", 993});
  ImapWorld world(settings);
  world.server("one.example").answers = false;
  auto first = world.log_in("anna", "a-secret");
  world.advance(5001ms);
  BOOST_TEST(ImapWorld::is_in(first), first.line->heard);
  BOOST_TEST(world.server("two.example").logins == 1U);
  auto second = world.log_in("bert", "b-secret");
  BOOST_TEST(ImapWorld::is_in(second));
  world.advance(10s);
  auto third = world.log_in("anna", "a-secret");
  BOOST_TEST(ImapWorld::is_in(third));
  BOOST_TEST(world.server("two.example").logins == 3U);
}

BOOST_AUTO_TEST_CASE(a_flush_has_the_server_asked_again) {
  ImapWorld world(ImapWorld::settings());
  auto program = world.log_in("anna", "a-secret");
  leave(world, program);
  BOOST_TEST(world.profile->flush("anna", world.now).value() == 1U);
  world.turn();
  BOOST_TEST(!world.profile->flush("nobody", world.now).has_value());
  world.log_in("anna", "a-secret");
  BOOST_TEST(world.server().logins == 2U);
}

BOOST_AUTO_TEST_CASE(a_paused_profile_lets_logins_wait) {
  ImapWorld world(ImapWorld::settings());
  auto first = world.log_in("anna", "a-secret");
  leave(world, first);
  world.profile->pause();
  auto second = world.log_in("anna", "a-secret");
  BOOST_TEST(!ImapWorld::is_in(second));
  world.profile->resume(world.now);
  world.turn();
  BOOST_TEST(ImapWorld::is_in(second));
}

BOOST_AUTO_TEST_CASE(a_hundred_clients_with_a_cold_pool_cause_one_proof) {
  ImapWorld world(ImapWorld::settings());
  world.server().login_time = 100ms;
  std::vector<ImapWorld::Program> crowd;
  for (int i = 0; i < 100; ++i) crowd.push_back(world.log_in("anna", "guess"));
  world.advance(1s);
  BOOST_TEST(world.server().refused == 1U);
  for (auto& program : crowd) BOOST_TEST(contains(program.line->heard, "a NO"));
}

BOOST_AUTO_TEST_CASE(no_log_line_holds_a_secret) {
  ImapWorld world(ImapWorld::settings());
  auto good = world.log_in("anna", "a-secret");
  auto bad = world.log_in("anna", "wr0ng-s3cret");
  leave(world, good);
  for (auto const& line : world.log) {
    BOOST_TEST(!contains(line, "a-secret"), line);
    BOOST_TEST(!contains(line, "wr0ng-s3cret"), line);
  }
}

BOOST_AUTO_TEST_SUITE_END()
