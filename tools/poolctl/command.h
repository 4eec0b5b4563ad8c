#pragma once
// What a command of poolctl is: a row of one table, from which --help, the completion and the man
// page come too.

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/control/snapshot.h"
#include "poolctl/screen.h"

namespace CLI {
class App;
}

namespace mailpool::poolctl {

/// The exit codes that scripts rely on.
enum Exit : int { Done = 0, Refused = 1, Usage = 2, Away = 69 };

/// What all commands share.
struct Context {
  std::string socket;
  bool json = false;
  Screen screen;
  std::ostream& out;
  std::ostream& err;
};

/// Carries out a command whose options have been read; returns its exit code.
using Handler = std::function<int(Context&)>;

struct CommandRow {
  std::string words;                 ///< "status", or two: "postfix enable"
  std::string arguments;             ///< as in a usage line: "[NAME]"
  std::string help;                  ///< one line, no full stop, at most 60 columns
  std::vector<std::string> options;  ///< that it has beside --json and --help, for the completion
  /// Adds the arguments and options to the command's own App and returns what carries it out.
  /// Values that options fill are kept alive by the handler (a shared_ptr to a struct of them).
  std::function<Handler(CLI::App&)> declare;
};

/// All commands, in the order of --help.
///
/// To add some, write a function that returns their rows (postfix_commands() in
/// postfix_commands.cc) and append its rows in commands.cc. Commands of two words share a group,
/// whose one line of help is in group_help(). Then run `poolctl completion >
/// tools/poolctl/poolctl.bash` and give each command its paragraph in poolctl.1; a test compares
/// both with this table.
[[nodiscard]] std::vector<CommandRow> all_commands();
[[nodiscard]] std::string group_help(std::string const& group);

/// Looks around on this machine for `poolctl check`; to add one, append it to local_checks() in
/// check.cc.
using LocalCheck = std::function<std::vector<control::Finding>(Context const&)>;
[[nodiscard]] std::vector<LocalCheck> local_checks();

/// The socket and the directories that lead to it, as poolctl sees them.
[[nodiscard]] std::vector<control::Finding> check_socket(std::string const& path);

/// For bash-completion.
[[nodiscard]] std::string bash_completion(std::vector<CommandRow> const& commands);

}  // namespace mailpool::poolctl
