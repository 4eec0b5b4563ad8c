#pragma once
// poolctl postfix enable | disable | status | lookup: wires a Postfix to the pool and tells how it
// is wired.
//
// Runs as root on the Postfix host; needs no manager. Exit codes as everywhere in poolctl: 0 done,
// 1 refused (the reason and the mend are printed), 69 there is no Postfix here.

#include <functional>
#include <string>

#include "poolctl/command_runner.h"

namespace mailpool::poolctl {

struct PostfixOptions {
  bool is_simple = false;        // enable --simple
  bool is_dry = false;           // --dry-run: say the commands, run none
  bool is_forced = false;        // disable --force: also what was changed since
  bool is_json = false;          // --json
  std::string config_directory;  // --config-directory DIR; empty: Postfix's own
  std::string log_file;          // status --log FILE; empty: where Postfix logs
};

/// Where the words go. `line` is for standard output, `complaint` for standard error.
struct Printer {
  std::function<void(std::string const&)> line;
  std::function<void(std::string const&)> complaint;
};

int postfix_enable(PostfixOptions const& options, CommandRunner& runner, Printer const& print);
int postfix_disable(PostfixOptions const& options, CommandRunner& runner, Printer const& print);
int postfix_status(PostfixOptions const& options, CommandRunner& runner, Printer const& print);
int postfix_lookup(std::string const& address, PostfixOptions const& options, CommandRunner& runner,
                   Printer const& print);

}  // namespace mailpool::poolctl
