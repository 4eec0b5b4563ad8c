#include "manager/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/control_actions.h"
#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;

namespace {

class LogLines final : public Log {
 public:
  void write(LogLevel, std::string line) override { lines.push_back(std::move(line)); }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
  std::vector<std::string> lines;
};

int connect_to(std::uint16_t port) {
  int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BOOST_REQUIRE(::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
  evutil_make_socket_nonblocking(fd);
  return fd;
}

struct Room {
  Loop loop;
  tests::FakeActions actions;
  LogLines log;
  MetricsServer server{loop, actions, log};

  std::string ask(int fd, std::string const& request) {
    BOOST_REQUIRE(::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(request.size()));
    std::string heard;
    std::string piece(65536, '\0');
    for (int i = 0; i < 10000; ++i) {
      event_base_loop(loop.base(), EVLOOP_NONBLOCK);
      auto const n = ::recv(fd, piece.data(), piece.size(), 0);
      if (n > 0) heard += piece.substr(0, static_cast<std::size_t>(n));
      if (n == 0) break;
    }
    ::close(fd);
    for (int i = 0; i < 5; ++i) event_base_loop(loop.base(), EVLOOP_NONBLOCK);
    return heard;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics_server)

BOOST_AUTO_TEST_CASE(a_scrape_is_answered_and_the_connection_ends) {
  Room room;
  room.actions.manager.totals.messages = 42;
  BOOST_REQUIRE(room.server.reconfigure({"127.0.0.1:0"}));
  auto const page =
      room.ask(connect_to(room.server.port()), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  BOOST_TEST(page.find("HTTP/1.1 200 OK\r\n") == 0U);
  BOOST_TEST(page.find("\nmailpool_messages_total 42\n") != std::string::npos);
  BOOST_TEST(room.server.clients() == 0U);
  BOOST_TEST(room.log.lines.empty());
}

BOOST_AUTO_TEST_CASE(anything_else_is_turned_away_without_figures) {
  Room room;
  BOOST_REQUIRE(room.server.reconfigure({"127.0.0.1:0"}));
  auto answer = [&](std::string const& request) {
    return room.ask(connect_to(room.server.port()), request).substr(9, 3);
  };
  BOOST_TEST(answer("GET /secret HTTP/1.1\r\n\r\n") == "404");
  BOOST_TEST(answer("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc") == "405");
  BOOST_TEST(answer("EHLO example.org\r\n\r\n") == "400");
  BOOST_TEST(answer("GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x')) == "400");
  BOOST_TEST(room.actions.asked.empty());
}

// None of the silent ones ends here, and no time passes: the scrape is answered all the same.
BOOST_AUTO_TEST_CASE(clients_that_say_nothing_delay_no_scrape) {
  for (int const silent : {7, 8, 24, 32, 100}) {
    Room room;
    BOOST_REQUIRE(room.server.reconfigure({"127.0.0.1:0"}));
    std::vector<int> idle;
    for (int i = 0; i < silent; ++i) {
      idle.push_back(connect_to(room.server.port()));
      event_base_loop(room.loop.base(), EVLOOP_NONBLOCK);
    }
    BOOST_TEST(room.server.clients() == std::min<std::size_t>(32, idle.size()));
    auto const page = room.ask(connect_to(room.server.port()), "GET /metrics HTTP/1.0\r\n\r\n");
    BOOST_TEST(page.find("200 OK") != std::string::npos, silent);
    BOOST_TEST(room.server.clients() <= 32U);
    for (int fd : idle) ::close(fd);
  }
}

BOOST_AUTO_TEST_CASE(whoever_has_asked_keeps_its_place_while_others_are_silent) {
  Room room;
  BOOST_REQUIRE(room.server.reconfigure({"127.0.0.1:0"}));
  int const slow = connect_to(room.server.port());
  std::string_view const request = "GET /metrics HTTP/1.0\r\n\r\n";
  BOOST_REQUIRE(::send(slow, request.data(), request.size(), 0) > 0);
  for (int i = 0; i < 5; ++i) event_base_loop(room.loop.base(), EVLOOP_NONBLOCK);
  std::vector<int> idle;
  for (int i = 0; i < 40; ++i) {
    idle.push_back(connect_to(room.server.port()));
    event_base_loop(room.loop.base(), EVLOOP_NONBLOCK);
  }
  std::string answer(65536, '\0');
  auto const n = ::recv(slow, answer.data(), answer.size(), 0);
  BOOST_TEST((n > 0 && answer.starts_with("HTTP/1.1 200 OK")));
  ::close(slow);
  for (int fd : idle) ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_path_is_a_socket_for_our_group_and_goes_when_it_listens_elsewhere) {
  Room room;
  tests::Scratch const place;
  auto const path = place / "metrics.sock";
  BOOST_REQUIRE(room.server.reconfigure({path}));
  struct stat facts {};
  BOOST_REQUIRE(::stat(path.c_str(), &facts) == 0);
  BOOST_TEST((facts.st_mode & 07777U) == 0660U);
  int const fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  BOOST_REQUIRE(::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
  evutil_make_socket_nonblocking(fd);
  auto const page =
      room.ask(fd, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n");
  BOOST_TEST(page.find("openmetrics-text; version=1.0.0") != std::string::npos);
  BOOST_TEST(page.ends_with("# EOF\n"));
  BOOST_REQUIRE(room.server.reconfigure({"127.0.0.1:0"}));
  BOOST_TEST(::stat(path.c_str(), &facts) != 0);
  BOOST_TEST(room.server.port() != 0U);
  BOOST_TEST(!room.server.reconfigure({"/nowhere/at/all.sock"}).has_value());
  BOOST_TEST(room.server.port() != 0U, "the old one stays");
}

BOOST_AUTO_TEST_CASE(it_listens_where_it_is_told_and_nowhere_by_default) {
  Room room;
  BOOST_TEST(room.server.reconfigure({""}).has_value());
  BOOST_TEST(room.server.port() == 0U);
  for (auto bad : {"localhost:9779", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", ":1", "x"})
    BOOST_TEST(!room.server.reconfigure({bad}).has_value(), bad);
  BOOST_TEST(room.log.lines.size() == 6U);
  BOOST_REQUIRE(room.server.reconfigure({"127.0.0.1:0"}));
  auto const port = room.server.port();
  BOOST_TEST(!room.server.reconfigure({"192.0.2.1:9"}).has_value());
  BOOST_TEST(room.server.port() == port, "the old one stays");
  BOOST_TEST(room.server.reconfigure({""}).has_value());
  BOOST_TEST(room.server.port() == 0U);
}

BOOST_AUTO_TEST_CASE(an_address_beyond_loopback_is_taken_with_a_warning) {
  Room room;
  BOOST_REQUIRE(room.server.reconfigure({"0.0.0.0:0"}));
  BOOST_REQUIRE(room.log.lines.size() == 1);
  BOOST_TEST(room.log.lines[0].find("not loopback") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
