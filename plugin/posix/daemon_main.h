#pragma once
// The front door that mailpoold and mailpool-milter have in common: arguments, the process itself,
// what comes of an exception.

#include <string>

namespace mailpool::posix {

/// One program; each part gets the path of the configuration file and returns the exit status.
struct Daemon {
  std::string name;
  std::string about;  ///< a sentence for --help
  std::string version;
  int (*check)(std::string const& path);  ///< --check
  int (*run)(std::string const& path);
};

/// The exit status: 2 for arguments that are none, 70 where something was thrown.
[[nodiscard]] int daemon_main(Daemon const& daemon, int argc, char** argv);

}  // namespace mailpool::posix
