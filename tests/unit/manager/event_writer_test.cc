// Events reach their file whole and in order, whatever becomes of it; what does not is counted.

#include "manager/event_writer.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>

#include "core/base/text.h"
#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace std::chrono_literals;
using manager::EventWriter;

namespace {

std::vector<std::string> lines_of(std::string const& path) {
  std::ifstream file(path);
  std::string const text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> lines;
  for (auto line : split(text, '\n')) lines.emplace_back(line);
  // Behind the last line end is nothing.
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

struct Said final : Log {
  void write(LogLevel, std::string line) override {
    std::lock_guard const lock(mutex);
    lines.push_back(std::move(line));
  }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
  std::size_t count() {
    std::lock_guard const lock(mutex);
    return lines.size();
  }
  std::mutex mutex;
  std::vector<std::string> lines;
};

EventsSettings to_file(std::string path) {
  EventsSettings settings;
  settings.file = std::move(path);
  return settings;
}

template <class Condition>
bool comes_true(Condition&& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event_writer)

BOOST_AUTO_TEST_CASE(every_line_is_written_before_it_ends) {
  tests::Scratch const scratch;
  Said said;
  {
    EventWriter writer(said);
    BOOST_TEST(!writer.is_wanted());
    writer.reconfigure(to_file(scratch / "events"));
    BOOST_TEST(writer.is_wanted());
    for (int i = 0; i < 5000; ++i) writer.write(std::to_string(i));
  }
  auto const lines = lines_of(scratch / "events");
  BOOST_REQUIRE(lines.size() == 5000U);
  BOOST_TEST(lines.front() == "0");
  BOOST_TEST(lines.back() == "4999");
  BOOST_TEST(said.lines.empty());
}

BOOST_AUTO_TEST_CASE(a_file_that_was_moved_away_is_left_whole) {
  tests::Scratch const scratch;
  Said said;
  {
    EventWriter writer(said);
    writer.reconfigure(to_file(scratch / "events"));
    writer.write("one");
    BOOST_TEST(comes_true([&] { return writer.outputs().front()->written == 1U; }));
    std::filesystem::rename(scratch / "events", scratch / "events.1");
    writer.write("two");
    writer.reopen();
    writer.write("three");
  }
  BOOST_TEST(lines_of(scratch / "events.1").size() == 2U);
  BOOST_TEST(lines_of(scratch / "events").size() == 1U);
}

BOOST_AUTO_TEST_CASE(half_a_line_of_one_that_was_killed_is_ended_before_the_next) {
  tests::Scratch const scratch;
  Said said;
  std::ofstream(scratch / "events") << "whole\nhal";
  for (auto const* line : {"one", "two"}) {
    EventWriter writer(said);
    writer.reconfigure(to_file(scratch / "events"));
    writer.write(line);
  }
  auto const lines = lines_of(scratch / "events");
  std::vector<std::string> const expected{"whole", "hal", "one", "two"};
  BOOST_TEST(lines == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_now_is_written_later_and_said_once) {
  tests::Scratch const scratch;
  Said said;
  auto const place = scratch / "not-yet";
  EventWriter writer(said);
  writer.reconfigure(to_file(place + "/events"));
  writer.write("one");
  BOOST_TEST(comes_true([&] { return said.count() == 1; }));
  BOOST_TEST(said.lines[0] == "[events] file: " + place + "/events: No such file or directory");
  BOOST_TEST(writer.outputs().front()->problem() == "No such file or directory");
  writer.write("two");
  std::filesystem::create_directory(place);
  BOOST_TEST(comes_true([&] { return writer.outputs().front()->written == 2U; }));
  BOOST_TEST(lines_of(place + "/events").size() == 2U);
  BOOST_TEST(comes_true([&] { return said.count() == 2; }));
  BOOST_TEST(said.lines[1] == "[events] file: " + place +
                                  "/events takes events again; 0 were dropped since the start");
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_full_disk_is_bounded_and_no_line_is_torn) {
  tests::Scratch const scratch;
  Said said;
  EventWriter writer(said);
  // A file that may not grow: write() does a part, then fails.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  auto* const as_before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit const small{1'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  writer.reconfigure(to_file(scratch / "events"));
  // Ten megabytes, of which eight may wait.
  std::string const line(1'023, 'x');
  for (int i = 0; i < 10'240; ++i) writer.write(line);
  auto const& output = *writer.outputs().front();
  bool const is_bounded = comes_true([&] { return output.dropped == 2'048U; });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, as_before);
  BOOST_TEST(is_bounded);
  BOOST_TEST(comes_true([&] { return output.written == 8'192U; }));
  auto const lines = lines_of(scratch / "events");
  BOOST_TEST(lines.size() == 8'192U);
  for (auto const& each : lines) BOOST_REQUIRE(each == line);
}

BOOST_AUTO_TEST_CASE(a_pipe_without_a_reader_holds_up_nothing) {
  tests::Scratch const scratch;
  Said said;
  auto const pipe = scratch / "pipe";
  BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  EventWriter writer(said);
  writer.reconfigure(to_file(pipe));
  writer.write("one");
  BOOST_TEST(comes_true([&] { return said.count() == 1; }));
}

BOOST_AUTO_TEST_CASE(another_file_takes_over_after_a_reload) {
  tests::Scratch const scratch;
  Said said;
  {
    EventWriter writer(said);
    writer.reconfigure(to_file(scratch / "a"));
    writer.write("one");
    writer.reconfigure(to_file(scratch / "b"));
    writer.write("two");
    writer.reconfigure({});
    BOOST_TEST(!writer.is_wanted());
  }
  BOOST_TEST(lines_of(scratch / "a") == std::vector<std::string>{"one"});
  BOOST_TEST(lines_of(scratch / "b") == std::vector<std::string>{"two"});
}

BOOST_AUTO_TEST_CASE(what_an_event_costs_the_loop) {
  tests::Scratch const scratch;
  Said said;
  EventWriter writer(said);
  writer.reconfigure(to_file(scratch / "events"));
  events::Recorder recorder;
  recorder.set_sink(&writer);
  auto const outcome =
      Outcome::remote(250, {2, 0, 0}, "2.0.0 OK 1701305600 d2e1a72fcca58-6c4cbd2f3e1si1234567pfb",
                      "gmail-smtp-in.l.google.com[142.250.27.26]:25", "end of data");
  events::OutcomeEvent event;
  event.queue_id = "4ED10A9055E";
  event.size = 4096;
  event.recipient = "somebody.with.a.name@example.org";
  event.domain = "example.org";
  event.sender_domain = "shop.example";
  event.site = "google";
  event.tenant = "shop";
  event.endpoint = "gmail-smtp-in.l.google.com[142.250.27.26]:25";
  event.use = 7;
  event.tls = {"TLSv1.3", "TLS_AES_256_GCM_SHA384", "verified by its certificate", true};
  event.delay = event.transaction = 120ms;
  event.outcome = &outcome;
  constexpr int count = 20'000;
  auto const cpu = [] {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
  };
  auto const before = cpu();
  for (int i = 0; i < count; ++i) recorder.tell(event, std::chrono::system_clock::now());
  auto const each = (cpu() - before) / count;
  BOOST_TEST_MESSAGE("an event costs the loop " << each << " us of CPU");
  BOOST_TEST(each < 100);  // without optimizations and with sanitizers too
}

BOOST_AUTO_TEST_SUITE_END()
