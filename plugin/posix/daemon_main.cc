#include "posix/daemon_main.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>

namespace mailpool::posix {
namespace {

constexpr int exit_usage = 2;

void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  // Message bodies, keys and passwords are in memory: no core file of them, no debugger by others.
  prctl(PR_SET_DUMPABLE, 0);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

}  // namespace

int daemon_main(Daemon const& daemon, int argc, char** argv) {
  CLI::App app{daemon.name + ": " + daemon.about};
  std::string path = "/etc/mailpool/mailpool.toml";
  bool only_check = false;
  app.add_option("--config", path, "The configuration file")->capture_default_str();
  app.add_flag("--check", only_check, "Read the configuration, print every mistake, exit 0 or 78");
  app.set_version_flag("--version", daemon.version);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    return app.exit(e) == 0 ? 0 : exit_usage;
  }
  try {
    if (only_check) return daemon.check(path);
    prepare_process();
    return daemon.run(path);
  } catch (std::exception const& e) {
    std::cerr << daemon.name << ": " << e.what() << '\n';
    return EX_SOFTWARE;
  }
}

}  // namespace mailpool::posix
