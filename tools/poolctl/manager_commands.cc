#include "poolctl/manager_commands.h"

#include <fmt/format.h>
#include <signal.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "core/base/text.h"
#include "core/config/quantity.h"
#include "core/control/json.h"
#include "poolctl/client.h"
#include "poolctl/nagios.h"
#include "poolctl/views.h"

namespace mailpool::poolctl {
namespace {

using control::Command;
using control::Request;

int complain(Context& context, Reply const& reply) {
  // A script that reads JSON gets JSON, a person a sentence.
  if (context.json) context.out << control::indented(control::to_json(Error{reply.text})) << "\n";
  context.err << "poolctl: " << reply.text << "\n";
  return reply.kind == Reply::Kind::Refused ? Exit::Refused : Exit::Away;
}

int unreadable(Context& context) {
  return complain(context, {Reply::Kind::Away,
                            "the answer is not what this poolctl expects; is it of "
                            "another version than mailpoold?"});
}

// Asks, and shows the answer as `Shown`.
template <class Shown>
int ask_and_show(Context& context, Request const& request) {
  auto const reply = ask(context.socket, request);
  if (reply.kind != Reply::Kind::Done) return complain(context, reply);
  if (context.json) {
    context.out << control::indented(reply.text) << "\n";
    return Exit::Done;
  }
  auto const shown = control::from_json<Shown>(reply.text);
  if (!shown) return unreadable(context);
  context.out << view(*shown, context.screen);
  return Exit::Done;
}

int ask_for_change(Context& context, Request const& request) {
  auto const reply = ask(context.socket, request);
  if (reply.kind != Reply::Kind::Done) return complain(context, reply);
  if (context.json) {
    context.out << control::indented(reply.text) << "\n";
    return Exit::Done;
  }
  auto const done = control::from_json<control::Done>(reply.text);
  if (!done) return unreadable(context);
  context.out << wrapped(done->sentence, context.screen.width);
  return Exit::Done;
}

int reload(Context& context) {
  Request request;
  request.command = Command::Reload;
  auto const reply = ask(context.socket, request);
  if (reply.kind != Reply::Kind::Done) return complain(context, reply);
  auto const report = control::from_json<control::ReloadReport>(reply.text);
  if (!report) return unreadable(context);
  context.out << (context.json ? control::indented(reply.text) + "\n"
                               : view(*report, context.screen));
  return report->is_applied ? Exit::Done : Exit::Refused;
}

// The manager's findings and ours; the manager being away is one.
int check(Context& context, bool is_for_nagios) {
  Request request;
  request.command = Command::Check;
  auto findings = check_socket(context.socket);
  auto const reply = ask(context.socket, request);
  if (reply.kind == Reply::Kind::Done) {
    auto const theirs = control::from_json<std::vector<control::Finding>>(reply.text);
    if (!theirs) return unreadable(context);
    findings.push_back({control::Finding::Level::Good, "manager", "mailpoold answers", ""});
    findings.insert(findings.end(), theirs->begin(), theirs->end());
  } else {
    findings.push_back({control::Finding::Level::Mistake, "manager", reply.text,
                        reply.kind == Reply::Kind::Away
                            ? "mailpoold --check; systemctl restart mailpool"
                            : "run poolctl as root"});
  }
  for (auto const& look : local_checks()) {
    auto const found = look(context);
    findings.insert(findings.end(), found.begin(), found.end());
  }
  if (is_for_nagios) {
    auto const answer = nagios_answer(findings);
    context.out << answer.text;
    return answer.exit_code;
  }
  context.out << (context.json ? control::indented(control::to_json(findings)) + "\n"
                               : view(findings, context.screen));
  if (reply.kind == Reply::Kind::Away) return Exit::Away;
  bool const has_mistakes = std::any_of(findings.begin(), findings.end(), [](auto const& finding) {
    return finding.level == control::Finding::Level::Mistake;
  });
  return has_mistakes || reply.kind == Reply::Kind::Refused ? Exit::Refused : Exit::Done;
}

Handler declare_check(CLI::App& app) {
  auto const is_for_nagios = std::make_shared<bool>(false);
  app.add_flag("--nagios", *is_for_nagios, "as a plugin of Nagios or Icinga");
  return [is_for_nagios](Context& context) { return check(context, *is_for_nagios); };
}

struct StatusOptions {
  Request request;
  int every = 0;  // seconds; 0: once
};

int show_status(Context& context, Request const& request) {
  return request.name.empty() ? ask_and_show<control::ManagerStatus>(context, request)
                              : ask_and_show<control::NameStatus>(context, request);
}

// Until it is interrupted, or the manager stops answering.
int watch(Context& context, StatusOptions const& options) {
  constexpr auto* home_and_clear = "\x1b[H\x1b[2J";
  if (context.screen.is_terminal) context.screen = whole_screen_of_stdout();
  while (true) {
    if (context.screen.is_terminal) context.out << home_and_clear;
    auto const done = show_status(context, options.request);
    context.out << std::flush;
    if (done != Exit::Done || !context.out) return done;
    timespec const pause{options.every, 0};
    ::nanosleep(&pause, nullptr);
    if (context.screen.is_terminal)
      context.screen = whole_screen_of_stdout();  // it may have been resized
  }
}

Handler declare_status(CLI::App& app) {
  auto const options = std::make_shared<StatusOptions>();
  options->request.command = Command::Status;
  app.add_option("NAME", options->request.name, "a site, domain or door to show in full");
  app.add_option("--watch", options->every, "show it again every N seconds (2)")
      ->expected(0, 1)
      ->default_str("2")
      ->check(CLI::Range(1, 86400));
  app.add_option("--rows", options->request.most, "at most N rows (500)")
      ->check(CLI::Range(std::size_t{1}, control::most_rows));
  return [options](Context& context) {
    return options->every == 0 ? show_status(context, options->request) : watch(context, *options);
  };
}

Handler declare_connections(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::Connections;
  app.add_option("SITE", request->name, "only those of this site");
  app.add_option("--rows", request->most, "at most N rows (500)")
      ->check(CLI::Range(std::size_t{1}, control::most_rows));
  return [request](Context& context) {
    return ask_and_show<std::vector<control::ConnectionStatus>>(context, *request);
  };
}

Handler declare_explain(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::Explain;
  app.add_option("ADDRESS", request->name, "a recipient: user@example.org")->required();
  app.add_option("--from", request->sender, "the envelope's sender: its limits and its source too")
      ->type_name("SENDER");
  app.add_option("--tenant", request->tenant, "as if the message were this tenant's")
      ->type_name("T");
  app.add_option("--campaign", request->campaign, "as if it were of this campaign")->type_name("C");
  return
      [request](Context& context) { return ask_and_show<control::Explanation>(context, *request); };
}

// SITE, --domain D, --tenant T or --all; a tenant may also be a part of a SITE's mail.
void add_subject(CLI::App& app, std::shared_ptr<Request> const& request) {
  auto* site = app.add_option("SITE", request->name, "the site, as status shows it");
  auto* domain = app.add_option_function<std::string>(
      "--domain",
      [request](std::string const& name) {
        request->name = name;
        request->is_domain = true;
      },
      "a domain instead of a site");
  domain->type_name("D")->excludes(site);
  auto const tenant = std::make_shared<std::string>();
  auto* of_tenant = app.add_option("--tenant", *tenant, "a tenant, at SITE or all sites");
  of_tenant->type_name("T")->excludes(domain);
  app.add_flag("--all", request->is_all, "all mail, instead of a site")
      ->excludes(site)
      ->excludes(domain)
      ->excludes(of_tenant);
  app.final_callback([request, tenant] {
    bool const is_part = !tenant->empty() && !request->name.empty();
    if (is_part && !request->scope.empty())
      throw CLI::ExcludesError("--tenant", "another part of SITE's mail");
    if (is_part) request->scope = "tenant " + *tenant;
    if (!tenant->empty() && !is_part) {
      request->name = *tenant;
      request->is_tenant = true;
    }
    if (request->name.empty() && request->scope.empty() && !request->is_all)
      throw CLI::RequiredError("SITE, --domain D, --tenant T, --campaign C or --all");
  });
}

std::string duration_problem(std::string const& text) {
  auto const d = parse_duration(text);
  if (!d) return d.error().reason;
  if (*d < std::chrono::seconds(1) || *d > control::longest_suspension)
    return "must be from 1s to " + duration_text(control::longest_suspension);
  return {};
}

std::string reason_problem(std::string const& text) {
  if (trimmed(text).empty()) return "a reason, please: it is shown to everyone who wonders";
  return text.size() > 200 ? "at most 200 octets" : "";
}

// A part of a site's mail; by itself, a level of its own.
CLI::Option* add_scope(CLI::App& app, std::shared_ptr<Request> const& request, char const* option,
                       char const* kind, char const* help) {
  return app.add_option_function<std::string>(
      option,
      [request, kind](std::string const& name) {
        request->scope = fmt::format("{} {}", kind, name);
      },
      help);
}

Handler declare_suspend(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::Suspend;
  add_subject(app, request);
  auto* sender = add_scope(app, request, "--sender-domain", "sender_domain",
                           "only what SITE gets from that sender domain");
  sender->type_name("D");
  auto* source = add_scope(app, request, "--source", "source",
                           "only what leaves from that source, to SITE or all");
  source->type_name("NAME")->excludes(sender);
  add_scope(app, request, "--campaign", "campaign",
            "only that campaign's mail, to SITE or all sites")
      ->type_name("C")
      ->excludes(sender)
      ->excludes(source)
      ->excludes("--all");
  app.add_option_function<std::string>(
         "--for", [request](std::string const& text) { request->how_long = *parse_duration(text); },
         "how long: 30s, 5m, 2h, 3d")
      ->required()
      ->type_name("D")
      ->check(CLI::Validator(duration_problem, ""));
  app.add_option("--reason", request->reason, "why: shown in status, log and replies")
      ->required()
      ->check(CLI::Validator(reason_problem, ""));
  return [request](Context& context) { return ask_for_change(context, *request); };
}

Handler declare_resume(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::Resume;
  add_subject(app, request);
  auto* sender = add_scope(app, request, "--sender-domain", "sender_domain",
                           "only what SITE gets from there; without SITE: that [sender_domain.D]");
  sender->type_name("D");
  auto* source = add_scope(app, request, "--source", "source",
                           "only what SITE gets from it; without SITE: that [source.NAME]");
  source->type_name("NAME")->excludes(sender);
  auto* campaign = add_scope(app, request, "--campaign", "campaign",
                             "only that campaign's mail, to SITE or all sites");
  campaign->type_name("C")->excludes(sender)->excludes(source)->excludes("--all");
  auto* total = app.add_flag_callback(
      "--total", [request] { request->scope = "total"; }, "what all sites together have used");
  total->excludes(sender)->excludes(source)->excludes(campaign)->excludes("SITE");
  return [request](Context& context) { return ask_for_change(context, *request); };
}

Handler declare_flush(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::Flush;
  app.add_option("SITE", request->name, "the site, as status shows it")->required();
  return [request](Context& context) { return ask_for_change(context, *request); };
}

// The report is JSON whether --json is there or not: it is meant for programs.
Handler declare_tls_report(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::TlsReport;
  app.add_option("DOMAIN", request->name, "the recipients' domain")->required();
  app.add_option("--day", request->day, "in UTC, such as 2026-11-21 (today)")->type_name("DAY");
  return [request](Context& context) {
    auto const reply = ask(context.socket, *request);
    if (reply.kind != Reply::Kind::Done) return complain(context, reply);
    context.out << control::indented(reply.text) << "\n";
    return static_cast<int>(Exit::Done);
  };
}

Handler declare_imap(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::Imap;
  app.add_option("USER", request->name, "only of this user, as it logs in to the IMAP server");
  app.add_option("--rows", request->most, "at most N rows (500)")
      ->check(CLI::Range(std::size_t{1}, control::most_rows));
  return
      [request](Context& context) { return ask_and_show<control::ImapStatus>(context, *request); };
}

Handler declare_imap_connections(CLI::App& app) {
  auto const request = std::make_shared<Request>();
  request->command = Command::ImapConnections;
  app.add_option("--rows", request->most, "at most N rows (500)")
      ->check(CLI::Range(std::size_t{1}, control::most_rows));
  return [request](Context& context) {
    return ask_and_show<std::vector<control::ImapConnectionStatus>>(context, *request);
  };
}

// One that needs a name and says what it did.
std::function<Handler(CLI::App&)> declare_named(Command command, char const* name,
                                                char const* what) {
  return [=](CLI::App& app) -> Handler {
    auto const request = std::make_shared<Request>();
    request->command = command;
    app.add_option(name, request->name, what)->required();
    return [request](Context& context) { return ask_for_change(context, *request); };
  };
}

std::function<Handler(CLI::App&)> declare_plain(Command command) {
  return [command](CLI::App&) -> Handler {
    return [command](Context& context) {
      Request request;
      request.command = command;
      return ask_for_change(context, request);
    };
  };
}

// A command of the protocol; its words and help stand in core/control.
CommandRow row(Command command, std::vector<std::string> options,
               std::function<Handler(CLI::App&)> declare) {
  auto const& known = control::row_of(command);
  return {std::string(known.word), std::string(known.arguments), std::string(known.help),
          std::move(options), std::move(declare)};
}

}  // namespace

std::vector<CommandRow> manager_commands() {
  return {
      row(Command::Status, {"--watch", "--rows"}, declare_status),
      row(Command::Connections, {"--rows"}, declare_connections),
      row(Command::Explain, {"--from", "--tenant", "--campaign"}, declare_explain),
      row(Command::Suspend,
          {"--domain", "--tenant", "--all", "--sender-domain", "--source", "--campaign", "--for",
           "--reason"},
          declare_suspend),
      row(Command::Resume,
          {"--domain", "--tenant", "--all", "--sender-domain", "--source", "--campaign", "--total"},
          declare_resume),
      row(Command::Flush, {}, declare_flush),
      row(Command::Drain, {}, declare_plain(Command::Drain)),
      row(Command::Undrain, {}, declare_plain(Command::Undrain)),
      row(Command::Reload, {}, [](CLI::App&) -> Handler { return reload; }),
      row(Command::Imap, {"--rows"}, declare_imap),
      row(Command::ImapConnections, {"--rows"}, declare_imap_connections),
      row(Command::ImapFlush, {},
          declare_named(Command::ImapFlush, "USER", "as it logs in to the IMAP server")),
      row(Command::ImapKill, {},
          declare_named(Command::ImapKill, "ID", "a connection, as imap connections shows it")),
      row(Command::ImapPause, {},
          declare_named(Command::ImapPause, "NAME", "a profile, [imap.NAME]")),
      row(Command::ImapResume, {},
          declare_named(Command::ImapResume, "NAME", "a profile, [imap.NAME]")),
      row(Command::Check, {"--nagios"}, declare_check),
      row(Command::TlsReport, {"--day"}, declare_tls_report)};
}

}  // namespace mailpool::poolctl
