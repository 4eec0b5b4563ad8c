// mailpoold as it must not be: IMAP connections go back into the pool as they are. The isolation
// tests run against it to show that they would find a leak.

#include <csignal>
#include <iostream>
#include <string>

#include "manager/manager.h"

int main(int argc, char** argv) {
  using namespace mailpool;
  using namespace mailpool::manager;
  if (argc != 3 || std::string(argv[1]) != "--config") {
    std::cerr << "usage: mailpoold-without-reset --config FILE\n";
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  auto configuration = read_configuration(argv[2]);
  for (auto const& mistake : configuration.mistakes) std::cerr << mistake << '\n';
  if (!configuration.mistakes.empty()) return 78;
  auto sink = make_log_sink(configuration.settings.log.to);
  if (!sink) return 78;
  LogWriter log(std::move(*sink), configuration.settings.log.level);
  Manager manager(std::move(configuration), argv[2], log, Testing{imap::Reset::Off});
  if (auto const started = manager.start(); !started) {
    std::cerr << started.error().reason << '\n';
    return 69;
  }
  manager.run();
  return 0;
}
