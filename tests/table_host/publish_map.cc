// The manager's map without the manager: publishes one, and beats until it is told to end. For
// tests of the table.
//
//   publish_map MAP [--site NAME=DOMAIN]... [--learn DOMAIN=SITE]... [--exclude DOMAIN]... [--defer
//   NAME]... [--default-defer]
//               [--ahead SECONDS]

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <set>
#include <string>

#include "manager/map_publisher.h"

using namespace mailpool;

namespace {

class StandardError final : public Log {
 public:
  void write(LogLevel, std::string line) override { std::fprintf(stderr, "%s\n", line.c_str()); }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
};

Duration ahead{};  // of the machine's clock

TimePoint now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)) +
         ahead;
}

volatile sig_atomic_t is_over = 0;

}  // namespace

int main(int count, char** arguments) {
  StandardError log;
  manager::MapSettings settings;
  std::vector<std::pair<std::string, std::string>> learned;
  std::set<std::string, std::less<>> backlogged;
  for (int i = 2; i < count; ++i) {
    std::string const option = arguments[i];
    if (option == "--default-defer") {
      settings.default_fallback = map::Fallback::Defer;
      continue;
    }
    std::string const value = i + 1 < count ? arguments[++i] : "";
    auto const equals = value.find('=');
    auto const left = value.substr(0, equals);
    auto const right = equals == std::string::npos ? "" : value.substr(equals + 1);
    if (option == "--site") {
      settings.sites.emplace(left, map::Fallback::Smtp);
      settings.named_domains.emplace(right, left);
    } else if (option == "--learn") {
      learned.emplace_back(left, right);
    } else if (option == "--exclude") {
      settings.excluded_domains.push_back(left);
    } else if (option == "--defer") {
      settings.sites[left] = map::Fallback::Defer;
    } else if (option == "--backlog") {
      backlogged.insert(left);
    } else if (option == "--ahead") {
      ahead = std::chrono::seconds(std::stoi(left));
    } else {
      std::fprintf(stderr, "unknown option %s\n", option.c_str());
      return 2;
    }
  }
  if (count < 2) return 2;
  signal(SIGTERM, [](int) { is_over = 1; });
  manager::MapPublisher publisher(arguments[1], "lmtp.sock", log);
  publisher.beat(now());
  for (auto const& [domain, site] : learned) publisher.learn(domain, site);
  publisher.set_backlogged(backlogged);
  publisher.reconfigure(settings);
  publisher.settle();
  std::printf("ready\n");
  std::fflush(stdout);
  while (is_over == 0) {
    publisher.beat(now());
    sleep(1);
  }
}
