// mailpool-milter: the configuration file, the log, then libmilter.

#include <sysexits.h>

#include <iostream>

#include "core/base/text.h"
#include "milter/configuration.h"
#include "milter/log_thread.h"
#include "milter/manager_gate.h"
#include "milter/service.h"
#include "posix/daemon_main.h"

namespace mailpool::milter {
namespace {

int check(std::string const& path) {
  auto const configuration = read_configuration(path);
  for (auto const& mistake : configuration.mistakes) std::cout << mistake << '\n';
  if (!configuration.mistakes.empty()) return EX_CONFIG;
  for (auto const& warning : configuration.warnings) std::cout << "warning: " << warning << '\n';
  std::cout << printable(path) << ": no mistakes; the socket is " << configuration.listen << '\n';
  return EX_OK;
}

int run(std::string const& path) {
  auto configuration = read_configuration(path);
  for (auto const& mistake : configuration.mistakes) std::cerr << mistake << '\n';
  if (!configuration.mistakes.empty()) return EX_CONFIG;
  auto const& settings = configuration.settings;
  LogThread log(settings.log.to == "syslog", settings.log.level);
  for (auto const& warning : configuration.warnings) log.warning(warning);
  Shared const shared{Tenants(settings), settings.milter.mailers, std::move(configuration.keys)};
  ManagerGate gate(settings.milter, settings.control.listen, log);
  auto const served = serve(configuration.listen, shared, gate, log);
  if (served) return EX_OK;
  log.error(served.error().reason);
  if (settings.log.to == "syslog")
    std::cerr << "mailpool-milter: " << served.error().reason << '\n';
  return EX_UNAVAILABLE;
}

}  // namespace
}  // namespace mailpool::milter

int main(int argc, char** argv) {
  using namespace mailpool::milter;
  return mailpool::posix::daemon_main(
      {"mailpool-milter",
       "asks mailpoold for room before the MTA queues mail, and seals each message's tenant",
       MAILPOOL_VERSION, check, run},
      argc, argv);
}
