#include "core/control/request.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "core/base/text.h"
#include "core/control/json.h"
#include "fakes/control_actions.h"

using namespace mailpool;
using namespace mailpool::control;
using namespace std::chrono_literals;

namespace {

bool says(Result<Request> const& result, std::string_view words) {
  if (result) return false;
  BOOST_TEST_MESSAGE(result.error().reason);
  return result.error().reason.find(words) != std::string::npos;
}

Request request_for(CommandRow const& row) {
  Request request;
  request.command = row.command;
  if (row.naming != Naming::None) request.name = "google";
  if (row.command == Command::Suspend) {
    request.how_long = 1h;
    request.reason = "they asked us to";
  }
  return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(control_request)

BOOST_AUTO_TEST_CASE(every_command_survives_the_way_over_the_wire) {
  for (auto const& row : commands()) {
    auto const request = request_for(row);
    auto const line = to_line(request);
    BOOST_TEST(line.back() == '\n');
    auto const read = parse_request(line);
    BOOST_REQUIRE_MESSAGE(read, line);
    BOOST_TEST((*read == request), line);
  }
}

BOOST_AUTO_TEST_CASE(the_table_has_each_command_once_and_a_help_line_for_each) {
  std::set<std::string_view> words;
  for (auto const& row : commands()) {
    BOOST_TEST(words.insert(row.word).second);
    BOOST_TEST(!row.help.empty());
    BOOST_TEST(row.help.back() != '.');
    BOOST_TEST(find_command(row.word) == &row);
    BOOST_TEST(&row_of(row.command) == &row);
  }
  BOOST_TEST(find_command("frobnicate") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_tenant_is_suspended_with_a_flag_and_never_along_with_a_domain) {
  auto const request = parse_request(
      R"({"v":1,"command":"suspend","name":"Acme","tenant":true,"for":60,"reason":"unpaid"})");
  BOOST_REQUIRE(request.has_value());
  tests::FakeActions actions;
  static_cast<void>(perform(*request, actions, {}));
  BOOST_TEST(actions.asked.back() == "suspend tenant acme 1m unpaid");
  BOOST_TEST((parse_request(to_line(*request)).value() == *request));
  BOOST_TEST(
      !parse_request(R"({"v":1,"command":"resume","name":"acme","tenant":true,"domain":true})"));
  BOOST_TEST(audit_line(*request, {0, 1}, answer_line(to_json(Done{"x"}))).find(" tenant=Acme ") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(explain_may_name_a_sender_and_a_tenant) {
  Request request;
  request.command = Command::Explain;
  request.name = "u@example.org";
  request.sender = "a@acme.example";
  request.tenant = "acme";
  BOOST_TEST((parse_request(to_line(request)).value() == request));
  BOOST_TEST(!parse_request(R"({"v":1,"command":"status","tenant":"acme"})"));
}

BOOST_AUTO_TEST_CASE(all_mail_is_suspended_with_a_flag_and_without_a_name) {
  tests::FakeActions actions;
  auto const request =
      parse_request(R"({"v":1,"command":"suspend","all":true,"for":60,"reason":"a bad list"})");
  BOOST_REQUIRE(request.has_value());
  BOOST_TEST(request->is_all);
  BOOST_CHECK(*parse_request(mailpool::trimmed(to_line(*request))) == *request);
  (void)perform(*request, actions, {});
  BOOST_TEST(actions.asked.back() == "suspend all 1m a bad list");
  auto const line = audit_line(*request, {0, 1, "root"}, answer_line(to_json(Done{"x"})));
  BOOST_TEST(line ==
             "control command=suspend uid=0 pid=1 user=root all=true for=1m reason=\"a bad list\" "
             "result=done");
  for (auto const* other : {R"("name":"x")", R"("domain":true)", R"("tenant":true)"})
    BOOST_TEST(!parse_request(std::string(R"({"v":1,"command":"resume","all":true,)") + other + "}")
                    .has_value());
}

BOOST_AUTO_TEST_CASE(who_asked_has_a_name_where_the_configuration_has_it) {
  BOOST_TEST((Requester{0, 1, "root"}.text()) == "root");
  BOOST_TEST((Requester{1000, 1}.text()) == "uid 1000");
}

BOOST_AUTO_TEST_CASE(a_domain_is_suspended_with_a_flag) {
  auto const request = parse_request(
      R"({"v":1,"command":"suspend","name":"Example.ORG","domain":true,"for":60,"reason":"bombing"})");
  BOOST_REQUIRE(request);
  BOOST_TEST(request->is_domain);
  BOOST_TEST((request->how_long == 60s));
  tests::FakeActions actions;
  BOOST_TEST(perform(*request, actions, {}).find("did suspend") != std::string::npos);
  BOOST_TEST(actions.asked.back() == "suspend domain example.org 1m bombing");
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_answered_in_words) {
  BOOST_TEST(says(parse_request(""), "no JSON object"));
  BOOST_TEST(says(parse_request("[]"), "no JSON object"));
  BOOST_TEST(says(parse_request("{"), "no JSON object"));
  BOOST_TEST(says(parse_request(std::string(100, '[')), "no JSON object"));
  BOOST_TEST(says(parse_request("{\"v\":1,\"command\":\"\xff\"}"), "no JSON object"));
  BOOST_TEST(says(parse_request("{}"), "version 1"));
  BOOST_TEST(says(parse_request(R"({"v":2,"command":"status"})"), "version 1"));
  BOOST_TEST(says(parse_request(R"({"v":1})"), "no command"));
  BOOST_TEST(says(parse_request(R"({"v":1,"command":"kill"})"), "no command \"kill\""));
  BOOST_TEST(says(parse_request(R"({"v":1,"command":["status"]})"), "no command"));
}

BOOST_AUTO_TEST_CASE(a_change_is_never_half_understood) {
  BOOST_TEST(says(parse_request(R"({"v":1,"command":"flush","name":"a","tenant":"b"})"), "tenant"));
  BOOST_TEST(says(parse_request(R"({"v":1,"command":"drain","name":"a"})"), "name"));
  BOOST_TEST(
      says(parse_request(R"({"v":1,"command":"flush","name":"a","domain":true})"), "domain"));
  BOOST_TEST(says(parse_request(R"({"v":1,"command":"resume","name":"a","domain":1})"), "domain"));
  BOOST_TEST(says(parse_request(R"({"v":1,"command":"flush"})"), "\"name\" is missing"));
  BOOST_TEST(says(parse_request(R"({"v":1,"command":"flush","name":7})"), "not a string"));
  BOOST_TEST(says(parse_request(R"({"v":1,"command":"flush","name":"a\nb"})"), "control"));
}

BOOST_AUTO_TEST_CASE(a_suspension_needs_a_span_and_a_reason_within_bounds) {
  auto with = [](std::string const& rest) {
    return parse_request(R"({"v":1,"command":"suspend","name":"google",)" + rest + "}");
  };
  BOOST_TEST(says(with(R"("reason":"x")"), "\"for\" is missing"));
  BOOST_TEST(says(with(R"("for":60)"), "\"reason\" is missing"));
  BOOST_TEST(says(with(R"("for":60,"reason":"  ")"), "\"reason\" is missing"));
  BOOST_TEST(says(with(R"("for":0,"reason":"x")"), "from 1"));
  BOOST_TEST(says(with(R"("for":-5,"reason":"x")"), "from 1"));
  BOOST_TEST(says(with(R"("for":1e300,"reason":"x")"), "from 1"));
  BOOST_TEST(with(R"("for":31536000,"reason":"x")").has_value());
  BOOST_TEST(says(with(R"("for":31536001,"reason":"x")"), "from 1"));
  BOOST_TEST(with(R"("for":1,"reason":")" + std::string(200, 'x') + '"').has_value());
  BOOST_TEST(says(with(R"("for":1,"reason":")" + std::string(201, 'x') + '"'), "200 octets"));
}

BOOST_AUTO_TEST_CASE(sizes_are_bounded_at_the_octet) {
  auto with_name = [](std::size_t n) {
    return parse_request(R"({"v":1,"command":"status","name":")" + std::string(n, 'x') + "\"}");
  };
  BOOST_TEST(with_name(320).has_value());
  BOOST_TEST(says(with_name(321), "320 octets"));
  BOOST_TEST(says(parse_request(std::string(longest_request + 1, ' ')), "64 KiB"));
  auto with_rows = [](std::string const& n) {
    return parse_request(R"({"v":1,"command":"status","most":)" + n + "}");
  };
  BOOST_TEST(with_rows("5000").has_value());
  BOOST_TEST(says(with_rows("5001"), "from 1 to 5000"));
  BOOST_TEST(says(with_rows("0"), "from 1 to 5000"));
}

BOOST_AUTO_TEST_CASE(only_writers_may_change_and_only_the_listed_may_look) {
  constexpr std::uint32_t reader = 101;
  constexpr std::uint32_t writer = 102;
  constexpr std::uint32_t stranger = 103;
  Users const users{{reader}, {writer}};
  std::set<std::string_view> const looks{"status", "connections",      "explain",    "check",
                                         "imap",   "imap connections", "tls-report", "queue"};
  for (auto const& row : commands()) {
    BOOST_TEST(row.changes == (looks.count(row.word) == 0), row.word);
    BOOST_TEST(may_use(users, writer, row).has_value(), row.word);
    BOOST_TEST(may_use(users, reader, row).has_value() == !row.changes, row.word);
    BOOST_TEST(!may_use(users, stranger, row).has_value(), row.word);
  }
  BOOST_TEST(may_connect(users, reader));
  BOOST_TEST(may_connect(users, writer));
  BOOST_TEST(!may_connect(users, stranger));
  BOOST_TEST(!may_connect(users, 0), "root is nobody special here");
  auto const refused = may_use(users, reader, row_of(Command::Drain));
  BOOST_TEST(refused.error().reason.find("write_users") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_command_reaches_its_action) {
  for (auto const& row : commands()) {
    // Answered by the server, now or later.
    if (row.command == Command::Explain || row.command == Command::Reload) continue;
    tests::FakeActions actions;
    auto const answer = parse_answer(perform(request_for(row), actions, {}));
    BOOST_REQUIRE(answer);
    BOOST_TEST(!answer->is_refused, row.word);
    BOOST_REQUIRE(actions.asked.size() == 1);
    BOOST_TEST(actions.asked[0].find(row.word) == 0, actions.asked[0]);
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_is_an_answer_with_the_managers_words) {
  tests::FakeActions actions;
  actions.refusal = "there is no site \"gogle\"; did you mean \"google\"?";
  auto const answer = parse_answer(perform({Command::Flush, "gogle", false, {}, ""}, actions, {}));
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->is_refused);
  BOOST_TEST(answer->text == *actions.refusal);
}

BOOST_AUTO_TEST_CASE(the_log_says_who_changed_what_and_why) {
  Request const request{Command::Suspend, "google", false, 2h, "abuse desk \" asked\x1b"};
  auto const line = audit_line(request, {1000, 77}, answer_line(to_json(Done{"x"})));
  BOOST_TEST(line ==
             "control command=suspend uid=1000 pid=77 site=google for=2h "
             "reason=\"abuse desk ' asked?\" result=done");
  BOOST_TEST(
      audit_line({Command::Resume, "example.org", true, {}, ""}, {0, 1}, error_line("no such")) ==
      "control command=resume uid=0 pid=1 domain=example.org result=refused (no such)");
  ReloadReport const bad{false, {"a:1: x", "a:2: y"}, {}, {}};
  BOOST_TEST(audit_line({Command::Reload, "", false, {}, ""}, {0, 1}, answer_line(to_json(bad))) ==
             "control command=reload uid=0 pid=1 result=refused (2 mistakes)");
}

BOOST_AUTO_TEST_SUITE_END()
