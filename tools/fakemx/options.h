#pragma once
// The command line of fakemx.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fakemx/tls.h"

namespace mailpool::fakemx {

struct Options {
  std::vector<std::string> listen;
  bool lmtp = false;
  std::string script;
  std::string control;
  std::string stats_file;
  std::string log;
  bool log_all = false;
  std::string save;
  std::string trace;
  int receive_buffer = 0;
  std::uint64_t seed = 1;
  TlsSettings tls;
  std::vector<std::pair<std::string, std::string>> settings;  ///< name, value: in the order given
  std::string ask;                                            ///< a control socket
  std::string command;
};

/// The options, or the exit status of a program that has said all it was asked for.
[[nodiscard]] std::pair<std::optional<Options>, int> parse_options(int argc, char** argv);

}  // namespace mailpool::fakemx
