#include "core/events/event.h"

#include <boost/test/unit_test.hpp>

#include "core/events/addresses.h"
#include "core/events/json_line.h"
#include "core/events/recorder.h"

using namespace mailpool;
using namespace mailpool::events;
using namespace std::chrono_literals;

namespace {

WallTime const at{1'796'000'000s + 42ms};
constexpr std::string_view stamp = R"({"time":"2026-11-30T00:53:20.042Z","kind":")";

OutcomeEvent an_outcome(Outcome const& outcome) {
  OutcomeEvent event;
  event.queue_id = "4ED10A9055E";
  event.size = 4096;
  event.recipient = "Anna@example.org";
  event.domain = "example.org";
  event.sender_domain = "shop.example";
  event.site = "google";
  event.path = "google/west";
  event.source = "west";
  event.tenant = "shop";
  event.campaign = "spring";
  event.endpoint = "mx.example.com[192.0.2.1]:25";
  event.use = 7;
  event.tls = {"TLSv1.3", "TLS_AES_256_GCM_SHA384", "verified by DANE-EE", true};
  event.delay = 1500ms;
  event.dns = 100ms;
  event.wait = 900ms;
  event.connecting = 250ms;
  event.transaction = 250ms;
  event.outcome = &outcome;
  return event;
}

bool has(std::string const& line, std::string_view part) {
  return line.find(part) != std::string::npos;
}

struct Lines final : Sink {
  [[nodiscard]] bool is_wanted() const override { return wanted; }
  void write(std::string line) override { lines.push_back(std::move(line)); }
  bool wanted = true;
  std::vector<std::string> lines;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(event_lines)

BOOST_AUTO_TEST_CASE(an_outcome_is_told_with_all_that_is_known) {
  auto const outcome = Outcome::local(451, {4, 7, 1}, "google: rate reached (1/s)");
  auto const line = line_of(an_outcome(outcome), {}, at);
  BOOST_TEST(
      line ==
      std::string(stamp) +
          R"(outcome","queue_id":"4ED10A9055E","size":4096,"recipient":"Anna@example.org",)"
          R"("domain":"example.org","sender_domain":"shop.example","site":"google","path":"google/west",)"
          R"("source":"west","tenant":"shop","campaign":"spring",)"
          R"("endpoint":"mx.example.com[192.0.2.1]:25","use":7,"tls":"TLSv1.3",)"
          R"("cipher":"TLS_AES_256_GCM_SHA384","proved":"verified by DANE-EE","resumed":true,)"
          R"("delay":1.500000,"dns":0.100000,"wait":0.900000,"connecting":0.250000,)"
          R"("transaction":0.250000,)"
          R"("result":"deferred","code":451,"enhanced":"4.7.1","said_by":"mailpool",)"
          R"x("text":"google: rate reached (1/s)"})x");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_left_out) {
  auto const outcome = Outcome::local(451, {4, 4, 1}, "x");
  auto event = an_outcome(outcome);
  event.endpoint = event.site = event.path = event.source = event.campaign = event.tenant =
      event.tls.version = "";
  auto const line = line_of(event, {}, at);
  for (auto const* key : {"\"endpoint\"", "\"use\"", "\"site\"", "\"path\"", "\"source\"",
                          "\"tenant\"", "\"tls\"", "\"resumed\"", "\"rule\""})
    BOOST_TEST(!has(line, key), key);
}

BOOST_AUTO_TEST_CASE(addresses_are_told_as_far_as_they_may_be) {
  auto const outcome =
      Outcome::remote(550, {5, 1, 1}, "<Anna@example.org>: no such user anna@example.org",
                      "mx[192.0.2.1]:25", "RCPT TO");
  auto const event = an_outcome(outcome);
  auto const domain = line_of(event, {EventAddresses::Domain, {}}, at);
  BOOST_TEST(!has(domain, "nna@"), domain);
  BOOST_TEST(!has(domain, "recipient"));
  BOOST_TEST(has(domain, "<...@example.org>: no such user ...@example.org"), domain);
  auto const hashed = line_of(event, {EventAddresses::Hash, Secret("key")}, at);
  BOOST_TEST(!has(hashed, "nna@"));
  BOOST_TEST(
      has(hashed, "\"recipient_hash\":\"" + hash_of_address("anna@EXAMPLE.org", "key") + "\""));
  BOOST_TEST(hash_of_address("a@b", "key").size() == 16U);
  BOOST_TEST(hash_of_address("a@b", "key") != hash_of_address("a@b", "another"));
}

BOOST_AUTO_TEST_CASE(local_parts_are_found_wherever_servers_put_them) {
  BOOST_TEST(without_addresses("no address here") == "no address here");
  BOOST_TEST(without_addresses("a@b") == "...@b");
  BOOST_TEST(without_addresses("user=a.b+c@x.example, (d@y)") == "...@x.example, (...@y)");
  BOOST_TEST(without_addresses("<\"a b\"@x>: y") == "<...@x>: y");
  BOOST_TEST(without_addresses("a@b@c") == "......@c");
  BOOST_TEST(without_addresses("@x @") == "@x @");
  BOOST_TEST(without_addresses("") == "");
  BOOST_TEST(without_addresses("mfrom;id=joe%40shop.example") == "mfrom;...%40shop.example");
  BOOST_TEST(without_addresses("SRS0+joe+40shop.example") == "...+40shop.example");
  BOOST_TEST(without_addresses("'o'brien@x'") == "'...@x'");
  BOOST_TEST(without_addresses(R"(<"a\" b"@x>)") == "<...@x>");
  BOOST_TEST(without_addresses("joe=shop.example@list") == "...@list", "VERP");
}

BOOST_AUTO_TEST_CASE(the_recipients_local_part_is_taken_out_without_its_domain_too) {
  BOOST_TEST(without_recipient("5.1.1 <John.Doe>: unknown, john.doe@x", "john.doe@x") ==
             "5.1.1 <...>: unknown, ...@x");
  BOOST_TEST(without_recipient("johndoes is not johndoe, nor a", "johndoe@x") ==
             "johndoes is not ..., nor a");
  BOOST_TEST(without_recipient("a user a", "a@x") == "a user a", "too short to be told from words");
  BOOST_TEST(without_recipient("", "joe@x") == "");
}

// A reply full of them takes no longer than it is long.
BOOST_AUTO_TEST_CASE(very_many_at_signs_are_no_work) {
  std::string const hostile(100'000, '@');
  BOOST_TEST(without_addresses(hostile).size() <= 4 * hostile.size());
}

BOOST_AUTO_TEST_CASE(no_text_breaks_out_of_its_string_or_line) {
  auto const line = JsonLine().text("a", "x\"y\\z\r\n\t\x01\xff{\u2028}").take();
  BOOST_TEST(line == "{\"a\":\"x\\\"y\\\\z?????{?}\"}");
  BOOST_TEST(JsonLine().text("a", std::string(100'000, 'x')).take().size() < 2100U);
  BOOST_TEST(JsonLine().text("a", "Grüße").take() == "{\"a\":\"Grüße\"}");
  BOOST_TEST(JsonLine().take() == "{}");
}

BOOST_AUTO_TEST_CASE(numbers_and_spans_are_json) {
  BOOST_TEST(JsonLine().number("n", UINT64_MAX).truth("t", false).take() ==
             R"({"n":18446744073709551615,"t":false})");
  BOOST_TEST(JsonLine().span("s", -5s).span("u", 1us).span("d", 36h).take() ==
             R"({"s":0.000000,"u":0.000001,"d":129600.000000})");
}

BOOST_AUTO_TEST_CASE(every_other_kind_has_its_keys) {
  ConnectionEvent connection;
  connection.id = 3;
  connection.site = connection.path = "google";
  connection.endpoint = "mx[192.0.2.1]:25";
  connection.connect = 20ms;
  connection.reason = "idle_timeout";
  connection.messages = 2;
  BOOST_TEST(
      line_of(Kind::ConnectionOpened, connection, at) ==
      std::string(stamp) +
          R"(connection_opened","id":3,"site":"google","path":"google","endpoint":"mx[192.0.2.1]:25","connect":0.020000,"ready":0.000000})");
  BOOST_TEST(has(line_of(Kind::ConnectionClosed, connection, at),
                 R"("reason":"idle_timeout","messages":2,"age":0.000000})"));
  SuspensionEvent const suspension{"site", "google", "", "too much", "uid 0", 1h, false};
  BOOST_TEST(
      has(line_of(Kind::Suspended, suspension, at),
          R"("what":"site","name":"google","reason":"too much","by":"uid 0","for":3600.000000})"));
  BOOST_TEST(has(line_of(Kind::Resumed, suspension, at), R"("what":"site","name":"google"})"));
  BOOST_TEST(has(
      line_of(Kind::AllowanceLowered,
              AllowanceEvent{"google", "google/west", "west", "5/s", 2, 0, 0.5, "421 x"}, at),
      R"("path":"google/west","source":"west","rate":"5/s","max_connections":2,"percent":50,"reason":"421 x"})"));
  BOOST_TEST(
      has(line_of(Kind::CapLearned, AllowanceEvent{"google", "google", "", "", 0, 20, 1, ""}, at),
          R"("site":"google","path":"google","max_messages":20})"));
  BOOST_TEST(has(
      line_of(RuleEvent{"google", "google/west", "west", "", "a.toml:3", "suspend", "asked to",
                        "421 <u@x> no", 1h},
              at),
      R"("path":"google/west","source":"west","rule":"a.toml:3","action":"suspend","for":3600.000000,"reason":"asked to","reply":"421 <...@x> no"})"));
  BOOST_TEST(has(line_of(LoginEvent{"relay", "mx", "535 no"}, at),
                 R"("login":"relay","endpoint":"mx","reason":"535 no"})"));
  BOOST_TEST(has(line_of(ConfigurationEvent{"/etc/x", 2, true}, at),
                 R"("file":"/etc/x","warnings":2,"start":true})"));
}

BOOST_AUTO_TEST_CASE(no_other_kind_tells_a_local_part) {
  constexpr std::string_view said = "450 <anna@example.org> slow down";
  ConnectionEvent connection;
  SuspensionEvent suspension;
  AllowanceEvent allowance;
  RuleEvent rule;
  LoginEvent login;
  connection.reason = suspension.reason = allowance.reason = rule.reason = login.reason = said;
  rule.reply = said;
  for (auto const& line :
       {line_of(Kind::ConnectionClosed, connection, at), line_of(Kind::Suspended, suspension, at),
        line_of(Kind::AllowanceLowered, allowance, at), line_of(rule, at), line_of(login, at)}) {
    BOOST_TEST(has(line, "450 <...@example.org> slow down"), line);
    BOOST_TEST(!has(line, "anna"), line);
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_made_where_nobody_wants_it) {
  Recorder recorder;
  recorder.tell(LoginEvent{}, at);
  Lines lines;
  recorder.set_sink(&lines);
  BOOST_TEST(recorder.is_on());
  recorder.tell(LoginEvent{}, at);
  recorder.tell(Kind::Resumed, SuspensionEvent{}, at);
  lines.wanted = false;
  recorder.tell(LoginEvent{}, at);
  BOOST_TEST(lines.lines.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
