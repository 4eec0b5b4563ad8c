// mailpool-milter: arguments, the configuration file, the log, then libmilter.

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>

#include "core/base/text.h"
#include "milter/configuration.h"
#include "milter/log_thread.h"
#include "milter/manager_gate.h"
#include "milter/service.h"

namespace mailpool::milter {
namespace {

void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_DUMPABLE, 0);  // the key is in memory
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

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
  CLI::App app{
      "mailpool-milter: asks mailpoold for room before the MTA queues mail, and seals each "
      "message's tenant"};
  std::string path = "/etc/mailpool/mailpool.toml";
  bool only_check = false;
  app.add_option("--config", path, "The configuration file")->capture_default_str();
  app.add_flag("--check", only_check, "Read the configuration, print every mistake, exit 0 or 78");
  app.set_version_flag("--version", MAILPOOL_VERSION);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    if (only_check) return check(path);
    prepare_process();
    return run(path);
  } catch (std::exception const& e) {
    std::cerr << "mailpool-milter: " << e.what() << '\n';
    return EX_SOFTWARE;
  }
}
