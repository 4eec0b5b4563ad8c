#pragma once
// What waits in the MTA's queue: the rows of `poolctl queue ...` in the table of commands.

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "poolctl/command.h"
#include "poolctl/command_runner.h"
#include "poolctl/queue_report.h"

namespace mailpool::poolctl {

struct QueueOptions {
  QueueSelection selection;
  std::string config_directory;  ///< of another instance of Postfix
  std::string sendmail;          ///< a sendmail.cf: its queue, not Postfix's
  bool is_list = false;
  bool is_everything_meant = false;
  bool is_dry = false;
  bool is_confirmed = false;
};

/// What is done to messages by hand; the word is the command's.
struct QueueAction {
  std::string word;       ///< "hold"
  std::string past;       ///< "held"
  std::string postsuper;  ///< "-h"
  bool of_held = false;  ///< of messages that are held, else of those that are not; delete: of both
  bool of_both = false;
};

[[nodiscard]] std::vector<CommandRow> queue_commands();

// For tests, which answer for the programs and for the person.
using Confirm = std::function<bool(std::string const& question)>;
int show_queue(Context& context, QueueOptions const& options, CommandRunner& runner,
               control::QueueStatus const* manager, RememberedMessages const& remembered);
int act_on_queue(Context& context, QueueOptions const& options, QueueAction const& action,
                 CommandRunner& runner, RememberedMessages const& remembered,
                 Confirm const& confirm);

}  // namespace mailpool::poolctl
