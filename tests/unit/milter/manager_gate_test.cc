#include "milter/manager_gate.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>
#include <thread>

#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::milter;
using namespace std::chrono_literals;

namespace {

class LogLines final : public Log {
 public:
  void write(LogLevel, std::string line) override {
    std::lock_guard const lock(mutex_);
    lines.push_back(std::move(line));
  }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
  std::vector<std::string> lines;

 private:
  std::mutex mutex_;
};

/// The manager's end: answers each piece that comes with what `answer` says; "" hangs.
class FakeManager {
 public:
  using Answering = std::function<std::string(std::string const& octets)>;

  FakeManager(std::string const& path, Answering answer) : answer_(std::move(answer)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    BOOST_REQUIRE(::bind(listener_, reinterpret_cast<sockaddr const*>(&address), sizeof address) ==
                  0);
    BOOST_REQUIRE(::listen(listener_, 16) == 0);
    thread_ = std::thread([this] { accept(); });
  }
  ~FakeManager() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    hang_up();
    for (auto& talk : talks_) talk.join();
    for (int const fd : fds_) ::close(fd);
  }
  FakeManager(FakeManager const&) = delete;
  FakeManager& operator=(FakeManager const&) = delete;

  void hang_up() {
    std::lock_guard const lock(mutex_);
    for (int const fd : fds_) ::shutdown(fd, SHUT_RDWR);
  }
  std::atomic<int> questions{0};
  std::atomic<int> connections{0};

 private:
  void accept() {
    for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      ++connections;
      std::lock_guard const lock(mutex_);
      fds_.push_back(fd);
      talks_.emplace_back([this, fd] { talk(fd); });
    }
  }
  void talk(int fd) {
    std::string piece(2048, '\0');
    for (ssize_t n; (n = ::recv(fd, piece.data(), piece.size(), 0)) > 0;) {
      ++questions;
      auto const said = answer_(piece.substr(0, static_cast<std::size_t>(n)));
      if (!said.empty()) ::send(fd, said.data(), said.size(), MSG_NOSIGNAL);
    }
    ::shutdown(fd, SHUT_RDWR);
  }

  Answering answer_;
  int listener_;
  std::mutex mutex_;
  std::vector<int> fds_;
  std::vector<std::thread> talks_;
  std::thread thread_;
};

admission::Answer answer_to(std::string const& octets) {
  admission::Answer answer;
  answer.id = admission::parse_question(octets).value().id;
  return answer;
}

std::string room(std::string const& octets) {
  return admission::to_octets(answer_to(octets));
}

struct Room {
  tests::Scratch scratch;
  std::string path = scratch / "control.sock";
  MilterSettings settings;
  LogLines log;

  Room() { settings.deadline = 300ms; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(manager_gate)

BOOST_AUTO_TEST_CASE(room_is_room_and_full_is_full) {
  Room r;
  FakeManager manager(r.path, [](auto const& octets) {
    auto answer = answer_to(octets);
    auto const question = admission::parse_question(octets).value();
    if (question.tenant == "shop" && question.recipients == 7) {
      answer.verdict = admission::Verdict::Full;
      answer.text = "full";
    }
    return admission::to_octets(answer);
  });
  ManagerGate gate(r.settings, r.path, r.log);
  BOOST_TEST(!gate.ask("a.test", "", 1).is_refused);
  auto const full = gate.ask("a.test", "shop", 7);
  BOOST_TEST(full.is_refused);
  BOOST_TEST(full.text == "full");
  BOOST_TEST(manager.connections == 1);
  BOOST_TEST(r.log.lines.empty());
}

BOOST_AUTO_TEST_CASE(only_what_may_be_remembered_is_not_asked_again) {
  Room r;
  FakeManager manager(r.path, [](auto const& octets) {
    auto answer = answer_to(octets);
    if (admission::parse_question(octets).value().domain == "free.test") answer.keep_for = 60'000;
    return admission::to_octets(answer);
  });
  r.settings.cache = 10s;
  ManagerGate gate(r.settings, r.path, r.log);
  for (int i = 0; i < 5; ++i) BOOST_TEST(!gate.ask("free.test", "", 1).is_refused);
  BOOST_TEST(manager.questions == 1);
  (void)gate.ask("free.test", "shop", 1);
  BOOST_TEST(manager.questions == 2);
  for (int i = 0; i < 5; ++i) (void)gate.ask("limited.test", "", 1);
  BOOST_TEST(manager.questions == 7);
}

BOOST_AUTO_TEST_CASE(a_manager_that_is_gone_is_said_once_and_its_return_too) {
  Room r;
  {
    ManagerGate gate(r.settings, r.path, r.log);
    for (int i = 0; i < 10; ++i) BOOST_TEST(!gate.ask("a.test", "", 1).is_refused);
    BOOST_REQUIRE(r.log.lines.size() == 1U);
    BOOST_TEST(r.log.lines[0].find("No such file or directory") != std::string::npos);
    BOOST_TEST(r.log.lines[0].find("accepted unasked") != std::string::npos);
    FakeManager manager(r.path, room);
    for (int i = 0; i < 1000 && r.log.lines.size() < 2; ++i) {
      (void)gate.ask("a.test", "", 1);
      std::this_thread::sleep_for(20ms);
    }
    BOOST_REQUIRE(r.log.lines.size() == 2U);
    BOOST_TEST(r.log.lines[1].find("mailpoold answers again") == 0U);
  }
}

BOOST_AUTO_TEST_CASE(while_it_is_down_recipients_can_be_deferred_instead) {
  Room r;
  r.settings.on_manager_down = MilterReply::Tempfail;
  ManagerGate gate(r.settings, r.path, r.log);
  auto const refused = gate.ask("a.test", "", 1);
  BOOST_TEST(refused.is_refused);
  BOOST_TEST(refused.text == "mailpool: the manager does not answer (on_manager_down)");
}

BOOST_AUTO_TEST_CASE(a_restart_between_two_questions_is_not_noticed) {
  Room r;
  FakeManager manager(r.path, room);
  ManagerGate gate(r.settings, r.path, r.log);
  (void)gate.ask("a.test", "", 1);
  manager.hang_up();
  (void)gate.ask("a.test", "", 1);
  BOOST_TEST(manager.connections == 2);
  BOOST_TEST(manager.questions == 2);
  BOOST_TEST(r.log.lines.empty());
}

BOOST_AUTO_TEST_CASE(a_manager_that_hangs_costs_the_deadline_and_then_nothing) {
  Room r;
  r.settings.deadline = 20ms;
  FakeManager manager(r.path, [](auto const&) { return std::string(); });
  ManagerGate gate(r.settings, r.path, r.log);
  for (int i = 0; i < 50; ++i) BOOST_TEST(!gate.ask("a.test", "", 1).is_refused);
  BOOST_REQUIRE(r.log.lines.size() == 1U);
  BOOST_TEST(r.log.lines[0].find("within [milter] deadline") != std::string::npos);
  BOOST_TEST(manager.questions <= 4);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_counts_as_none) {
  auto const other_id = [](std::string const& octets) {
    auto answer = answer_to(octets);
    ++answer.id;
    return admission::to_octets(answer);
  };
  auto const other_version = [](std::string const& octets) {
    auto said = room(octets);
    said[2] = 2;
    return said;
  };
  auto const garbage = [](std::string const&) { return std::string("\0mgarbage", 9); };
  auto const not_understood = [](std::string const&) { return admission::not_understood(); };
  auto const refused = [](std::string const&) {
    return std::string("{\"v\":1,\"error\":\"refused: uid 7\"}\n");
  };
  auto const twice = [](std::string const& octets) { return room(octets) + room(octets); };
  for (auto const& [answering, words] : std::vector<std::pair<FakeManager::Answering, char const*>>{
           {other_id, "answered another question"},
           {other_version, "version 2"},
           {garbage, "version 103"},
           {not_understood, "did not understand"},
           {refused, "refused: uid 7"},
           {twice, "more than it was asked"}}) {
    Room r;
    FakeManager manager(r.path, answering);
    ManagerGate gate(r.settings, r.path, r.log);
    for (int i = 0; i < 4; ++i) BOOST_TEST(!gate.ask("a.test", "", 1).is_refused);
    BOOST_REQUIRE(r.log.lines.size() == 1U);
    BOOST_TEST(r.log.lines[0].find(words) != std::string::npos, r.log.lines[0]);
  }
}

BOOST_AUTO_TEST_CASE(many_threads_share_eight_connections) {
  Room r;
  r.settings.deadline = 1s;
  FakeManager manager(r.path, room);
  ManagerGate gate(r.settings, r.path, r.log);
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 32; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) refused += gate.ask("a.test", "", 1).is_refused ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  BOOST_TEST(refused == 0);
  BOOST_TEST(manager.questions == 640);
  BOOST_TEST(manager.connections <= 8);
  BOOST_TEST(r.log.lines.empty());
}

BOOST_AUTO_TEST_CASE(what_is_remembered_is_bounded) {
  AnswerCache cache(1min);
  admission::Answer answer;
  answer.keep_for = 60'000;
  auto const now = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i <= AnswerCache::most; ++i)
    cache.remember("d" + std::to_string(i) + ".test", "", answer, now);
  BOOST_TEST(cache.size() <= AnswerCache::most);
  cache.remember("a.test", "", answer, now);
  BOOST_TEST(cache.find("a.test", "", now + 59s).has_value());
  BOOST_TEST(!cache.find("a.test", "", now + 61s).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
