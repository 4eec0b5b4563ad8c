// The table of commands, put together from those that ask the manager and those that work by
// themselves.

#include <CLI/CLI.hpp>
#include <ostream>

#include "poolctl/command.h"
#include "poolctl/manager_commands.h"
#include "poolctl/postfix_rows.h"
#include "poolctl/queue_rows.h"
#include "poolctl/sendmail_rows.h"
#include "poolctl/test_reply.h"

namespace mailpool::poolctl {
namespace {

CommandRow completion_command() {
  return {"completion", "", "print the completion for bash", {}, [](CLI::App&) {
            return [](Context& context) {
              context.out << bash_completion(all_commands());
              return static_cast<int>(Exit::Done);
            };
          }};
}

}  // namespace

std::vector<CommandRow> all_commands() {
  auto rows = manager_commands();
  auto append = [&](std::vector<CommandRow> more) {
    for (auto& row : more) rows.push_back(std::move(row));
  };
  append({test_reply_command()});
  append(queue_commands());
  append(postfix_commands());
  append(sendmail_commands());
  append({completion_command()});
  return rows;
}

std::string group_help(std::string const& group) {
  if (group == "postfix") return "wire Postfix to mailpool, or see how it is wired";
  if (group == "sendmail") return "wire Sendmail to mailpool";
  return "commands about " + group;
}

}  // namespace mailpool::poolctl
