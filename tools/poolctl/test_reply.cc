#include "poolctl/test_reply.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "core/base/text.h"
#include "core/config/rule_values.h"
#include "core/rules/book.h"
#include "core/site/throttling.h"
#include "poolctl/reply_classes.h"
#include "posix/replies_file.h"
#include "posix/settings_file.h"

namespace mailpool::poolctl {
namespace {

struct Options {
  std::string config = "/etc/mailpool/mailpool.toml";
  std::string reply;
  std::string site;
  std::string domain;
  std::string at;
  std::string file;
  std::vector<std::string> replies;
};

// The rules of classes; nothing, with each mistake said, where a file is wrong.
std::optional<replies::Classifier> classifier_for(Context& context, Options const& options) {
  auto loaded = posix::load_reply_rules(options.replies);
  for (auto const& mistake : loaded.mistakes) context.err << mistake.to_line() << '\n';
  if (!loaded.mistakes.empty()) return std::nullopt;
  return replies::Classifier(std::move(loaded.rules));
}

std::optional<Step> step_of(std::string_view word) {
  for (auto step : {Step::Connect, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::End})
    if (name_of(step) == word) return step;
  return std::nullopt;
}

// The code of a reply that is looked at; 0 for any other.
std::uint16_t code_of(std::string_view reply) {
  auto const code = reply.size() >= 3 ? to_number(reply.substr(0, 3)) : std::nullopt;
  bool const is_whole = reply.size() == 3 || (reply.size() > 3 && reply[3] == ' ');
  return code && is_whole && *code >= 400 && *code < 600 ? static_cast<std::uint16_t>(*code) : 0;
}

std::string deed_of(RuleSettings const& rule) {
  auto const how_long = to_text(rule.how_long);
  auto const whom = !rule.domain.empty() ? "the domain " + rule.domain
                    : rule.scope == RuleScope::Path
                        ? std::string("the path (this site, from the source that hears it)")
                    : rule.scope == RuleScope::Site   ? std::string("the site, for all sources,")
                    : rule.scope == RuleScope::Source ? std::string("the source, at all sites,")
                    : rule.scope == RuleScope::Tenant ? std::string("the tenant, at this site,")
                    : rule.scope == RuleScope::Campaign
                        ? std::string("the campaign, at this site,")
                        : std::string("the sender domain, at this site,");
  switch (*rule.action) {
    case RuleAction::Suspend:
      return fmt::format("suspends {} for {}", whom, how_long);
    case RuleAction::BackOff:
      return fmt::format("leaves the host that said it alone for {}", how_long);
    case RuleAction::Set:
      break;
  }
  return fmt::format("sets {} for {}", value::Limits{}.show(rule.set), how_long);
}

// What the adaptive limits make of it, beside any rule.
std::string_view adaptive_words(site::Meaning meaning, bool is_adaptive) {
  switch (meaning) {
    case site::Meaning::Throttle:
      return is_adaptive ? "a throttling reply: it halves what the site may do"
                         : "a throttling reply, but adaptive = false";
    case site::Meaning::ConnectionCap:
      return "a cap of messages per connection: it is learned, and no throttling";
    case site::Meaning::Nothing:
      break;
  }
  return "no throttling reply";
}

int answer(Context& context, Options const& options) {
  auto const classifier = classifier_for(context, options);
  if (!classifier) return Exit::Refused;
  if (!options.file.empty()) return classify_table(context, *classifier, options.file);
  auto const code = code_of(options.reply);
  auto const step = step_of(options.at);
  if (code == 0 || printable(options.reply) != options.reply) {
    context.err << "test-reply wants a reply of 4xx or 5xx in one line, such as \"421 4.7.28 Our "
                   "system has detected\"\n";
    return Exit::Usage;
  }
  auto const loaded = posix::load_settings_file(options.config);
  for (auto const& mistake : loaded.mistakes) context.err << mistake.to_line() << '\n';
  if (!loaded.is_good()) return Exit::Refused;
  auto const& settings = loaded.settings;
  auto const site = settings.sites.find(options.site);
  if (!options.site.empty() && site == settings.sites.end()) {
    std::vector<std::string> names;
    for (auto const& [name, unused] : settings.sites) names.push_back(name);
    auto const meant = nearest(options.site, names);
    context.err << fmt::format("there is no [site.{}] in {}{}\n", printable(options.site, 64),
                               options.config,
                               meant.empty() ? "" : fmt::format("; {} is meant, perhaps", meant));
    return Exit::Refused;
  }
  auto said = replies::said_of(replies::stage_named(options.at).value_or(replies::Stage::Any),
                               options.reply);
  said.site = options.site;
  auto const is_of = classifier->classify(said);
  rules::Book const book(settings.rules);
  Remark const remark{step.value_or(Step::Mail), code, options.reply, 0};
  auto const number = step ? book.find(options.site, options.domain, remark)
                           : book.find_anywhere(options.site, options.domain, options.reply);
  bool const is_adaptive =
      site == settings.sites.end() ? settings.smtp.adaptive : site->second.settings.adaptive;
  auto const adaptive = adaptive_words(site::meaning_of(remark), is_adaptive);
  auto const* rule = number ? &book[*number] : nullptr;
  if (context.json) {
    nlohmann::ordered_json json{{"reply", options.reply}, {"site", options.site}};
    if (rule == nullptr) {
      json["rule"] = nullptr;
    } else {
      json["rule"] = {{"where", rule->where()},
                      {"reply", printable(rule->reply)},
                      {"at", rule->at ? name_of(*rule->at) : ""},
                      {"after", rule->after.to_string()},
                      {"do", name_of(*rule->action)},
                      {"for", seconds(rule->how_long)},
                      {"scope", name_of(rule->scope)},
                      {"reason", rule->reason},
                      {"would", deed_of(*rule)}};
    }
    json["adaptive"] = adaptive;
    json.update(json_of(is_of));
    context.out << json.dump(2) << '\n';
    return Exit::Done;
  }
  if (rule == nullptr) {
    context.out << "no rule meets this reply\n";
  } else {
    auto const when = rule->after.count <= 1 ? std::string("at once")
                                             : fmt::format("after {}", rule->after.to_string());
    context.out << fmt::format("{}: {}\n  {} {}\n", rule->where(), printable(rule->reply),
                               deed_of(*rule), when);
    if (rule->at) context.out << fmt::format("  when it is said at {}\n", name_of(*rule->at));
    if (!rule->reason.empty()) context.out << fmt::format("  {}\n", rule->reason);
  }
  context.out << fmt::format("adaptive: {}\n", adaptive) << line_of(is_of);
  return Exit::Done;
}

}  // namespace

CommandRow test_reply_command() {
  return {
      "test-reply",
      "REPLY",
      "which rule a reply would meet, and its class",
      {"--site", "--domain", "--at", "--config", "--file", "--replies"},
      [](CLI::App& app) -> Handler {
        auto options = std::make_shared<Options>();
        auto* const reply =
            app.add_option("REPLY", options->reply, "what the server says: \"421 4.7.28 ...\"")
                ->type_name("REPLY");
        auto* const file = app.add_option("--file", options->file,
                                          "the class of each row of this table; - is stdin")
                               ->type_name("FILE");
        file->excludes(reply);
        app.add_option("--replies", options->replies, "rules of classes, instead of the usual ones")
            ->type_name("FILE");
        app.add_option("--site", options->site, "the [site.NAME] that says it")->type_name("NAME");
        app.add_option("--domain", options->domain, "the recipient domain")->type_name("D");
        app.add_option("--at", options->at,
                       "connect, ehlo, starttls, auth, mail, "
                       "rcpt, data or end")
            ->check(CLI::IsMember(
                {"connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "end"}))
            ->type_name("STEP");
        app.add_option("--config", options->config, "mailpoold's configuration")->type_name("FILE");
        return [options](Context& context) { return answer(context, *options); };
      }};
}

}  // namespace mailpool::poolctl
