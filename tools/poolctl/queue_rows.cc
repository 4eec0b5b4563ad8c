// The rows of `poolctl queue ...` in the table of commands, and what they ask the manager.

#include "poolctl/queue_rows.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "core/control/json.h"
#include "poolctl/client.h"

namespace mailpool::poolctl {
namespace {

using control::Command;
using control::QueueStatus;
using control::Request;

bool is_name_of_why(std::string const& word) {
  for (std::size_t why = 0; why < parking::whys; ++why)
    if (parking::name_of(static_cast<parking::Why>(why)) == word) return true;
  return false;
}

std::optional<QueueStatus> ask_manager(Context& context, Request const& request,
                                       std::string& trouble) {
  auto const reply = ask(context.socket, request);
  if (reply.kind != Reply::Kind::Done) {
    trouble = reply.text;
    return std::nullopt;
  }
  auto status = control::from_json<QueueStatus>(reply.text);
  if (!status) return std::nullopt;
  return std::move(*status);
}

// All that the manager remembers, page by page. Nothing: it does not answer.
std::optional<QueueStatus> ask_for_all(Context& context, RememberedMessages& remembered,
                                       std::string& trouble) {
  Request request;
  request.command = Command::Queue;
  request.most = control::most_rows;
  auto const status = ask_manager(context, request, trouble);
  if (!status) return std::nullopt;
  request.is_list = true;
  for (bool is_over = false; !is_over;) {
    auto const page = ask_manager(context, request, trouble);
    if (!page) return status;
    for (auto const& message : page->messages) remembered.add(message);
    is_over = !page->next || *page->next <= request.after;
    request.after = page->next.value_or(0);
  }
  return status;
}

void declare_selection(CLI::App& app, QueueOptions& options) {
  auto& s = options.selection;
  app.add_option("--site", s.site, "only what waits for this site")->type_name("SITE");
  app.add_option("--tenant", s.tenant, "only mail of this tenant")->type_name("TENANT");
  app.add_option("--campaign", s.campaign, "only mail of this campaign")->type_name("CAMPAIGN");
  app.add_option("--sender", s.sender, "only mail from ADDRESS, or from all of @DOMAIN")
      ->type_name("ADDRESS");
  app.add_option("--domain", s.domain, "only mail to this domain")->type_name("DOMAIN");
  app.add_option("--reason", s.reason, "only what waits for this (poolctl(1))")
      ->type_name("WHY")
      ->check(CLI::Validator(
          [](std::string const& word) {
            return is_name_of_why(word)
                       ? std::string()
                       : "WHY is limit, suspended, backing_off, draining, route, remote or other";
          },
          ""));
  app.add_option("--config-directory", options.config_directory, "of another instance of Postfix")
      ->type_name("DIR");
}

CommandRow show_row() {
  return {"queue",
          "",
          "what waits in the MTA's queue, for what, till when",
          {"--site", "--tenant", "--campaign", "--sender", "--domain", "--reason",
           "--config-directory", "--list", "--sendmail"},
          [](CLI::App& app) {
            auto options = std::make_shared<QueueOptions>();
            declare_selection(app, *options);
            app.add_flag("--list", options->is_list, "a line a message");
            app.add_option("--sendmail", options->sendmail,
                           "Sendmail's queue, by its sendmail.cf (/etc/mail/sendmail.cf)")
                ->expected(0, 1)
                ->default_str("/etc/mail/sendmail.cf")
                ->type_name("CF");
            return [options](Context& context) {
              SystemCommands system;
              RememberedMessages remembered;
              std::string trouble;
              auto const status = ask_for_all(context, remembered, trouble);
              return show_queue(context, *options, system, status ? &*status : nullptr, remembered);
            };
          }};
}

bool ask_the_person(Context& context, std::string const& question) {
  if (::isatty(STDIN_FILENO) == 0) {
    context.err << "poolctl: no terminal to ask at: --yes does it, --dry-run only shows it\n";
    return false;
  }
  context.out << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

CommandRow act_row(QueueAction action, std::string help) {
  auto words = "queue " + action.word;
  return {std::move(words),
          "",
          std::move(help),
          {"--site", "--tenant", "--campaign", "--sender", "--domain", "--reason",
           "--config-directory", "--all", "--dry-run", "--yes"},
          [action = std::move(action)](CLI::App& app) {
            auto options = std::make_shared<QueueOptions>();
            declare_selection(app, *options);
            app.add_flag("--all", options->is_everything_meant, "every message in the queue");
            app.add_flag("--dry-run", options->is_dry, "show what would be done, do nothing");
            app.add_flag("--yes", options->is_confirmed, "do not ask");
            return [options, action](Context& context) {
              SystemCommands system;
              RememberedMessages remembered;
              std::string trouble;
              auto const status = ask_for_all(context, remembered, trouble);
              auto const& s = options->selection;
              if (!status && !(s.tenant.empty() && s.campaign.empty())) {
                context.err << "poolctl: whose mail it is only mailpoold knows: " << trouble
                            << "\n";
                return static_cast<int>(Exit::Away);
              }
              return act_on_queue(
                  context, *options, action, system, remembered,
                  [&](auto const& question) { return ask_the_person(context, question); });
            };
          }};
}

}  // namespace

std::vector<CommandRow> queue_commands() {
  return {show_row(), act_row({"hold", "held", "-h"}, "put messages on hold, by postsuper"),
          act_row({"release", "released", "-H", true}, "let messages on hold go"),
          act_row({"delete", "deleted", "-d", false, true}, "remove messages from the queue")};
}

}  // namespace mailpool::poolctl
