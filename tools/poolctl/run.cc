#include "poolctl/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <ostream>
#include <vector>

#include "core/base/text.h"
#include "core/config/settings.h"
#include "poolctl/command.h"

namespace mailpool::poolctl {
namespace {

// The commands as CLI11 sees them, and what each App stands for.
class CommandLine {
 public:
  CommandLine() : app_("See what mailpoold does and why, and change it.", "poolctl") {
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(28);
    app_.set_version_flag("--version", "poolctl " MAILPOOL_VERSION);
    app_.add_option("--socket", socket_, "the control socket (" + socket_ + ")")->type_name("PATH");
    app_.add_flag("--json", json_, "answers for scripts");
    app_.footer("Exit codes: 0 done, 1 the manager refused, 2 wrong usage, 69 it does not answer.");
    for (auto const& row : all_commands()) add(row);
  }

  int run(int argc, char const* const* argv, std::ostream& out, std::ostream& err) {
    try {
      app_.parse(argc, argv);
    } catch (CLI::RequiredError const& e) {
      if (auto const words = unknown_command(); !words.empty()) {
        err << words << "\nRun with --help for more information.\n";
        return Exit::Usage;
      }
      return app_.exit(e, out, err) == 0 ? Exit::Done : Exit::Usage;
    } catch (CLI::ParseError const& e) {
      return app_.exit(e, out, err) == 0 ? Exit::Done : Exit::Usage;
    }
    Context context{socket_, json_, screen_of_stdout(), out, err};
    for (auto const& [command, handler] : handlers_)
      if (command->parsed() && command->get_subcommands().empty()) return handler(context);
    err << app_.help();
    return Exit::Usage;
  }

 private:
  // CLI11 says only that a command is missing where one was given that it does not know. "" where
  // none was.
  std::string unknown_command() const {
    auto const* of = &app_;
    for (auto const& [name, group] : groups_)
      if (group->parsed() && !group->get_subcommands({}).empty()) of = group;
    if (!of->get_subcommands().empty()) return {};
    std::string given;
    for (auto const& word : app_.remaining(true))
      if (given.empty() && !word.starts_with('-')) given = word;
    if (given.empty()) return {};
    std::vector<std::string> names;
    for (auto const* command : of->get_subcommands({})) names.push_back(command->get_name());
    auto const whole = of == &app_ ? given : of->get_name() + " " + given;
    auto const meant = nearest(given, names);
    return fmt::format("poolctl: there is no command \"{}\"{}", printable(whole, 100),
                       meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
  }

  void add(CommandRow const& row) {
    auto const blank = row.words.find(' ');
    auto* parent = blank == std::string::npos ? &app_ : group(row.words.substr(0, blank));
    auto* command = parent->add_subcommand(
        row.words.substr(blank == std::string::npos ? 0 : blank + 1), row.help);
    // --json and --socket may stand behind the command as well.
    command->fallthrough();
    // A command may have others below it: "imap", "imap flush".
    if (blank == std::string::npos) groups_[row.words] = command;
    handlers_.emplace_back(command, row.declare(*command));
  }

  CLI::App* group(std::string const& name) {
    auto& group = groups_[name];
    if (group == nullptr) {
      group = app_.add_subcommand(name, group_help(name));
      group->require_subcommand(1);
      group->fallthrough();
    }
    return group;
  }

  CLI::App app_;
  std::string socket_ = ControlSettings{}.listen;
  bool json_ = false;
  std::map<std::string, CLI::App*> groups_;
  std::vector<std::pair<CLI::App*, Handler>> handlers_;
};

}  // namespace

int run(int argc, char const* const* argv, std::ostream& out, std::ostream& err) {
  return CommandLine().run(argc, argv, out, err);
}

}  // namespace mailpool::poolctl
