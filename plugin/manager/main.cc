// mailpoold's front door: arguments, the configuration file, the log, then the manager.

#include <sys/prctl.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <iostream>

#include "manager/check_config.h"
#include "manager/manager.h"

namespace mailpool::manager {
namespace {

constexpr int exit_unavailable = 69;
constexpr int exit_configuration = 78;  // EX_CONFIG

void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  // Message bodies and, later, secrets are in memory: no core file of them, no debugger by others.
  prctl(PR_SET_DUMPABLE, 0);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

int run(std::string const& path) {
  auto configuration = read_configuration(path);
  if (!configuration.mistakes.empty()) {
    for (auto const& mistake : configuration.mistakes) std::cerr << mistake << '\n';
    return exit_configuration;
  }
  auto sink = make_log_sink(configuration.settings.log.to);
  if (!sink) {
    std::cerr << "mailpoold: " << sink.error().reason << '\n';
    return exit_configuration;
  }
  LogWriter log(std::move(*sink), configuration.settings.log.level);
  Manager manager(std::move(configuration), path, log);
  if (auto const started = manager.start(); !started) {
    log.error(started.error().reason);
    std::cerr << "mailpoold: " << started.error().reason << '\n';
    return exit_unavailable;
  }
  manager.run();
  return 0;
}

}  // namespace
}  // namespace mailpool::manager

int main(int argc, char** argv) {
  using namespace mailpool::manager;
  CLI::App app{
      "mailpoold: takes an MTA's outbound mail over LMTP and delivers it over pooled SMTP "
      "connections"};
  std::string path = "/etc/mailpool/mailpool.toml";
  bool check = false;
  app.add_option("--config", path, "The configuration file")->capture_default_str();
  app.add_flag("--check", check, "Read the configuration, print every mistake, exit 0 or 78");
  app.set_version_flag("--version", MAILPOOL_VERSION);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    if (check) return check_configuration(path, std::cout);
    prepare_process();
    return run(path);
  } catch (std::exception const& e) {
    std::cerr << "mailpoold: " << e.what() << '\n';
    return 70;
  }
}
