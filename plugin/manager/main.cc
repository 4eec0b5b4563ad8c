// mailpoold: the configuration file, the log, then the manager.

#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include <iostream>
#include <thread>

#include "core/base/text.h"
#include "manager/check_config.h"
#include "manager/failed_starts.h"
#include "manager/manager.h"
#include "posix/daemon_main.h"

namespace mailpool::manager {
namespace {

int check(std::string const& path) {
  return check_configuration(path, std::cout);
}

// As a service: said to systemd, and after others of late waited out.
int failed_start(std::string const& why) {
  sd_notifyf(0, "STATUS=does not run: %s", printable(why, 300).c_str());
  if (auto const pause = FailedStarts().note(); pause > Duration::zero()) {
    std::cerr << "mailpoold: the same again; ends in " << to_text(pause)
              << " (mend it, then: systemctl restart mailpool)\n";
    std::this_thread::sleep_for(pause);
  }
  return EX_CONFIG;
}

int run(std::string const& path) {
  auto configuration = read_configuration(path);
  if (!configuration.mistakes.empty()) {
    for (auto const& mistake : configuration.mistakes) std::cerr << mistake << '\n';
    return failed_start(configuration.mistakes.front());
  }
  auto sink = make_log_sink(configuration.settings.log.to);
  if (!sink) {
    std::cerr << "mailpoold: " << sink.error().reason << '\n';
    return failed_start(sink.error().reason);
  }
  FailedStarts().forget();
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
