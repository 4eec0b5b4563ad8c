// Events reach a collector line by line, whenever it comes and goes.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <thread>

#include "manager/event_writer.h"
#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace std::chrono_literals;
using manager::EventWriter;

namespace {

struct Silent final : Log {
  void write(LogLevel, std::string) override {}
  [[nodiscard]] bool is_on(LogLevel) const override { return false; }
};

class Collector {
 public:
  explicit Collector(std::string const& path) : listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    timeval const patience{20, 0};
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    BOOST_REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(::listen(listener_, 4) == 0);
  }
  ~Collector() {
    hang_up();
    ::close(listener_);
  }
  Collector(Collector const&) = delete;
  Collector& operator=(Collector const&) = delete;

  void accept() {
    peer_ = ::accept(listener_, nullptr, nullptr);
    BOOST_REQUIRE(peer_ >= 0);
    timeval const pause{3, 0};
    ::setsockopt(peer_, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause);
  }
  void hang_up() {
    if (peer_ >= 0) ::close(peer_);
    peer_ = -1;
  }
  // So many octets; fewer at the end, "" where none come for three seconds.
  std::string read(std::size_t most) const {
    std::string text;
    std::array<char, 4096> piece{};
    while (text.size() < most) {
      auto const n = ::recv(peer_, piece.data(), std::min(piece.size(), most - text.size()), 0);
      if (n < 0 && !text.empty()) continue;
      if (n <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int listener_;
  int peer_ = -1;
};

EventsSettings to_socket(std::string path) {
  EventsSettings settings;
  settings.socket = std::move(path);
  return settings;
}

template <class Condition>
bool comes_true(Condition&& condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event_socket)

BOOST_AUTO_TEST_CASE(what_was_told_before_the_collector_came_reaches_it) {
  tests::Scratch const scratch;
  Silent log;
  EventWriter writer(log);
  writer.reconfigure(to_socket(scratch / "s"));
  writer.write("one");
  auto const& output = *writer.outputs().front();
  BOOST_TEST(comes_true([&] { return output.problem() == "No such file or directory"; }));
  Collector collector(scratch / "s");
  collector.accept();
  BOOST_TEST(collector.read(4) == "one\n");
  BOOST_TEST(comes_true([&] { return output.problem().empty() && output.written == 1U; }));
}

BOOST_AUTO_TEST_CASE(a_collector_that_hangs_up_in_a_line_gets_whole_lines_the_next_time) {
  tests::Scratch const scratch;
  Silent log;
  EventWriter writer(log);
  Collector collector(scratch / "s");
  writer.reconfigure(to_socket(scratch / "s"));
  // More than a socket takes: some line is on its way in parts.
  constexpr std::uint64_t count = 40;
  std::string const tail(50'000, 'x');
  for (std::uint64_t i = 0; i < count; ++i) writer.write("{" + tail);
  collector.accept();
  BOOST_TEST(collector.read(10).front() == '{');
  auto const& output = *writer.outputs().front();
  BOOST_TEST(comes_true([&] { return output.written > 0U; }));
  collector.hang_up();
  collector.accept();
  std::uint64_t lines = 0;
  auto const whole = "{" + tail + "\n";
  BOOST_TEST(comes_true([&] {
    auto const got = collector.read(whole.size());
    if (got.empty()) return output.written + output.dropped == count;
    BOOST_REQUIRE(got == whole);
    ++lines;
    return false;
  }));
  BOOST_TEST(lines > 0U);
  BOOST_TEST(output.dropped <= 1U);
  BOOST_TEST(lines <= count - output.dropped);
}

BOOST_AUTO_TEST_CASE(one_that_reads_nothing_costs_what_is_beyond_its_bound_and_no_other_output) {
  tests::Scratch const scratch;
  Silent log;
  EventWriter writer(log);
  Collector collector(scratch / "s");
  auto settings = to_socket(scratch / "s");
  settings.file = scratch / "f";
  writer.reconfigure(settings);
  auto const outputs = writer.outputs();
  auto const& file = *outputs.at(0);
  auto const& socket = *outputs.at(1);
  BOOST_TEST(file.kind == "file");
  std::string const line(5'000, 'x');
  // Fifteen megabytes, of which eight may wait.
  constexpr std::uint64_t count = 3'000;
  for (std::uint64_t i = 0; i < count; ++i) writer.write(line);
  BOOST_TEST(comes_true([&] { return file.written == count; }));
  BOOST_TEST(file.dropped == 0U);
  BOOST_TEST(comes_true([&] { return socket.dropped > 500U; }), "the file comes first");
  BOOST_TEST(socket.dropped < 2'000U);
}

BOOST_AUTO_TEST_SUITE_END()
