// The rows of `poolctl postfix ...` in the table of commands, and what `poolctl check` sees of
// Postfix.

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <ostream>

#include "poolctl/client.h"
#include "poolctl/postfix_commands.h"
#include "poolctl/postfix_rows.h"
#include "poolctl/postfix_wiring.h"

namespace mailpool::poolctl {

namespace {

using Action = std::function<int(PostfixOptions const&, CommandRunner&, Printer const&)>;

int carry_out(Context& context, PostfixOptions options, Action const& action) {
  options.is_json = context.json;
  SystemCommands system;
  Printer const print{[&](std::string const& line) { context.out << line << std::endl; },
                      [&](std::string const& line) { context.err << line << std::endl; }};
  return action(options, system, print);
}

std::shared_ptr<PostfixOptions> options_of(CLI::App& app) {
  auto options = std::make_shared<PostfixOptions>();
  app.add_option("--config-directory", options->config_directory, "of another instance of Postfix")
      ->type_name("DIR");
  return options;
}

CommandRow enable_row() {
  return {"postfix enable",
          "",
          "let Postfix deliver through mailpool",
          {"--simple", "--dry-run", "--config-directory"},
          [](CLI::App& app) {
            auto options = options_of(app);
            app.add_flag("--simple", options->is_simple,
                         "by default_transport, without the table: one queue for all");
            app.add_flag("--dry-run", options->is_dry, "say the commands, run none");
            return [options](Context& context) {
              return carry_out(context, *options, postfix_enable);
            };
          }};
}

CommandRow disable_row() {
  return {
      "postfix disable",
      "",
      "let Postfix deliver by itself again",
      {"--force", "--dry-run", "--config-directory"},
      [](CLI::App& app) {
        auto options = options_of(app);
        app.add_flag("--force", options->is_forced, "put back also what was changed since enable");
        app.add_flag("--dry-run", options->is_dry, "say the commands, run none");
        return
            [options](Context& context) { return carry_out(context, *options, postfix_disable); };
      }};
}

CommandRow status_row() {
  return {"postfix status",
          "",
          "how Postfix is wired, and what bypassed the pool",
          {"--log", "--config-directory"},
          [](CLI::App& app) {
            auto options = options_of(app);
            app.add_option("--log", options->log_file, "Postfix's log, if it is elsewhere")
                ->type_name("FILE");
            return [options](Context& context) {
              return carry_out(context, *options, postfix_status);
            };
          }};
}

CommandRow lookup_row() {
  return {"postfix lookup",
          "ADDRESS",
          "what the tables answer for a recipient, and why",
          {"--config-directory"},
          [](CLI::App& app) {
            auto options = options_of(app);
            auto address = std::make_shared<std::string>();
            app.add_option("ADDRESS", *address, "user@domain")->required()->type_name("");
            return [options, address](Context& context) {
              return carry_out(
                  context, *options,
                  [&](PostfixOptions const& given, CommandRunner& runner, Printer const& print) {
                    return postfix_lookup(*address, given, runner, print);
                  });
            };
          }};
}

}  // namespace

std::vector<CommandRow> postfix_commands() {
  return {enable_row(), disable_row(), status_row(), lookup_row()};
}

namespace {

// What the manager says of its slots; nothing: it does not answer, which is another finding.
std::optional<std::uint64_t> slots_of(Context const& context) {
  control::Request request;
  request.command = control::Command::Queue;
  request.most = 1;
  auto const reply = ask(context.socket, request);
  if (reply.kind != Reply::Kind::Done) return std::nullopt;
  auto const queue = control::from_json<control::QueueStatus>(reply.text);
  if (!queue) return std::nullopt;
  return queue->slots;
}

}  // namespace

std::vector<control::Finding> check_postfix(Context const& context) {
  using control::Finding;
  SystemCommands system;
  PostfixConfig postfix(system, "", true, [](std::string const&) {});
  if (!postfix.is_installed()) return {};
  auto const mode = wired_mode(postfix);
  if (mode.empty())
    return {{Finding::Level::Note, "postfix", "Postfix does not deliver through mailpool",
             "poolctl postfix enable"}};
  auto const plan = plan_wiring(postfix, mode == "table" ? WiringMode::Table : WiringMode::Simple);
  std::vector<Finding> findings;
  for (auto const& [what, mend] : plan.refusals)
    findings.push_back({Finding::Level::Mistake, "postfix", what, mend});
  auto warnings = plan.warnings;
  if (auto const slots = slots_of(context))
    if (auto const note = too_many_slots(postfix, *slots)) warnings.push_back(*note);
  for (auto const& [what, mend] : warnings)
    findings.push_back({Finding::Level::Warning, "postfix", what, mend});
  if (!plan.is_done_already())
    findings.push_back(
        {Finding::Level::Warning, "postfix", "something that enable sets is not set",
         mode == "table" ? "poolctl postfix enable" : "poolctl postfix enable --simple"});
  if (findings.empty())
    findings.push_back({Finding::Level::Good, "postfix",
                        "Postfix delivers through mailpool, wired by " + mode, ""});
  return findings;
}

}  // namespace mailpool::poolctl
