#include "core/control/json.h"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace mailpool;
using namespace mailpool::control;
using namespace std::chrono_literals;
using nlohmann::ordered_json;

namespace {

WallTime const noon = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)) + 12h;

ManagerStatus busy_manager() {
  ManagerStatus status;
  status.version = "0.1.0";
  status.state = "running";
  status.uptime = 12300ms;
  status.now = noon;
  status.totals = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  status.configuration.mistakes = {"mailpool.toml:2: no"};
  auto& site = status.sites.emplace_back();
  site.site = "google";
  site.state = "limited";
  site.domains = 3;
  site.connections = {1, 2, 3, 4, 5};
  site.max_connections = 5;
  site.rate = "100/s";
  site.allowed_now = AllowanceStatus{"50/s", 2, 20, "adaptive: 421 4.7.28 unusual rate"};
  site.blocked_by = "rate";
  site.not_before = Moment{2500ms, noon + 2500ms};
  site.last_reply = "250 2.0.0 OK";
  site.closes = {{"idle_timeout", 7}};
  auto& endpoint = site.endpoints.emplace_back();
  endpoint.host = "mx1.example.org";
  endpoint.max_messages = 20;
  return status;
}

// All keys of the first object stand in the second, with values of the same JSON type.
void check_has(ordered_json const& wanted, ordered_json const& found, std::string const& where) {
  for (auto const& [key, value] : wanted.items()) {
    BOOST_REQUIRE_MESSAGE(found.contains(key), where + "." + key);
    auto const& other = found[key];
    if (value.is_object()) check_has(value, other, where + "." + key);
    if (value.is_array() && !value.empty()) check_has(value[0], other[0], where + "." + key);
    if (!value.is_null() && !value.is_number())
      BOOST_TEST(value.type_name() == other.type_name(), where + "." + key);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(control_json)

// The keys that scripts of operators rely on; renaming one is a breach.
BOOST_AUTO_TEST_CASE(status_keeps_the_keys_that_scripts_rely_on) {
  auto const promised = ordered_json::parse(R"(
    {"version": "0.1.0", "state": "running", "uptime": 12.3,
     "totals": {"messages": 0, "delivered": 0, "deferred": 0, "refused": 0, "in_flight": 0,
                "waiting": 0, "connections_opened": 0, "connections_reused": 0,
                "connections_open": 0},
     "sites": [{"site": "google", "state": "open", "domains": 3,
                "connections": {"connecting": 0, "idle": 2, "busy": 3, "checking": 0, "closing": 0},
                "max_connections": 5, "in_flight": 3, "waiting": 0, "delivered": 120, "deferred": 1,
                "refused": 0, "opened": 5, "reused": 116, "rate": "100/s", "blocked_by": null,
                "not_before": null, "last_reply": "250 2.0.0 OK"}]})");
  auto const shown = ordered_json::parse(to_json(busy_manager()));
  check_has(promised, shown, "status");
  BOOST_TEST(shown["uptime"].get<double>() == 12.3);
  auto const& site = shown["sites"][0];
  BOOST_TEST(site["blocked_by"] == "rate");
  BOOST_TEST(site["allowed_now"]["rate"] == "50/s");
  BOOST_TEST(site["allowed_now"]["why"] == "adaptive: 421 4.7.28 unusual rate");
  BOOST_TEST(site["not_before"] == "2026-11-21T12:00:02Z");
  BOOST_TEST(site["not_before_in"].get<double>() == 2.5);
  BOOST_TEST(site["connections"]["busy"] == 3);
  ManagerStatus quiet = busy_manager();
  quiet.sites[0].blocked_by.reset();
  quiet.sites[0].not_before.reset();
  auto const open = ordered_json::parse(to_json(quiet));
  BOOST_TEST(open["sites"][0]["blocked_by"].is_null());
  BOOST_TEST(open["sites"][0]["not_before"].is_null());
  // The order of the promise is the order for readers.
  auto key = shown["sites"][0].begin();
  for (auto const& [wanted, value] : promised["sites"][0].items()) {
    while (key.key() != wanted) ++key;  // extras may stand between
  }
}

BOOST_AUTO_TEST_CASE(what_is_written_reads_back_the_same) {
  auto const text = to_json(busy_manager());
  auto const read = from_json<ManagerStatus>(text);
  BOOST_REQUIRE(read);
  BOOST_TEST(to_json(*read) == text);
  BOOST_TEST(read->sites[0].endpoints[0].max_messages.value() == 20U);
  BOOST_TEST((read->sites[0].not_before->in == 2500ms));

  Explanation way;
  way.address = "u@example.org";
  way.hosts = {"mx1", "mx2"};
  way.limits.push_back({"site google", "rate", "100/s", "3 left", true, Moment{1s, noon}});
  BOOST_TEST(to_json(*from_json<Explanation>(to_json(way))) == to_json(way));

  std::vector<Finding> const findings{{Finding::Level::Mistake, "socket", "gone", "systemctl ..."},
                                      {Finding::Level::Good, "dns", "on", ""}};
  BOOST_TEST(to_json(*from_json<std::vector<Finding>>(to_json(findings))) == to_json(findings));

  NameStatus name;
  name.domains.emplace_back().route_expires = Moment{60s, noon};
  name.suspensions.push_back({"x.org", true, {60s, noon}, "why", "uid 0"});
  BOOST_TEST(to_json(*from_json<NameStatus>(to_json(name))) == to_json(name));

  std::vector<ConnectionStatus> rows(2);
  rows[0].age = 90s;
  BOOST_TEST(to_json(*from_json<std::vector<ConnectionStatus>>(to_json(rows))) == to_json(rows));

  ReloadReport const report{true, {"m"}, {"n"}, {"w"}};
  BOOST_TEST(to_json(*from_json<ReloadReport>(to_json(report))) == to_json(report));
}

BOOST_AUTO_TEST_CASE(lists_are_objects_with_one_key) {
  BOOST_TEST(to_json(std::vector<ConnectionStatus>{}) == R"({"connections":[]})");
  BOOST_TEST(to_json(std::vector<Finding>{}) == R"({"findings":[]})");
}

BOOST_AUTO_TEST_CASE(a_remotes_words_cannot_break_the_line_or_the_terminal) {
  ManagerStatus status = busy_manager();
  status.sites[0].last_reply = "250 \x1b[31mred\r\n\xff\"}";
  auto const text = to_json(status);
  BOOST_TEST(text.find('\n') == std::string::npos);
  auto const shown = ordered_json::parse(text);
  BOOST_TEST(shown["sites"][0]["last_reply"] == "250 ?[31mred???\"}");
}

BOOST_AUTO_TEST_CASE(reading_survives_another_version_and_nonsense) {
  auto const read = from_json<ManagerStatus>(
      R"({"version": 7, "state": "running", "uptime": 1e308, "new": [], "sites": [3, {"site": "a", "domains": -1,
          "connections": [], "in_flight": 1.5, "not_before": "soon", "port": 70000}], "totals": null})");
  BOOST_REQUIRE(read);
  BOOST_TEST(read->state == "running");
  BOOST_TEST((read->uptime == Duration::zero()));
  BOOST_REQUIRE(read->sites.size() == 1);
  BOOST_TEST(read->sites[0].site == "a");
  BOOST_TEST(read->sites[0].domains == 0U);
  BOOST_TEST(!from_json<ManagerStatus>("[]"));
  BOOST_TEST(!from_json<ManagerStatus>("{"));
}

BOOST_AUTO_TEST_CASE(an_answer_is_a_result_or_words) {
  auto const good = parse_answer(answer_line(R"({"done":"x"})"));
  BOOST_REQUIRE(good);
  BOOST_TEST(!good->is_refused);
  BOOST_TEST(from_json<Done>(good->text)->sentence == "x");
  auto const bad = parse_answer(error_line("no\nsuch"));
  BOOST_REQUIRE(bad);
  BOOST_TEST(bad->is_refused);
  BOOST_TEST(bad->text == "no?such");
  BOOST_TEST(!parse_answer("220 mail.example.com ESMTP"));
  BOOST_TEST(!parse_answer(R"({"v":2,"result":{}})"));
  BOOST_TEST(!parse_answer(R"({"v":1})"));
  BOOST_TEST(!parse_answer(""));
}

BOOST_AUTO_TEST_CASE(times_are_rfc_3339_in_utc) {
  BOOST_TEST(to_rfc3339(noon) == "2026-11-21T12:00:00Z");
  BOOST_TEST(to_rfc3339(WallTime{} - 1ms) == "1969-12-31T23:59:59Z");
  BOOST_TEST((from_rfc3339("2026-11-21T12:00:00Z").value() == noon));
  for (auto bad : {"", "2026-11-21 12:00:00Z", "2026-02-30T12:00:00Z", "2026-11-21T24:00:00Z",
                   "9999-11-21T12:00:00Z", "1013-11-21T12:00:00Z", "2026-11-21T12:00:00+01:00",
                   "2O26-11-21T12:00:00Z"})
    BOOST_TEST(!from_rfc3339(bad).has_value(), bad);
}

BOOST_AUTO_TEST_SUITE_END()
