// mailpoold for the isolation harness alone: it lends IMAP connections as they were left, and the
// harness must find what leaks.

#include <csignal>
#include <iostream>

#include "manager/configuration.h"
#include "manager/log_writer.h"
#include "manager/manager.h"

int main(int argc, char** argv) {
  using namespace mailpool::manager;
  if (argc != 3 || std::string_view(argv[1]) != "--config") {
    std::cerr << "usage: mailpoold_without_reset --config FILE\n";
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  auto configuration = read_configuration(argv[2]);
  for (auto const& mistake : configuration.mistakes) std::cerr << mistake << '\n';
  if (!configuration.mistakes.empty()) return 78;
  auto sink = make_log_sink(configuration.settings.log.to);
  if (!sink) {
    std::cerr << sink.error().reason << '\n';
    return 78;
  }
  LogWriter log(std::move(*sink), configuration.settings.log.level);
  Manager manager(std::move(configuration), argv[2], log,
                  Testing{.imap_reset = mailpool::imap::Reset::Off});
  if (auto const started = manager.start(); !started) {
    std::cerr << started.error().reason << '\n';
    return 69;
  }
  manager.run();
  return 0;
}
