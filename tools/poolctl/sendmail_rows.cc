// poolctl sendmail snippet | check: the lines for sendmail.mc, and whether what was made of them
// works.

#include "poolctl/sendmail_rows.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "core/config/load.h"
#include "core/control/json.h"
#include "poolctl/sendmail_check.h"
#include "poolctl/views.h"
#include "posix/small_file.h"

namespace mailpool::poolctl {

namespace {

using control::Finding;

constexpr std::size_t most_octets_of_cf = 4U << 20U;
constexpr char const* macros = "/usr/share/sendmail/cf";

struct SendmailOptions {
  std::string cf = default_sendmail_cf;
  std::string config = "/etc/mailpool/mailpool.toml";
};

/// The manager's settings where they can be read, else the defaults.
Settings settings_of(std::string const& config) {
  auto const text = posix::read_small_file(config, most_octets_of_configuration);
  auto loaded = load_settings(text.value_or(""), config);
  return loaded.is_good() ? std::move(loaded.settings) : Settings();
}

/// Sendmail follows no link, so Postfix's socket in its queue directory is not meant.
std::string socket_for_sendmail(Settings const& settings) {
  for (auto const& path : settings.lmtp.listen)
    if (path.find("/spool/postfix/") == std::string::npos) return path;
  return settings.lmtp.listen.front();
}

int snippet(Context& context, SendmailOptions const& options) {
  auto const socket = socket_for_sendmail(settings_of(options.config));
  auto const feature = fmt::format("FEATURE(`mailpool', `{}')dnl", socket);
  constexpr char const* mailer = "MAILER(`mailpool')dnl";
  std::string const limits = "[smtp]\nmax_connections = 10\nmax_waiting = 10\n";
  std::string const make = "make -C /etc/mail && systemctl restart sendmail";
  bool const has_macros = std::filesystem::exists(fmt::format("{}/feature/mailpool.m4", macros)) &&
                          std::filesystem::exists(fmt::format("{}/mailer/mailpool.m4", macros));
  if (context.json) {
    nlohmann::ordered_json const answer{
        {"socket", socket},        {"above_mailers", feature}, {"below_mailer_smtp", mailer},
        {"mailpool_toml", limits}, {"command", make},          {"macros_installed", has_macros}};
    context.out << answer.dump(2) << '\n';
    return Exit::Done;
  }
  context.out << "In /etc/mail/sendmail.mc, above the first MAILER line:\n\n  " << feature
              << "\n\nand below MAILER(`smtp')dnl:\n\n  " << mailer
              << "\n\nIn mailpool.toml, so that one slow domain holds up at most 20 of the 30 "
                 "queue runners:\n\n  [smtp]\n  max_connections = 10\n  max_waiting = 10\n\n"
                 "Then:\n\n  "
              << make << "\n  poolctl sendmail check\n";
  if (!has_macros)
    context.out << '\n'
                << wrapped(fmt::format("mailpool.m4 is not in {}/feature and {}/mailer: the "
                                       "package mailpool puts it there, from a checkout copy "
                                       "conf/sendmail.",
                                       macros, macros),
                           context.screen.width)
                << '\n';
  return Exit::Done;
}

std::vector<Finding> findings_of(std::string const& cf_text, SendmailOptions const& options) {
  auto const config = read_sendmail_cf(cf_text);
  auto const settings = settings_of(options.config);
  auto findings =
      judge_sendmail(config, {settings.smtp.max_connections, settings.smtp.max_waiting});
  auto const mailer = config.mailers.find("mailpool");
  if (mailer == config.mailers.end()) return findings;
  auto const more = judge_socket_for_sendmail(socket_of(mailer->second));
  findings.insert(findings.end(), more.begin(), more.end());
  if (std::all_of(findings.begin(), findings.end(),
                  [](Finding const& finding) { return finding.level == Finding::Level::Good; }))
    findings.push_back({Finding::Level::Good, "sendmail",
                        "Sendmail delivers through mailpool (" + options.cf + ")", ""});
  return findings;
}

int check(Context& context, SendmailOptions const& options) {
  auto const text = posix::read_small_file(options.cf, most_octets_of_cf);
  if (!text) {
    context.err << "there is no Sendmail here (" << options.cf
                << " cannot be read; --cf FILE names another)\n";
    return Exit::Away;
  }
  auto const findings = findings_of(*text, options);
  context.out << (context.json ? control::indented(control::to_json(findings)) + "\n"
                               : view(findings, context.screen));
  bool const is_well = std::none_of(findings.begin(), findings.end(), [](Finding const& finding) {
    return finding.level == Finding::Level::Mistake;
  });
  return is_well ? Exit::Done : Exit::Refused;
}

using SendmailAction = int (*)(Context&, SendmailOptions const&);

Handler declare(CLI::App& app, bool reads_cf, SendmailAction action) {
  auto options = std::make_shared<SendmailOptions>();
  if (reads_cf) app.add_option("--cf", options->cf, "Sendmail's configuration")->type_name("FILE");
  app.add_option("--config", options->config, "mailpoold's configuration")->type_name("FILE");
  return [options, action](Context& context) { return action(context, *options); };
}

}  // namespace

std::vector<CommandRow> sendmail_commands() {
  return {{"sendmail snippet",
           "",
           "the lines for sendmail.mc, with this host's socket",
           {"--config"},
           [](CLI::App& app) { return declare(app, false, snippet); }},
          {"sendmail check",
           "",
           "whether sendmail.cf and the socket are right",
           {"--cf", "--config"},
           [](CLI::App& app) { return declare(app, true, check); }}};
}

std::vector<Finding> check_sendmail(Context const& /*context*/) {
  SendmailOptions const options;
  auto const text = posix::read_small_file(options.cf, most_octets_of_cf);
  if (!text) return {};
  if (!read_sendmail_cf(*text).mailers.contains("mailpool"))
    return {{Finding::Level::Note, "sendmail", "Sendmail does not deliver through mailpool",
             "poolctl sendmail snippet"}};
  return findings_of(*text, options);
}

}  // namespace mailpool::poolctl
