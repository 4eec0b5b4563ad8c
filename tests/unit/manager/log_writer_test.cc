// Log lines reach their file in order, at the latest when the writer ends.

#include "manager/log_writer.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include "unit/manager/scratch.h"

using namespace mailpool;
using manager::LogWriter;
using std::chrono::system_clock;

namespace {

std::string contents_of(std::string const& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Said {
  system_clock::time_point at;
  std::string line;
};

/// Keeps what it is told; slow, as a disk may be.
class SlowSink final : public manager::LogSink {
 public:
  explicit SlowSink(std::vector<Said>& said) : said_(said) {}
  void write(LogLevel, system_clock::time_point at, std::string const& line) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    said_.push_back({at, line});
  }

 private:
  std::vector<Said>& said_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(log_writer)

BOOST_AUTO_TEST_CASE(lines_of_the_level_and_above_are_written_in_order_before_it_ends) {
  tests::Scratch const scratch;
  auto const path = scratch / "log";
  {
    LogWriter log(std::move(*manager::make_log_sink(path)), LogLevel::Info);
    log.info("one");
    log.debug("of no interest");
    log.warning("two");
    log.error("three");
  }
  auto const text = contents_of(path);
  auto const one = text.find("]: one\n");
  auto const two = text.find("]: warning: two\n");
  auto const three = text.find("]: error: three\n");
  BOOST_TEST(one < two);
  BOOST_TEST(two < three);
  BOOST_TEST(three != std::string::npos);
  BOOST_TEST(text.find("interest") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(after_a_rotation_the_next_line_is_in_the_new_file) {
  tests::Scratch const scratch;
  auto const path = scratch / "log";
  auto const rotated = scratch / "log.1";
  LogWriter log(std::move(*manager::make_log_sink(path)), LogLevel::Info);
  log.info("before");
  while (contents_of(path).empty()) std::this_thread::yield();
  std::filesystem::rename(path, rotated);
  log.reopen();
  while (!std::filesystem::exists(path)) std::this_thread::yield();
  log.info("after");
  while (contents_of(path).empty()) std::this_thread::yield();
  BOOST_TEST(contents_of(rotated).find("before") != std::string::npos);
  BOOST_TEST(contents_of(path).find("after") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_line_bears_the_time_when_it_was_said) {
  std::vector<Said> said;
  auto const before = system_clock::now();
  system_clock::time_point after;
  {
    LogWriter log(std::make_unique<SlowSink>(said), LogLevel::Info);
    for (auto const* line : {"one", "two", "three"}) log.info(line);
    after = system_clock::now();
  }
  BOOST_REQUIRE(said.size() == 3U);
  BOOST_TEST(said[2].line == "three");
  for (auto const& each : said) BOOST_TEST((each.at >= before && each.at <= after));
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_written_is_an_error_in_words) {
  auto const sink = manager::make_log_sink("/nowhere/at/all");
  BOOST_REQUIRE(!sink);
  BOOST_TEST(sink.error().reason.find("[log] to: cannot write /nowhere/at/all: ") == 0U);
}

/// Writes nothing before it is let go.
class StuckSink final : public manager::LogSink {
 public:
  explicit StuckSink(std::shared_future<void> let_go) : let_go_(std::move(let_go)) {}
  void write(LogLevel, system_clock::time_point, std::string const&) override { let_go_.wait(); }

 private:
  std::shared_future<void> let_go_;
};

BOOST_AUTO_TEST_CASE(lines_beyond_what_can_wait_are_dropped_and_counted) {
  constexpr std::uint64_t more_than_can_wait = 250'000;
  std::promise<void> let_go;
  LogWriter log(std::make_unique<StuckSink>(let_go.get_future().share()), LogLevel::Info);
  for (std::uint64_t n = 0; n < more_than_can_wait; ++n) log.info("x");
  auto const dropped = log.dropped();
  let_go.set_value();
  BOOST_TEST(dropped > 0U);
  BOOST_TEST(dropped <= 50'000U, "200,000 can wait");
}

BOOST_AUTO_TEST_SUITE_END()
