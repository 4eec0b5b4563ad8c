#include "fakemx/script.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "fakemx/rule_book.h"

using namespace mailpool;
using namespace mailpool::fakemx;

namespace {

Rule only_rule(std::string_view text) {
  auto script = parse_script(text, "s");
  BOOST_REQUIRE_MESSAGE(script.has_value(), text);
  BOOST_REQUIRE_EQUAL(script->rules.size(), 1);
  return script->rules[0];
}

std::vector<std::string> mistakes(std::string_view text) {
  auto const script = parse_script(text, "s");
  BOOST_REQUIRE_MESSAGE(!script.has_value(), text);
  return script.error();
}

std::vector<ActionKind> kinds(Rule const& rule) {
  std::vector<ActionKind> found;
  for (auto const& action : rule.actions) found.push_back(action.kind);
  return found;
}

/// What stands outside and inside of ``` in turn.
std::vector<std::string> split_at_fences(std::string const& text) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (auto at = text.find("```"); at != std::string::npos; at = text.find("```", from)) {
    parts.push_back(text.substr(from, at - from));
    from = at + 3;
  }
  parts.push_back(text.substr(from));
  return parts;
}

void check_kinds(std::string_view text, std::vector<ActionKind> const& expected) {
  BOOST_TEST((kinds(only_rule(text)) == expected), text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fakemx_script)

BOOST_AUTO_TEST_CASE(comments_and_blank_lines_say_nothing) {
  auto const script = parse_script("# a comment\n\n   \t\n", "s");
  BOOST_REQUIRE(script.has_value());
  BOOST_TEST(script->rules.empty());
}

BOOST_AUTO_TEST_CASE(a_reply_has_its_code_and_text) {
  auto const rule = only_rule("rcpt to=*@full.example -> 452 4.2.2 Mailbox full");
  BOOST_TEST((rule.actions[0].kind == ActionKind::Reply));
  BOOST_TEST(rule.actions[0].code == 452);
  BOOST_TEST(rule.actions[0].text == "4.2.2 Mailbox full");
  BOOST_TEST(only_rule("noop -> 999").actions[0].text == "");
}

BOOST_AUTO_TEST_CASE(escapes_give_any_octet_and_quotes_keep_blanks_and_semicolons) {
  auto const rule = only_rule(R"(mail -> send " a;b\r\n\x00\xff\\\"")");
  BOOST_TEST(rule.actions[0].text == std::string(" a;b\r\n\0\xff\\\"", 10));
  BOOST_TEST(only_rule(R"(mail -> 250 one\; two)").actions[0].text == "one; two");
  BOOST_TEST(only_rule(R"(ehlo -> 250 host\nSIZE 5)").actions[0].text == "host\nSIZE 5");
}

BOOST_AUTO_TEST_CASE(send_repeats_if_told_so) {
  auto const rule = only_rule("mail -> send 10485760 * \"x\"");
  BOOST_TEST(rule.actions[0].count == 10485760);
  BOOST_TEST(rule.actions[0].text == "x");
  BOOST_TEST(only_rule("mail -> send 250 ok").actions[0].text == "250 ok");
}

BOOST_AUTO_TEST_CASE(a_rule_that_does_not_answer_is_followed_by_the_servers_own_answer) {
  using enum ActionKind;
  check_kinds("mail -> delay 1s", {Delay, Normal});
  check_kinds("end -> commit", {Commit, Normal});
  check_kinds("ehlo -> without CHUNKING", {Without, Normal});
  check_kinds("end -> trickle 1 10ms", {Trickle, Normal});
  check_kinds("end -> commit; close", {Commit, Close});
  check_kinds("end -> normal; send \"250 more\"", {Normal, Send});
  check_kinds("mail -> delay 1s; 250 ok", {Delay, Reply});
  check_kinds("mail -> silent", {Silent});
}

BOOST_AUTO_TEST_CASE(an_idle_rule_is_not_followed_by_anything) {
  using enum ActionKind;
  check_kinds("idle after=1s -> ticket", {Ticket});
}

BOOST_AUTO_TEST_CASE(several_stages_share_a_rule) {
  auto const rule = only_rule("mail,rcpt,data -> hang");
  BOOST_TEST(rule.stages.has(Stage::Mail));
  BOOST_TEST(rule.stages.has(Stage::Data));
  BOOST_TEST(!rule.stages.has(Stage::End));
}

BOOST_AUTO_TEST_CASE(every_mistake_is_reported_with_its_line_and_what_would_be_right) {
  auto const found = mistakes(
      "mail -> 250 fine\n"
      "mial -> close\n"
      "mail 250 ok\n"
      "mail wen=3 -> clsoe\n"
      "set rttt 5ms\n"
      "set rtt soon\n");
  BOOST_REQUIRE_EQUAL(found.size(), 6);
  BOOST_TEST(found[0].starts_with("s:2: there is no stage \"mial\"; the stages are connect, ehlo"));
  BOOST_TEST(found[1].starts_with("s:3: a rule is STAGE [CONDITION...] -> ACTION"));
  BOOST_TEST(found[2].starts_with("s:4: there is no condition \"wen\"; the conditions are conn"));
  BOOST_TEST(
      found[3].starts_with("s:4: there is no action \"clsoe\"; the actions are a reply code"));
  BOOST_TEST(found[4] == "s:5: there is no setting \"rttt\"; \"rtt\" is one");
  BOOST_TEST(found[5] == "s:6: \"soon\" is not a value of rtt; DURATION would be");
}

BOOST_AUTO_TEST_CASE(what_has_no_meaning_at_a_stage_is_a_mistake) {
  for (auto const* const text :
       {"mail to=a@b -> close", "mail at=5 -> close", "data chunk=1 -> close", "mail -> commit",
        "mail -> without SIZE", "idle -> close", "mail after=1s -> close", "rset rcpt=1 -> close"})
    BOOST_TEST(mistakes(text).size() == 1, text);
}

BOOST_AUTO_TEST_CASE(values_that_cannot_be_are_mistakes) {
  for (auto const* const text : {"mail message=x -> close",  "mail message=5-2 -> close",
                                 "mail message=%0 -> close", "mail odds=5 -> close",
                                 "mail odds=200% -> close",  "mail tls=maybe -> close",
                                 "mail -> delay soon",       "mail -> trickle 0 1s",
                                 "mail -> split 3,2",        "mail -> send \"\\q\"",
                                 "mail -> send \"open",      "mail -> send",
                                 "mail -> endless",          "mail -> signal BANG 5",
                                 "mail -> signal KILL 1",    "mail -> signal KILL x",
                                 "tls -> alert 256",         "mail -> close now",
                                 "ehlo -> without NOTHING",  "mail ->",
                                 "body at=-1 -> close"})
    BOOST_TEST(mistakes(text).size() == 1, text);
}

BOOST_AUTO_TEST_CASE(nothing_follows_the_end_of_a_conversation) {
  BOOST_TEST(mistakes("mail -> close; 250 ok").size() == 1);
  BOOST_TEST(mistakes("mail -> hang; delay 1s").size() == 1);
}

BOOST_AUTO_TEST_CASE(the_examples_of_the_help_are_a_script) {
  std::string_view const help = script_help();
  auto const examples = help.substr(help.find("EXAMPLES\n") + 9);
  auto const script = parse_script(examples, "help");
  BOOST_TEST(script.has_value(), (script ? "" : script.error().front()));
}

BOOST_AUTO_TEST_CASE(the_examples_of_the_readme_are_scripts) {
  std::ifstream file(MAILPOOL_SOURCE_DIR "/tools/fakemx/README.md");
  std::ostringstream readme;
  readme << file.rdbuf();
  std::size_t scripts = 0;
  auto const parts = split_at_fences(readme.str());
  for (std::size_t i = 1; i < parts.size(); i += 2) {
    if (parts[i].find("->") == std::string::npos) continue;
    auto const script = parse_script(parts[i], "README.md");
    BOOST_TEST(script.has_value(), (script ? "" : script.error().front()));
    ++scripts;
  }
  BOOST_TEST(scripts == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(fakemx_rule_book)

namespace {

RuleBook book_of(std::string_view text) {
  auto script = parse_script(text, "s");
  BOOST_REQUIRE_MESSAGE(script.has_value(), text);
  RuleBook book;
  book.replace(std::move(script->rules));
  return book;
}

Occasion at(Stage stage) {
  Occasion now;
  now.stage = stage;
  now.connection = now.message = now.total = 1;
  return now;
}

/// The code of the first action of the rule that is meant; 0 if there is none.
int met(RuleBook& book, Occasion const& now) {
  auto const rule = book.select(now);
  return rule ? rule->actions[0].code : 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_rule_that_is_meant_is_taken) {
  auto book = book_of("mail message=2 -> 452 second\nmail -> 250 any\nmail -> 999 never");
  auto now = at(Stage::Mail);
  BOOST_TEST(met(book, now) == 250);
  now.message = 2;
  BOOST_TEST(met(book, now) == 452);
  BOOST_TEST(met(book, at(Stage::Rcpt)) == 0);
}

BOOST_AUTO_TEST_CASE(numbers_select_connections_messages_and_all_messages) {
  auto book = book_of("mail conn=3 -> 403\nmail total=%10 -> 410\nmail message=4- -> 404");
  auto now = at(Stage::Mail);
  BOOST_TEST(met(book, now) == 0);
  now.connection = 3;
  BOOST_TEST(met(book, now) == 403);
  now.connection = 4;
  now.total = 20;
  BOOST_TEST(met(book, now) == 410);
  now.total = 21;
  now.message = 9;
  BOOST_TEST(met(book, now) == 404);
}

BOOST_AUTO_TEST_CASE(nth_counts_the_times_that_all_else_holds) {
  auto book = book_of("rcpt nth=2 to=a.example -> 450 second\nrcpt nth=%3 to=b.example -> 453");
  std::vector<std::string> const a{"u@a.example"}, b{"u@b.example"};
  auto for_a = at(Stage::Rcpt), for_b = at(Stage::Rcpt);
  for_a.to = a;
  for_b.to = b;
  BOOST_TEST(met(book, for_a) == 0);
  BOOST_TEST(met(book, for_b) == 0);
  BOOST_TEST(met(book, for_a) == 450);
  BOOST_TEST(met(book, for_a) == 0);
  BOOST_TEST(met(book, for_b) == 0);
  BOOST_TEST(met(book, for_b) == 453);
}

BOOST_AUTO_TEST_CASE(patterns_select_addresses_domains_and_the_empty_sender) {
  auto book = book_of(
      "rcpt to=u?@a.example -> 401\nrcpt to=*.b.example,c.example -> 402\n"
      "mail from=<> -> 403\nmail from=*@SENDER.example -> 404");
  auto const rcpt = [&](std::string const& address) {
    auto now = at(Stage::Rcpt);
    std::vector<std::string> const to{address};
    now.to = to;
    return met(book, now);
  };
  BOOST_TEST(rcpt("u1@a.example") == 401);
  BOOST_TEST(rcpt("u12@a.example") == 0);
  BOOST_TEST(rcpt("x@deep.b.example") == 402);
  BOOST_TEST(rcpt("x@C.Example") == 402);
  auto now = at(Stage::Mail);
  BOOST_TEST(met(book, now) == 403);
  now.from = "a@sender.EXAMPLE";
  BOOST_TEST(met(book, now) == 404);
}

BOOST_AUTO_TEST_CASE(a_body_rule_is_met_at_its_octet_alone) {
  auto book = book_of("body at=1000 -> 552\nbody at=10 to=x.example -> 551");
  auto now = at(Stage::Body);
  BOOST_TEST(book.next_body_stop(now) == 1000);
  std::vector<std::string> const to{"u@x.example"};
  now.to = to;
  BOOST_TEST(book.next_body_stop(now) == 10);
  now.at = 10;
  BOOST_TEST(met(book, now) == 551);
  now.at = 11;
  BOOST_TEST(met(book, now) == 0);
  BOOST_TEST(book.next_body_stop(now) == 1000);
  now.at = 1001;
  BOOST_TEST(book.next_body_stop(now) == UINT64_MAX);
}

BOOST_AUTO_TEST_CASE(idle_rules_are_met_one_after_the_other) {
  using std::chrono::seconds;
  auto book = book_of("idle after=1s -> 401\nidle after=3s -> 403");
  auto now = at(Stage::Idle);
  BOOST_TEST((book.next_idle_stop(now) == seconds(1)));
  now.idle_for = seconds(1);
  BOOST_TEST(met(book, now) == 401);
  BOOST_TEST((book.next_idle_stop(now) == seconds(3)));
  now.idle_before = seconds(1);
  now.idle_for = seconds(3);
  BOOST_TEST(met(book, now) == 403);
  BOOST_TEST((book.next_idle_stop(now) == Duration::zero()));
}

BOOST_AUTO_TEST_CASE(odds_hold_about_as_often_as_they_say) {
  auto book = book_of("mail odds=25% -> 401");
  int times = 0;
  for (int i = 0; i < 10'000; ++i) times += met(book, at(Stage::Mail)) == 401 ? 1 : 0;
  BOOST_TEST(times > 2200);
  BOOST_TEST(times < 2800);
}

BOOST_AUTO_TEST_CASE(a_rule_at_work_outlives_the_script) {
  auto book = book_of("mail -> 250 first");
  auto const rule = book.select(at(Stage::Mail));
  book.replace({});
  BOOST_TEST(rule->actions[0].text == "first");
  BOOST_TEST(!book.select(at(Stage::Mail)));
}

BOOST_AUTO_TEST_SUITE_END()
