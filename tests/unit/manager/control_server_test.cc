#include "manager/control_server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "core/admission/desk.h"
#include "core/control/json.h"
#include "fakes/control_actions.h"
#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::chrono_literals;

namespace {

class LogLines final : public Log {
 public:
  void write(LogLevel, std::string line) override { lines.push_back(std::move(line)); }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
  std::vector<std::string> lines;
};

// poolctl's end, in the same thread: connects and writes at once, reads while the loop turns.
class Client {
 public:
  explicit Client(std::string const& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    BOOST_REQUIRE(::connect(fd_, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
  }
  ~Client() { leave(); }
  Client(Client const&) = delete;
  Client& operator=(Client const&) = delete;

  void say(std::string const& text) {
    BOOST_REQUIRE(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(text.size()));
  }
  void leave() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void take_small_pieces() {
    int const small = 4096;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  }
  /// Reads what is there. False once the server has hung up.
  bool read() {
    std::string piece(65536, '\0');
    while (true) {
      auto const n = ::recv(fd_, piece.data(), piece.size(), 0);
      if (n <= 0) return n < 0 && errno == EAGAIN;
      heard += piece.substr(0, static_cast<std::size_t>(n));
    }
  }
  std::string heard;

 private:
  int fd_;
};

struct Room {
  explicit Room(ControlLimits limits = {})
      : server(loop, *listen_unix(path, 0660, "", 64), actions, log, limits) {
    server.set_users({}, {::getuid()});
  }
  tests::Scratch scratch;
  std::string path = scratch / "control.sock";
  Loop loop;
  tests::FakeActions actions;
  LogLines log;
  ControlServer server;

  /// Turns the loop while there is something to do.
  void turn() {
    for (int i = 0; i < 20; ++i) event_base_loop(loop.base(), EVLOOP_NONBLOCK);
  }
  /// Turns until the server has hung up on the client; the timers of a test are milliseconds.
  void until_hung_up(Client& client) {
    for (int i = 0; i < 2000 && client.read(); ++i) event_base_loop(loop.base(), EVLOOP_ONCE);
    BOOST_TEST(!client.read());
    turn();
  }
  control::Answer ask(Client& client, std::string const& request) {
    client.heard.clear();
    client.say(request);
    turn();
    client.read();
    auto const answer = control::parse_answer(client.heard);
    BOOST_REQUIRE_MESSAGE(answer, client.heard);
    return *answer;
  }
};

std::string const status = R"({"v":1,"command":"status"})"
                           "\n";
std::string const drain = R"({"v":1,"command":"drain"})"
                          "\n";
std::string const reload = R"({"v":1,"command":"reload"})"
                           "\n";
std::string const explain = R"({"v":1,"command":"explain","name":"u@example.org"})"
                            "\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(control_server)

BOOST_AUTO_TEST_CASE(requests_are_answered_one_after_the_other_on_one_connection) {
  Room room;
  Client client(room.path);
  room.actions.manager.state = "running";
  BOOST_TEST(room.ask(client, status).text.find("\"running\"") != std::string::npos);
  BOOST_TEST(room.ask(client, drain).text == R"({"done":"did drain"})");
  client.heard.clear();
  client.say(status + explain + drain);
  room.turn();
  client.read();
  BOOST_TEST(std::count(client.heard.begin(), client.heard.end(), '\n') == 3);
  BOOST_TEST(room.actions.asked.back() == "drain");
}

BOOST_AUTO_TEST_CASE(a_request_may_come_byte_by_byte) {
  Room room;
  Client client(room.path);
  for (char c : status) {
    BOOST_TEST(client.heard.empty());
    client.say(std::string(1, c));
    room.turn();
    client.read();
  }
  BOOST_TEST(control::parse_answer(client.heard).has_value());
}

BOOST_AUTO_TEST_CASE(who_may_only_look_looks_and_changes_nothing) {
  Room room;
  room.server.set_users({::getuid()}, {});
  Client client(room.path);
  BOOST_TEST(!room.ask(client, status).is_refused);
  auto const refused = room.ask(client, drain);
  BOOST_TEST(refused.is_refused);
  BOOST_TEST(refused.text.find("write_users") != std::string::npos);
  BOOST_TEST((room.actions.asked == std::vector<std::string>{"status 500"}));
  BOOST_TEST(room.log.lines.back().find("command=drain") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(rights_that_are_taken_away_are_gone_at_the_next_request) {
  Room room;
  Client client(room.path);
  BOOST_TEST(!room.ask(client, drain).is_refused);
  room.server.set_users({}, {});
  BOOST_TEST(room.ask(client, status).is_refused);
}

BOOST_AUTO_TEST_CASE(a_stranger_is_told_and_sent_away) {
  Room room;
  room.server.set_users({::getuid() + 1}, {});
  Client client(room.path);
  room.turn();
  BOOST_TEST(!client.read());
  auto const answer = control::parse_answer(client.heard);
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->is_refused);
  BOOST_TEST(answer->text.find("read_users") != std::string::npos);
  BOOST_TEST(room.server.clients() == 0U);
  BOOST_TEST(room.server.peers_refused() == 1U);
  BOOST_TEST(room.log.lines.size() == 1U);
}

BOOST_AUTO_TEST_CASE(every_change_is_logged_with_who_and_why_and_looking_is_not) {
  Room room;
  Client client(room.path);
  room.ask(client, status);
  BOOST_TEST(room.log.lines.empty());
  room.ask(client, R"({"v":1,"command":"suspend","name":"google","for":60,"reason":"they asked"})"
                   "\n");
  auto const who = "uid=" + std::to_string(::getuid()) + " pid=" + std::to_string(::getpid());
  BOOST_TEST(room.log.lines.back() == "control command=suspend " + who +
                                          " site=google for=1m reason=\"they asked\" result=done");
}

BOOST_AUTO_TEST_CASE(a_reload_is_answered_when_the_settings_have_been_read_and_holds_up_nobody) {
  Room room;
  room.actions.reloads_at_once = false;
  Client asking(room.path);
  Client other(room.path);
  asking.say(reload);
  room.turn();
  BOOST_TEST(!room.ask(other, status).is_refused);
  asking.read();
  BOOST_TEST(asking.heard.empty());
  room.actions.report = {true, {}, {"[log] to"}, {}};
  room.actions.answer_reloads();
  room.turn();
  asking.read();
  auto const answer = control::parse_answer(asking.heard);
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->text.find("[log] to") != std::string::npos);
  BOOST_TEST(room.log.lines.back().ends_with(" result=done"));
  BOOST_TEST(!room.ask(asking, status).is_refused);
}

BOOST_AUTO_TEST_CASE(who_does_not_await_a_reload_is_in_the_log_all_the_same) {
  Room room;
  room.actions.reloads_at_once = false;
  {
    Client gone(room.path);
    gone.say(reload);
    room.turn();
    BOOST_TEST(room.actions.reloads_waiting.size() == 1U);
  }
  Client next(room.path);
  room.server.set_users({}, {::getuid()});
  room.turn();
  room.actions.answer_reloads();
  room.turn();
  BOOST_TEST(!room.ask(next, status).is_refused);
}

BOOST_AUTO_TEST_CASE(a_reload_that_is_read_for_too_long_is_said_to_go_on) {
  Room room({.answer = std::chrono::milliseconds(5)});
  room.actions.reloads_at_once = false;
  Client client(room.path);
  client.say(reload);
  for (int i = 0; i < 2000 && client.heard.empty(); ++i) {
    event_base_loop(room.loop.base(), EVLOOP_ONCE);
    client.read();
  }
  auto const answer = control::parse_answer(client.heard);
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->is_refused);
  BOOST_TEST(answer->text.find("still being read") != std::string::npos);
  BOOST_TEST(room.actions.reloads_waiting.empty());
  BOOST_TEST(room.log.lines.back().ends_with(" result=not awaited"));
}

BOOST_AUTO_TEST_CASE(garbage_ends_its_own_connection_only) {
  Room room;
  Client good(room.path);
  Client bad(room.path);
  BOOST_TEST(room.ask(bad, "GET / HTTP/1.0\r\n\r\n").is_refused);
  BOOST_TEST(!bad.read());
  BOOST_TEST(!room.ask(good, status).is_refused);
  BOOST_TEST(room.server.clients() == 1U);
}

BOOST_AUTO_TEST_CASE(a_line_of_64_KiB_is_the_longest) {
  Room room;
  Client fits(room.path);
  auto padded = [](std::size_t size) {
    auto const short_line = status.substr(0, status.size() - 1);
    return short_line + std::string(size - short_line.size() - 1, ' ') + "\n";
  };
  fits.say(padded(control::longest_request));
  room.turn();
  fits.read();
  BOOST_TEST(!control::parse_answer(fits.heard)->is_refused);
  Client over(room.path);
  over.say(padded(control::longest_request + 1));
  room.turn();
  BOOST_TEST(!over.read());
  BOOST_TEST(control::parse_answer(over.heard)->is_refused);
}

BOOST_AUTO_TEST_CASE(an_explanation_may_take_its_time_and_others_are_served_meanwhile) {
  Room room;
  room.actions.explains_at_once = false;
  Client slow(room.path);
  Client quick(room.path);
  slow.say(explain + status);
  room.turn();
  slow.read();
  BOOST_TEST(slow.heard.empty());
  BOOST_TEST(!room.ask(quick, status).is_refused);
  room.actions.answer_explanations();
  room.turn();
  slow.read();
  BOOST_TEST(slow.heard.find("u@example.org") != std::string::npos);
  BOOST_TEST(std::count(slow.heard.begin(), slow.heard.end(), '\n') == 2);
  BOOST_TEST(room.actions.explanations_waiting == 0U);
}

BOOST_AUTO_TEST_CASE(an_explanation_for_a_client_that_left_harms_nobody) {
  Room room;
  room.actions.explains_at_once = false;
  {
    Client client(room.path);
    client.say(explain);
    room.turn();
  }
  room.actions.answer_explanations();
  room.turn();
  BOOST_TEST(room.server.clients() == 0U);
  BOOST_TEST(room.actions.explanations_waiting == 0U);
}

BOOST_AUTO_TEST_CASE(an_explanation_that_never_comes_is_given_up_in_words) {
  ControlLimits limits;
  limits.answer = 5ms;
  limits.idle = 10ms;
  Room room(limits);
  room.actions.explains_at_once = false;
  Client client(room.path);
  client.say(explain);
  room.until_hung_up(client);
  BOOST_TEST(client.heard.find("no answer in time") != std::string::npos);
  BOOST_TEST(room.actions.explanations_waiting == 0U);
}

BOOST_AUTO_TEST_CASE(a_server_that_ends_takes_open_questions_with_it) {
  tests::FakeActions actions;
  actions.explains_at_once = false;
  tests::Scratch scratch;
  LogLines log;
  Loop loop;
  Client* client = nullptr;
  {
    ControlServer server(loop, *listen_unix(scratch / "s", 0660, "", 5), actions, log);
    server.set_users({}, {::getuid()});
    client = new Client(scratch / "s");
    client->say(explain);
    for (int i = 0; i < 10; ++i) event_base_loop(loop.base(), EVLOOP_NONBLOCK);
    BOOST_TEST(actions.explanations_waiting == 1U);
  }
  BOOST_TEST(actions.explanations_waiting == 0U);
  delete client;
}

BOOST_AUTO_TEST_CASE(half_a_line_does_not_keep_a_connection_for_ever) {
  ControlLimits limits;
  limits.idle = 5ms;
  Room room(limits);
  Client client(room.path);
  client.say("{\"v\":1,");
  room.until_hung_up(client);
  BOOST_TEST(room.server.clients() == 0U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_not_read_blocks_nobody_and_ends) {
  ControlLimits limits;
  limits.drain = 20ms;
  Room room(limits);
  room.actions.manager.sites.resize(2000);
  Client slow(room.path);
  Client quick(room.path);
  slow.say(status);
  room.turn();
  BOOST_TEST(!room.ask(quick, drain).is_refused);
  for (int i = 0; i < 2000 && room.server.clients() > 1; ++i)
    event_base_loop(room.loop.base(), EVLOOP_ONCE);
  BOOST_TEST(room.server.clients() == 1U);
}

BOOST_AUTO_TEST_CASE(a_long_answer_is_read_whole_by_who_reads) {
  Room room;
  room.actions.manager.sites.resize(2000);
  Client client(room.path);
  client.say(status);
  for (int i = 0; i < 2000 && client.heard.find('\n') == std::string::npos; ++i) {
    room.turn();
    client.read();
  }
  auto const answer = control::parse_answer(client.heard);
  BOOST_REQUIRE(answer);
  BOOST_TEST(control::from_json<control::ManagerStatus>(answer->text)->sites.size() == 2000U);
  BOOST_TEST(!room.ask(client, drain).is_refused);
}

BOOST_AUTO_TEST_CASE(unread_answers_are_bounded_together) {
  ControlLimits limits;
  limits.output = 3U << 20U;
  Room room(limits);
  room.actions.manager.sites.resize(1900);
  Client first(room.path);
  first.say(status);
  Client second(room.path);
  second.say(status);
  Client third(room.path);
  third.say(status);
  room.turn();
  BOOST_TEST(room.server.clients() == 2U);
}

BOOST_AUTO_TEST_CASE(those_who_only_look_cannot_keep_an_operator_out) {
  ControlLimits limits;
  limits.clients = 3;
  limits.lookers = 2;
  Room room(limits);
  room.server.set_users({::getuid()}, {});
  Client first(room.path);
  Client second(room.path);
  Client third(room.path);
  room.turn();
  BOOST_TEST(room.server.clients() == 2U);
  BOOST_TEST(!third.read());
  BOOST_TEST(third.heard.find("only look") != std::string::npos);
  first.leave();
  room.turn();
  Client fourth(room.path);
  room.turn();
  BOOST_TEST(room.server.clients() == 2U);
  BOOST_TEST(!room.ask(fourth, status).is_refused);
  room.server.set_users({}, {::getuid()});
  Client writer(room.path);
  room.turn();
  BOOST_TEST(room.server.clients() == 3U);
  Client late(room.path);
  room.turn();
  BOOST_TEST(!late.read());
}

namespace {

struct AnyPlace final : admission::Places {
  [[nodiscard]] admission::Place place_of(std::string const&, TimePoint) const override {
    return {};
  }
};

// A room whose control socket answers the milter's questions too.
struct MilterRoom : Room {
  MilterRoom() {
    settings.domains["a.test"].accept_rate = Rate::parse("1/h, burst 1").value();
    desk.reconfigure(settings);
    server.set_users({}, {}, {::getuid()});
    server.set_admission(desk);
  }
  Settings settings;
  AnyPlace places;
  state::ForgetfulStore store;
  admission::Desk desk{settings, places, store};

  std::string hear(Client& client, std::string const& octets) {
    client.heard.clear();
    client.say(octets);
    turn();
    client.read();
    return client.heard;
  }
};

std::string question(std::uint16_t id, std::string const& domain = "a.test") {
  return admission::to_octets(admission::Question{id, 1, domain, ""});
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_milter_asks_for_room_on_the_same_socket) {
  MilterRoom room;
  Client client(room.path);
  auto const first = admission::parse_answer(room.hear(client, question(1))).value();
  BOOST_TEST(first.id == 1U);
  BOOST_TEST((first.verdict == admission::Verdict::Room));
  auto const second = admission::parse_answer(room.hear(client, question(2))).value();
  BOOST_TEST(second.id == 2U);
  BOOST_TEST((second.verdict == admission::Verdict::Full));
}

BOOST_AUTO_TEST_CASE(questions_may_come_together_or_octet_by_octet) {
  MilterRoom room;
  Client client(room.path);
  BOOST_TEST(room.hear(client, question(1, "b.test") + question(2, "b.test")).size() ==
             2 * admission::to_octets(admission::Answer{}).size());
  client.heard.clear();
  for (char const octet : question(3)) {
    BOOST_TEST(client.heard.empty());
    client.say(std::string(1, octet));
    room.turn();
    client.read();
  }
  BOOST_TEST(admission::parse_answer(client.heard).value().id == 3U);
}

BOOST_AUTO_TEST_CASE(who_may_only_ask_for_room_neither_looks_nor_changes) {
  MilterRoom room;
  Client client(room.path);
  BOOST_TEST(room.ask(client, status).is_refused);
  BOOST_TEST(room.ask(client, drain).is_refused);
  BOOST_TEST(room.actions.asked.empty());
}

BOOST_AUTO_TEST_CASE(who_may_not_ask_for_room_takes_none) {
  MilterRoom room;
  room.server.set_users({::getuid()}, {::getuid()});
  Client client(room.path);
  BOOST_TEST(room.hear(client, question(1)) == admission::not_understood());
  BOOST_TEST(!client.read());
  BOOST_TEST(room.desk.counts().asked == 0U);
  BOOST_TEST(room.log.lines.back().find("[milter] allow_users") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_milter_of_another_version_is_told_so_and_sent_away) {
  MilterRoom room;
  Client other(room.path);
  auto octets = question(1);
  octets[2] = 2;
  BOOST_TEST(room.hear(other, octets) == admission::not_understood());
  BOOST_TEST(!other.read());
  Client hostile(room.path);
  BOOST_TEST(room.hear(hostile, question(1).replace(9, 1, 1, '\0')) == admission::not_understood());
  BOOST_TEST(!hostile.read());
}

BOOST_AUTO_TEST_SUITE_END()
