#include "fakemx/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "fakemx/control.h"
#include "fakemx/script.h"
#include "fakemx/settings.h"

namespace mailpool::fakemx {

namespace {

void add_general(CLI::App& app, Options& options) {
  app.add_option("--listen", options.listen,
                 "127.0.0.1:PORT, [::1]:PORT or a path, several with commas; port 0: any free one")
      ->delimiter(',')
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("ADDR");
  app.add_flag("--lmtp", options.lmtp, "LMTP instead of SMTP");
  app.add_option("--script", options.script, "rules and settings: see --help-script")
      ->type_name("FILE");
  app.add_option("--control", options.control, "where to listen for commands: see below")
      ->type_name("ADDR");
  app.add_option("--stats", options.stats_file,
                 "figures as JSON, written on SIGUSR1 and at the end")
      ->type_name("FILE");
  app.add_option("--log", options.log,
                 "a JSON line per accepted message and recipient, written before the reply")
      ->type_name("FILE");
  app.add_flag("--log-all", options.log_all,
               "complete messages that were not accepted go to the log, too");
  app.add_option("--save", options.save, "keeps each accepted body in DIR, named by its SHA-256")
      ->type_name("DIR");
  app.add_option("--trace", options.trace, "all commands and replies: TIME CONNECTION C|S TEXT")
      ->type_name("FILE");
  app.add_option("--receive-buffer", options.receive_buffer,
                 "SO_RCVBUF of the connections, for a small window")
      ->type_name("OCTETS");
  app.add_option("--seed", options.seed, "of the dice of odds=");
}

void add_tls(CLI::App& app, TlsSettings& tls) {
  auto* const cert = app.add_option("--cert", tls.certificate_file,
                                    "PEM chain; without it, a self-signed one is made");
  auto* const key = app.add_option("--key", tls.key_file, "its key");
  cert->needs(key)->type_name("FILE");
  key->needs(cert)->type_name("FILE");
  app.add_option("--cert-name", tls.name, "name in the self-signed certificate")->type_name("NAME");
  app.add_flag("--cert-expired", tls.expired, "the self-signed certificate ended yesterday");
  app.add_option("--cert-out", tls.write_to, "writes the certificate there, for clients to trust")
      ->type_name("FILE");
  app.add_flag("--tls12", tls.only_tls12, "no TLS 1.3");
  app.add_option("--tls-tickets", tls.tickets, "session tickets behind a TLS 1.3 handshake")
      ->check(CLI::Range(0, 100));
}

void add_settings(CLI::App& app, Options& options) {
  for (auto const& row : setting_rows()) {
    auto const name = std::string(row.name);
    app.add_option_function<std::vector<std::string>>(
           "--" + name,
           [&options, name](std::vector<std::string> const& values) {
             for (auto const& value : values) options.settings.emplace_back(name, value);
           },
           std::string(row.help))
        ->type_name(std::string(row.value))
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group("Settings (also `set NAME VALUE` in a script)");
  }
}

}  // namespace

std::pair<std::optional<Options>, int> parse_options(int argc, char** argv) {
  Options options;
  CLI::App app{"fakemx: an SMTP and LMTP server that follows a script, for tests and load tests",
               "fakemx"};
  app.set_help_flag("--help", "this text");
  app.footer("\n" + std::string(control_help()));
  bool help_script = false;
  app.add_flag("--help-script", help_script, "the language of scripts");
  add_general(app, options);
  add_tls(app, options.tls);
  add_settings(app, options);
  auto* const ask = app.add_option("--ask", options.ask,
                                   "sends COMMAND to a control socket and prints the answer");
  ask->type_name("ADDR");
  std::vector<std::string> words;
  app.add_option("command", words, "for --ask")->type_name("COMMAND")->needs(ask);
  try {
    app.parse(argc, argv);
    if (help_script) {
      std::fputs(std::string(script_help()).c_str(), stdout);
      return {std::nullopt, 0};
    }
    for (auto const& word : words) options.command += (options.command.empty() ? "" : " ") + word;
    if (options.listen.empty() && options.ask.empty())
      throw CLI::ValidationError("--listen", "is needed: where do clients connect?");
  } catch (CLI::ParseError const& error) {
    auto const status = app.exit(error);
    return {std::nullopt, status == 0 ? 0 : 2};
  }
  return {std::move(options), 0};
}

}  // namespace mailpool::fakemx
