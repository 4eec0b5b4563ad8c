// What a borrower can do to a connection, and what becomes of the connection.

#include "core/imap/relay.h"
#include "fakes/contains.h"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace mailpool;
using namespace mailpool::imap;

namespace {

class CountingEntropy final : public Entropy {
 public:
  void fill(std::span<std::uint8_t> octets) override {
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(next_++ * 7);
  }

 private:
  unsigned next_ = 1;
};

// A relay between the two halves of a story: what the client says, what the server says.
struct Story {
  explicit Story(std::string_view capabilities = "IMAP4rev1 LITERAL+ IDLE UNSELECT ID ENABLE")
      : relay(Capabilities(capabilities), entropy) {
    relay.lend(box);
  }

  std::size_t client(std::string_view octets) {
    client_input += octets;
    auto const n = relay.from_client(client_input);
    client_input.erase(0, n);
    return n;
  }
  void server(std::string_view octets) {
    server_input += octets;
    server_input.erase(0, relay.from_server(server_input));
  }
  std::string to_client() { return take(box); }
  std::string to_server() { return take(relay.to_server()); }
  void leave() {
    relay.take_back();
    client_input.clear();
  }
  // Answers what the manager asks when it cleans up.
  void answer_reset(std::string_view unselect = "OK", std::string_view barrier = "OK") {
    auto const asked = to_server();
    std::size_t at = 0;
    while (at < asked.size()) {
      auto const end = asked.find("\r\n", at);
      auto const line = asked.substr(at, end - at);
      at = end + 2;
      if (line == "DONE") continue;
      auto const tag = line.substr(0, line.find(' '));
      bool const is_barrier = line.ends_with("NOOP");
      server(tag + " " + std::string(is_barrier ? barrier : unselect) + " done\r\n");
    }
  }
  void select(std::string_view tag = "s") {
    client(std::string(tag) + " SELECT x\r\n");
    server(std::string(tag) + " OK done\r\n");
    to_server();
    to_client();
  }
  void expect_clean() {
    BOOST_TEST((relay.phase() == Relay::Phase::Idle), name_of(relay.reason()));
  }
  void expect_discard(Discard reason) {
    BOOST_TEST((relay.phase() == Relay::Phase::Broken));
    BOOST_TEST(name_of(relay.reason()) == name_of(reason));
  }

  static std::string take(Outbox& from) {
    std::string text(from.unsent());
    from.taken(text.size());
    return text;
  }

  CountingEntropy entropy;
  Outbox box;
  Relay relay;
  std::string client_input;
  std::string server_input;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(relay)

BOOST_AUTO_TEST_CASE(commands_and_answers_pass_unchanged_and_pipelined) {
  Story story;
  story.client("a NOOP\r\nb LIST \"\" *\r\n");
  BOOST_TEST(story.to_server() == "a NOOP\r\nb LIST \"\" *\r\n");
  story.server("* 3 EXISTS\r\na OK done\r\n* LIST () \"/\" {3}\r\nx\r\n\r\nb OK done\r\n");
  BOOST_TEST(story.to_client() ==
             "* 3 EXISTS\r\na OK done\r\n* LIST () \"/\" {3}\r\nx\r\n\r\nb OK done\r\n");
}

BOOST_AUTO_TEST_CASE(a_logout_ends_the_loan_and_a_barrier_ends_the_reset) {
  Story story;
  story.client("a LOGOUT\r\n");
  BOOST_TEST(story.to_client() == "* BYE Logging out\r\na OK LOGOUT completed\r\n");
  BOOST_TEST(story.relay.has_dismissed_client());
  BOOST_TEST(story.to_server() == "");
  story.leave();
  BOOST_TEST((story.relay.phase() == Relay::Phase::Resetting));
  auto const asked = story.to_server();
  BOOST_TEST(contains(asked, " NOOP\r\n"));
  BOOST_TEST(!contains(asked, "UNSELECT"));
  story.server("* 4 EXISTS\r\n" + asked.substr(0, asked.find(' ')) + " OK done\r\n");
  story.expect_clean();
  BOOST_TEST(story.to_client() == "");
}

BOOST_AUTO_TEST_CASE(t13_logout_waits_for_the_answers_before_it) {
  Story story;
  story.client("a FETCH 1 BODY[]\r\nb LOGOUT\r\n");
  BOOST_TEST(story.to_client() == "");
  BOOST_TEST(story.relay.waits_to_log_out());
  story.server("* 1 FETCH (BODY[] {2}\r\nxy)\r\na OK done\r\n");
  BOOST_TEST(story.to_client() ==
             "* 1 FETCH (BODY[] {2}\r\nxy)\r\na OK done\r\n* BYE Logging out\r\nb OK LOGOUT "
             "completed\r\n");
  BOOST_TEST(story.relay.has_dismissed_client());
}

BOOST_AUTO_TEST_CASE(t4_a_selected_mailbox_is_unselected_and_never_closed) {
  Story story;
  story.select();
  story.leave();
  auto const asked = story.to_server();
  BOOST_TEST(contains(asked, " UNSELECT\r\n"));
  BOOST_TEST(!contains(asked, "CLOSE"));
  BOOST_TEST(asked.find("UNSELECT") < asked.find("NOOP"));
  story.server(asked.substr(0, asked.find(' ')) + " OK done\r\n");
  BOOST_TEST((story.relay.phase() == Relay::Phase::Resetting));
  auto const barrier = asked.substr(asked.find("\r\n") + 2);
  story.server(barrier.substr(0, barrier.find(' ')) + " OK done\r\n");
  story.expect_clean();
}

BOOST_AUTO_TEST_CASE(without_unselect_an_examine_that_must_fail_does_it) {
  for (auto const& [answer, is_clean] : {std::pair("NO", true), std::pair("OK", false)}) {
    Story story("IMAP4rev1");
    story.select();
    story.leave();
    auto const asked = story.to_server();
    BOOST_TEST(contains(asked, " EXAMINE \"P"));
    story.server(asked.substr(0, asked.find(' ')) + " " + answer + " done\r\n");
    if (!is_clean) {
      story.expect_discard(Discard::ResetRefused);
      continue;
    }
    auto const barrier = asked.substr(asked.find("\r\n") + 2);
    story.server(barrier.substr(0, barrier.find(' ')) + " OK done\r\n");
    story.expect_clean();
  }
}

BOOST_AUTO_TEST_CASE(no_to_unselect_or_to_the_barrier_discards) {
  for (auto answer : {"NO", "BAD", "NO [UNAVAILABLE]"}) {
    Story selected;
    selected.select();
    selected.leave();
    selected.answer_reset(answer, "OK");
    selected.expect_discard(Discard::ResetRefused);
    Story plain;
    plain.leave();
    plain.answer_reset("OK", answer);
    plain.expect_discard(Discard::ResetRefused);
  }
}

BOOST_AUTO_TEST_CASE(the_tags_of_the_reset_differ_each_time) {
  Story story;
  story.leave();
  auto const first = story.to_server();
  story.server(first.substr(0, first.find(' ')) + " OK done\r\n");
  story.relay.lend(story.box);
  story.leave();
  auto const second = story.to_server();
  BOOST_TEST(first != second);
  BOOST_TEST(first.find(' ') >= 13U);
}

BOOST_AUTO_TEST_CASE(the_selected_state_follows_the_servers_tagged_answers) {
  auto asks_unselect = [](auto&&... says) {
    Story story;
    story.select("first");
    (story.server(says), ...);
    story.leave();
    if (story.relay.phase() == Relay::Phase::Broken)
      return std::string(name_of(story.relay.reason()));
    return std::string(contains(story.to_server(), "UNSELECT") ? "selected" : "not selected");
  };
  BOOST_TEST(asks_unselect() == "selected");
  {
    Story story;
    story.select();
    story.client("c CLOSE\r\n");
    story.server("c OK done\r\n");
    story.to_server();
    story.leave();
    BOOST_TEST(!contains(story.to_server(), "UNSELECT"));
  }
  {
    Story story;
    story.select();
    story.client("c CLOSE\r\n");
    story.server("c NO read only\r\n");
    story.to_server();
    story.leave();
    BOOST_TEST(contains(story.to_server(), "UNSELECT"));
  }
  {
    Story story;  // nothing was selected: a SELECT that fails changes nothing
    story.client("c SELECT y\r\n");
    story.server("c NO no such mailbox\r\n");
    story.to_server();
    story.leave();
    BOOST_TEST(!contains(story.to_server(), "UNSELECT"));
  }
  {
    Story story;  // the mailbox of before is closed, if the server says so
    story.select();
    story.client("c SELECT y\r\n");
    story.server("* OK [CLOSED] previous mailbox closed\r\nc NO no such mailbox\r\n");
    story.to_server();
    story.leave();
    BOOST_TEST(!contains(story.to_server(), "UNSELECT"));
    BOOST_TEST((story.relay.phase() == Relay::Phase::Resetting));
  }
  {
    Story story;  // and is not known to be, if it does not
    story.select();
    story.client("c SELECT y\r\n");
    story.server("c NO no such mailbox\r\n");
    story.leave();
    story.expect_discard(Discard::Desync);
  }
}

BOOST_AUTO_TEST_CASE(each_command_row_is_passed_on_or_answered_as_the_table_says) {
  for (auto const& row : command_table()) {
    Story story;
    std::string const line = "a " + std::string(row.name);
    story.client(line + (row.handling == Handling::Idles ? "\r\n" : " \r\n"));
    auto const said = story.to_client();
    bool const is_here = row.handling == Handling::Refuse || row.handling == Handling::Logout ||
                         row.handling == Handling::Capability || row.handling == Handling::Id;
    BOOST_TEST(story.to_server().empty() == is_here, row.name);
    BOOST_TEST(said.empty() != is_here, row.name);
    if (row.handling == Handling::Refuse) {
      BOOST_TEST(said == "a " + std::string(row.answer) + "\r\n");
      BOOST_TEST((contains(row.answer, "BAD") || contains(row.answer, "NO")));
    }
    if (is_here) continue;
    if (row.handling == Handling::Idles) story.server("+ idling\r\n");
    if (row.handling == Handling::Idles) story.client("DONE\r\n");
    story.server("a OK done\r\n");
    story.to_server();
    story.leave();
    if (row.taint != Discard::None) {
      story.expect_discard(row.taint);
    } else {
      story.answer_reset();
      story.expect_clean();
    }
  }
}

BOOST_AUTO_TEST_CASE(
    the_table_refuses_what_would_change_the_login_and_taints_what_cannot_be_undone) {
  for (auto name : {"LOGIN", "AUTHENTICATE", "STARTTLS", "UNAUTHENTICATE", "COMPRESS"})
    BOOST_TEST((row_of(name).handling == Handling::Refuse), name);
  BOOST_TEST((row_of("ENABLE").taint == Discard::TaintEnable));
  BOOST_TEST((row_of("NOTIFY").taint == Discard::TaintNotify));
  for (auto name : {"LANGUAGE", "COMPARATOR", "XAPPLEPUSHSERVICE", "X", "FROBNICATE", "UID X"})
    BOOST_TEST((row_of(name).taint == Discard::TaintOther), name);
  BOOST_TEST((row_of("SELECT").handling == Handling::Selects));
  BOOST_TEST((row_of("EXAMINE").handling == Handling::Selects));
  BOOST_TEST((row_of("CLOSE").handling == Handling::Deselects));
  BOOST_TEST((row_of("UNSELECT").handling == Handling::Deselects));
  BOOST_TEST((row_of("IDLE").handling == Handling::Idles));
  for (auto name : {"NOOP", "FETCH", "UID FETCH", "APPEND", "STORE", "SEARCH", "STATUS"})
    BOOST_TEST((row_of(name).taint == Discard::None), name);
}

BOOST_AUTO_TEST_CASE(condstore_is_seen_in_every_command_that_turns_it_on) {
  for (auto command :
       {"SELECT x (CONDSTORE)", "EXAMINE x (QRESYNC (1 2))", "STATUS x (HIGHESTMODSEQ)",
        "FETCH 1 (MODSEQ)", "FETCH 1 FLAGS (CHANGEDSINCE 5)", "STORE 1 (UNCHANGEDSINCE 5) FLAGS ()",
        "SEARCH MODSEQ 5", "uid fetch 1 (modseq)", "UID SEARCH modseq \"/flags/x\" all 5"}) {
    Story story;
    story.client("a " + std::string(command) + "\r\n");
    story.server("a OK done\r\n");
    story.leave();
    story.expect_discard(Discard::TaintCondstore);
  }
  Story literal;
  literal.client("a SELECT {1+}\r\nx (CONDSTORE)\r\n");
  literal.server("+ go\r\n");
  literal.client("");
  literal.server("a OK done\r\n");
  literal.leave();
  literal.expect_discard(Discard::TaintCondstore);
  Story hidden;
  hidden.client("a SEARCH {6+}\r\nMODSEQ 5\r\n");
  hidden.server("+ go\r\n");
  hidden.client("");
  hidden.server("a OK done\r\n");
  hidden.leave();
  hidden.expect_discard(Discard::TaintCondstore);
  Story in_pieces;
  in_pieces.client("a SEARCH {6}\r\n");
  in_pieces.server("+ go\r\n");
  for (auto octets : {"M", "ODS", "EQ", " 5\r\n"}) in_pieces.client(octets);
  in_pieces.server("a OK done\r\n");
  in_pieces.leave();
  in_pieces.expect_discard(Discard::TaintCondstore);
  BOOST_TEST(turns_condstore_on("SEARCH \"MOD\\SEQ\" 5"));
}

BOOST_AUTO_TEST_CASE(a_message_that_speaks_of_modseq_taints_nothing) {
  Story story;
  std::string const body(300, 'M');
  story.client("a APPEND x {306+}\r\n" + body + "MODSEQ\r\n");
  story.server("a OK done\r\n");
  story.to_server();
  story.leave();
  story.answer_reset();
  story.expect_clean();
}

BOOST_AUTO_TEST_CASE(t3_what_a_vanished_client_asked_for_is_read_and_forgotten) {
  Story story;
  story.client("A99 FETCH 1:* BODY[]\r\n");
  story.server("* 1 FETCH (BODY[] {11}\r\nsecr");
  story.to_client();
  story.to_server();
  story.leave();
  BOOST_TEST((story.relay.phase() == Relay::Phase::Finishing));
  story.server("et\r\n.\r\n)\r\n* 2 FETCH (BODY[] {3}\r\nabc)\r\n");
  BOOST_TEST(story.to_server() == "");
  story.server("A99 OK done\r\n");
  story.answer_reset();
  story.expect_clean();
  BOOST_TEST(story.to_client() == "");
  BOOST_TEST(story.relay.forgotten() > 30U);
}

BOOST_AUTO_TEST_CASE(t5_a_client_that_dies_inside_a_literal_costs_the_connection) {
  Story story;
  story.client("a APPEND INBOX {120+}\r\nFrom: me\r\n");
  story.leave();
  story.expect_discard(Discard::OpenLiteral);
  BOOST_TEST(!story.relay.may_say_logout());  // it would become part of the message

  Story waiting;
  waiting.client("a APPEND INBOX {120}\r\n");
  waiting.leave();
  waiting.expect_discard(Discard::OpenLiteral);

  Story rest_of_command;
  rest_of_command.client("a APPEND INBOX {2+}\r\nxy");
  rest_of_command.leave();
  rest_of_command.expect_discard(Discard::OpenLiteral);
}

BOOST_AUTO_TEST_CASE(a_client_that_dies_inside_a_line_has_done_nothing) {
  Story story;
  story.client("a SELECT INB");
  BOOST_TEST(story.to_server() == "");
  story.leave();
  story.answer_reset();
  story.expect_clean();
}

BOOST_AUTO_TEST_CASE(t6_idle_is_ended_by_done_whenever_the_client_vanished) {
  Story active;
  active.client("a IDLE\r\n");
  active.server("+ idling\r\n");
  active.to_server();
  active.leave();
  BOOST_TEST(active.to_server() == "DONE\r\n");
  active.server("* 5 EXISTS\r\na OK done\r\n");
  active.answer_reset();
  active.expect_clean();

  Story before_go_ahead;
  before_go_ahead.client("a IDLE\r\n");
  before_go_ahead.to_server();
  before_go_ahead.leave();
  BOOST_TEST(before_go_ahead.to_server() == "");
  before_go_ahead.server("+ idling\r\n");
  BOOST_TEST(before_go_ahead.to_server() == "DONE\r\n");
  before_go_ahead.server("a OK done\r\n");
  before_go_ahead.answer_reset();
  before_go_ahead.expect_clean();

  Story refused;
  refused.client("a IDLE\r\n");
  refused.to_server();
  refused.leave();
  refused.server("a BAD no\r\n");
  refused.answer_reset();
  refused.expect_clean();
}

BOOST_AUTO_TEST_CASE(nothing_behind_idle_is_taken_for_a_command_before_its_end) {
  Story story;
  story.client("a IDLE\r\nDONE\r\nb NOOP\r\n");
  BOOST_TEST(story.to_server() == "a IDLE\r\n");
  story.server("+ idling\r\n");
  story.client("");
  BOOST_TEST(story.to_server() == "DONE\r\n");
  story.server("a OK done\r\n");
  story.client("");
  BOOST_TEST(story.to_server() == "b NOOP\r\n");
}

BOOST_AUTO_TEST_CASE(a_literal_waits_for_the_servers_go_ahead_and_is_not_sent_when_refused) {
  Story story;
  story.client("a APPEND x {3}\r\n");
  BOOST_TEST(story.to_server() == "a APPEND x {3}\r\n");
  story.server("+ go\r\n");
  BOOST_TEST(story.to_client() == "+ go\r\n");
  story.client("abc\r\n");
  BOOST_TEST(story.to_server() == "abc\r\n");
  story.server("a OK done\r\n");
  story.to_client();
  story.client("b APPEND x {4294967295}\r\n");
  story.to_server();
  story.server("b NO too big\r\n");
  BOOST_TEST(story.to_client() == "b NO too big\r\n");
  story.client("c NOOP\r\n");
  BOOST_TEST(story.to_server() == "c NOOP\r\n");
  story.server("c OK done\r\n");
  story.leave();
  story.answer_reset();
  story.expect_clean();
}

BOOST_AUTO_TEST_CASE(an_answer_before_the_end_of_its_command_leaves_a_doubt) {
  Story story;
  story.client("a APPEND x {5+}\r\nab");
  story.server("a NO over quota\r\n");
  story.client("cde\r\n");
  story.leave();
  story.expect_discard(Discard::Desync);
}

BOOST_AUTO_TEST_CASE(only_the_message_of_an_append_is_sent_unasked) {
  auto sent = [](std::string_view capabilities, std::string_view line) {
    Story story(capabilities);
    story.client(line);
    return story.to_server();
  };
  BOOST_TEST(sent("IMAP4rev1 LITERAL+", "a APPEND x {3+}\r\nabc\r\n") ==
             "a APPEND x {3+}\r\nabc\r\n");
  BOOST_TEST(sent("IMAP4rev1", "a APPEND x {3+}\r\nabc\r\n") == "a APPEND x {3}\r\n");
  BOOST_TEST(sent("IMAP4rev1 LITERAL-", "a APPEND x {4096+}\r\n") == "a APPEND x {4096+}\r\n");
  BOOST_TEST(sent("IMAP4rev1 LITERAL-", "a APPEND x {4097+}\r\n") == "a APPEND x {4097}\r\n");
  BOOST_TEST(sent("IMAP4rev1 LITERAL+", "a APPEND x ~{3+}\r\n") == "a APPEND x ~{3+}\r\n");
  // The first one only: MULTIAPPEND is not known to every server.
  BOOST_TEST(sent("IMAP4rev1 LITERAL+", "a APPEND x {3+}\r\nabc {4+}\r\nmore\r\n") ==
             "a APPEND x {3+}\r\nabc {4}\r\n");
  for (auto line : {"a LIST \"\" x{3+}\r\n", "a CREATE x {3+}\r\n", "a SEARCH TEXT {3+}\r\n",
                    "a STATUS x (MESSAGES) ~{3+}\r\n"}) {
    auto const asked = sent("IMAP4rev1 LITERAL+", line);
    BOOST_TEST(asked.ends_with("{3}\r\n"), asked);
  }
}

BOOST_AUTO_TEST_CASE(what_a_server_would_not_read_as_a_literal_is_never_sent_to_it) {
  // Dovecot takes "x{22+}" for a mailbox's name: the octets would be commands of their own, and
  // ENABLE among them would be nobody's.
  Story story;
  story.client("a LIST \"\" x{22+}\r\nb ENABLE UTF8=ACCEPT\r\n\r\nc NOOP\r\n");
  BOOST_TEST(story.to_server() == "a LIST \"\" x{22}\r\n");
  story.server("a OK done\r\n");
  BOOST_TEST(story.to_client() == "a OK done\r\n");
  story.client("");
  BOOST_TEST(story.to_server() == "c NOOP\r\n");
  story.server("c OK done\r\n");
  BOOST_TEST(story.to_client() == "c OK done\r\n");
  story.leave();
  story.expect_discard(Discard::Desync);  // it was understood otherwise here than there
  for (auto name : {"NOOP", "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "NAMESPACE", "IDLE"}) {
    Story bare;
    bare.client("a " + std::string(name) + " {16+}\r\nb ENABLE QRESYNC\r\nc LIST \"\" *\r\n");
    BOOST_TEST(bare.to_server() == "c LIST \"\" *\r\n", name);
    BOOST_TEST(contains(bare.to_client(), "a BAD"), name);
    bare.client("d " + std::string(name) + " x\r\n");
    BOOST_TEST(bare.to_server() == "", name);
  }
}

BOOST_AUTO_TEST_CASE(a_commands_name_ends_where_the_server_sees_its_end) {
  for (auto name : {"APPEND[", "APPEND(", "APPEND)", "APPEND]", "UID REPLACE[", "ENABLE\"x\""}) {
    Story story;
    story.client("a " + std::string(name) + " x {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n");
    BOOST_TEST(story.to_server() == "c NOOP\r\n", name);
    BOOST_TEST(contains(story.to_client(), "a BAD There is no such command"), name);
  }
}

BOOST_AUTO_TEST_CASE(an_unasked_message_that_was_not_taken_leaves_a_doubt) {
  for (auto answer : {"a NO over quota\r\n", "a BAD what\r\n"}) {
    Story story;
    story.client("a APPEND x {3+}\r\nabc\r\n");
    story.server(answer);
    story.leave();
    story.expect_discard(Discard::Desync);
  }
  Story too_late;  // for the client, which has gone
  too_late.client("a APPEND x {3+}\r\nabc\r\n");
  too_late.leave();
  too_late.server("a NO over quota\r\n");
  too_late.expect_discard(Discard::Desync);
  Story asked;
  asked.client("a APPEND x {3}\r\n");
  asked.server("+ go\r\n");
  asked.client("abc\r\n");
  asked.server("a NO over quota\r\n");
  asked.to_server();
  asked.leave();
  asked.answer_reset();
  asked.expect_clean();
}

BOOST_AUTO_TEST_CASE(a_literal_that_the_client_sends_anyway_is_read_to_its_end_when_refused) {
  Story story("IMAP4rev1");
  story.client("a SEARCH TEXT {3+}\r\nab");
  story.server("a NO not today\r\n");
  BOOST_TEST(story.to_client() == "a NO not today\r\n");
  story.client("c TO {2}\r\n");
  BOOST_TEST(story.to_client() == "+ Go on\r\n");
  story.client("xy\r\nb NOOP\r\n");
  BOOST_TEST(story.to_server() == "a SEARCH TEXT {3}\r\nb NOOP\r\n");
  BOOST_TEST(story.to_client() == "");
  story.server("b OK done\r\n");
  story.to_server();
  story.leave();
  story.answer_reset();
  story.expect_clean();
}

BOOST_AUTO_TEST_CASE(the_go_ahead_that_a_client_does_not_wait_for_is_not_passed_on) {
  Story story("IMAP4rev1");
  story.client("a SEARCH TEXT {3+}\r\nabc\r\nb NOOP\r\n");
  BOOST_TEST(story.to_server() == "a SEARCH TEXT {3}\r\n");
  story.server("+ go\r\n");
  BOOST_TEST(story.to_client() == "");
  story.client("");
  BOOST_TEST(story.to_server() == "abc\r\nb NOOP\r\n");
  story.server("* SEARCH\r\na OK done\r\nb OK done\r\n");
  BOOST_TEST(story.to_client() == "* SEARCH\r\na OK done\r\nb OK done\r\n");
}

BOOST_AUTO_TEST_CASE(a_selection_that_was_answered_out_of_order_leaves_a_doubt) {
  Story story;
  story.client("a SELECT x\r\nb CLOSE\r\n");
  story.server("b OK done\r\na OK done\r\n");
  story.leave();
  story.expect_discard(Discard::Desync);
  Story others;
  others.client("a FETCH 1 ALL\r\nb SELECT x\r\n");
  others.server("b OK done\r\na OK done\r\n");
  others.to_server();
  others.leave();
  others.answer_reset();
  others.expect_clean();
}

BOOST_AUTO_TEST_CASE(whose_turn_it_is_follows_from_what_was_said) {
  Story story;
  auto theirs = [&] {
    story.to_server();
    return story.relay.waits_for_server();
  };
  BOOST_TEST(!theirs());
  story.client("a NOOP\r\n");
  BOOST_TEST(theirs());
  story.server("a OK done\r\n");
  BOOST_TEST(!theirs());
  story.client("b APPEND x {3}\r\n");
  BOOST_TEST(theirs());
  story.server("+ go\r\n");
  BOOST_TEST(!theirs());  // the message is the client's to send
  story.client("abc\r\n");
  BOOST_TEST(theirs());
  story.server("b OK done\r\n");
  story.client("c IDLE\r\n");
  BOOST_TEST(theirs());
  story.server("+ idling\r\n");
  BOOST_TEST(!theirs());
  story.client("DONE\r\n");
  BOOST_TEST(theirs());
  story.server("c OK done\r\n");
  BOOST_TEST(!theirs());
}

BOOST_AUTO_TEST_CASE(what_one_end_takes_for_a_line_end_and_the_other_does_not_goes_no_further) {
  using namespace std::string_view_literals;
  for (auto line : {"a NOOP\nb ENABLE X\r\n"sv, "a NO\rOP\r\n"sv, "a NO\0OP\r\n"sv}) {
    Story story;
    story.client(line);
    BOOST_TEST(story.to_server() == "");
    BOOST_TEST(story.relay.has_dismissed_client());
  }
  Story quote;
  quote.client("a LIST \"\" \"x {3}\r\nb NOOP\r\n");
  BOOST_TEST(contains(quote.to_client(), "a BAD"));
  BOOST_TEST(quote.to_server() == "b NOOP\r\n");
}

BOOST_AUTO_TEST_CASE(f74_a_tag_in_use_is_not_used_twice) {
  Story story;
  story.client("a NOOP\r\na SELECT x\r\n");
  BOOST_TEST(story.to_server() == "a NOOP\r\n");
  BOOST_TEST(contains(story.to_client(), "a BAD"));
}

BOOST_AUTO_TEST_CASE(local_answers_never_fall_into_the_middle_of_a_response) {
  Story story;
  story.client("a FETCH 1 BODY[]\r\n");
  story.server("* 1 FETCH (BODY[] {6}\r\nab");
  story.client("b STARTTLS\r\nc CAPABILITY\r\n");
  BOOST_TEST(story.to_client() == "* 1 FETCH (BODY[] {6}\r\nab");
  story.server("cdef)\r\n");
  auto const said = story.to_client();
  BOOST_TEST(said.starts_with("cdef)\r\nb BAD"));
  BOOST_TEST(contains(said, "c OK CAPABILITY"));
}

BOOST_AUTO_TEST_CASE(capabilities_are_filtered_in_every_carrier) {
  Story story;
  story.client("a NOOP\r\n");
  story.server(
      "* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE UNSELECT AUTH=PLAIN\r\n"
      "* OK [CAPABILITY IMAP4rev1 STARTTLS IDLE] now\r\n"
      "a OK [CAPABILITY IMAP4rev1 UNAUTHENTICATE LOGINDISABLED MOVE] done\r\n");
  BOOST_TEST(story.to_client() ==
             "* CAPABILITY IMAP4rev1 UNSELECT\r\n* OK [CAPABILITY IMAP4rev1 IDLE] now\r\n"
             "a OK [CAPABILITY IMAP4rev1 MOVE] done\r\n");
  story.client("b CAPABILITY\r\n");
  BOOST_TEST(contains(story.to_client(), "* CAPABILITY IMAP4rev1 MOVE\r\n"));
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_what_nobody_asked_is_not_trusted_again) {
  for (auto says : {"x OK done\r\n", "+ what\r\n", "* PREAUTH hello\r\n"}) {
    Story story;
    story.client("a NOOP\r\n");
    story.server(says);
    story.expect_discard(Discard::Desync);
  }
  Story during_reset;
  during_reset.leave();
  during_reset.server("a OK done\r\n");
  during_reset.expect_discard(Discard::Desync);
  Story not_imap;
  not_imap.server("* OK a\nb\r\n");
  not_imap.expect_discard(Discard::Parse);
}

BOOST_AUTO_TEST_CASE(bye_reaches_the_client_and_ends_the_connection) {
  Story story;
  story.server("* BYE shutting down\r\n");
  BOOST_TEST(story.to_client() == "* BYE shutting down\r\n");
  story.expect_discard(Discard::Bye);
  BOOST_TEST(!story.relay.may_say_logout());
}

BOOST_AUTO_TEST_CASE(an_idle_connection_may_only_say_what_is_harmless) {
  auto rested = [](std::string_view says) {
    Story story;
    story.leave();
    story.answer_reset();
    story.expect_clean();
    story.server(says);
    return std::string(story.relay.phase() == Relay::Phase::Idle ? "idle"
                                                                 : name_of(story.relay.reason()));
  };
  BOOST_TEST(rested("* OK still here\r\n") == "idle");
  BOOST_TEST(rested("* CAPABILITY IMAP4rev1\r\n") == "idle");
  BOOST_TEST(rested("* BYE\r\n") == "bye");
  BOOST_TEST(rested("* 5 EXISTS\r\n") == "desync");
  BOOST_TEST(rested("a OK done\r\n") == "desync");
}

BOOST_AUTO_TEST_CASE(a_check_proves_the_connection_or_ends_it) {
  for (auto const& [answer, result] : {std::pair("OK", "none"), std::pair("NO", "check_failed"),
                                       std::pair("BAD", "check_failed")}) {
    Story story;
    story.leave();
    story.answer_reset();
    story.relay.check();
    BOOST_TEST((story.relay.phase() == Relay::Phase::Checking));
    story.answer_reset("", answer);
    BOOST_TEST(name_of(story.relay.reason()) == result);
  }
}

BOOST_AUTO_TEST_CASE(alerts_reach_the_client) {
  Story story;
  story.server("* OK [ALERT] Disk is full\r\n");
  BOOST_TEST(story.to_client() == "* OK [ALERT] Disk is full\r\n");
}

BOOST_AUTO_TEST_CASE(with_the_reset_off_the_leak_is_there_to_be_found) {
  CountingEntropy entropy;
  Outbox box;
  Relay leaky(Capabilities("IMAP4rev1"), entropy, Reset::Off);
  leaky.lend(box);
  leaky.from_client("a SELECT x\r\nb ENABLE QRESYNC\r\n");
  leaky.take_back();
  BOOST_TEST((leaky.phase() == Relay::Phase::Idle));
}

BOOST_AUTO_TEST_SUITE_END()
