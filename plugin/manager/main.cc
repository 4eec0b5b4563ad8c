// mailpoold: the configuration file, the log, then the manager.

#include <sysexits.h>

#include <iostream>

#include "manager/check_config.h"
#include "manager/manager.h"
#include "posix/daemon_main.h"

namespace mailpool::manager {
namespace {

int check(std::string const& path) {
  return check_configuration(path, std::cout);
}

int run(std::string const& path) {
  auto configuration = read_configuration(path);
  if (!configuration.mistakes.empty()) {
    for (auto const& mistake : configuration.mistakes) std::cerr << mistake << '\n';
    return EX_CONFIG;
  }
  auto sink = make_log_sink(configuration.settings.log.to);
  if (!sink) {
    std::cerr << "mailpoold: " << sink.error().reason << '\n';
    return EX_CONFIG;
  }
  LogWriter log(std::move(*sink), configuration.settings.log.level);
  Manager manager(std::move(configuration), path, log);
  if (auto const started = manager.start(); !started) {
    log.error(started.error().reason);
    std::cerr << "mailpoold: " << started.error().reason << '\n';
    return EX_UNAVAILABLE;
  }
  manager.run();
  return EX_OK;
}

}  // namespace
}  // namespace mailpool::manager

int main(int argc, char** argv) {
  using namespace mailpool::manager;
  return mailpool::posix::daemon_main(
      {"mailpoold",
       "takes an MTA's outbound mail over LMTP and delivers it over pooled SMTP connections",
       MAILPOOL_VERSION, check, run},
      argc, argv);
}
