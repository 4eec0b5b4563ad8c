#include "core/config/reference.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "core/base/text.h"
#include "core/config/options.h"

namespace mailpool {
namespace {

// A section of the documents. [route] has no options of its own, only domains, so it stands here
// alone.
struct Chapter {
  std::string_view header;  // as it is written in the file, with a name where it takes one
  std::string_view title;
  std::string_view text;
  std::vector<Option const*> options;
  bool is_example = false;  // the header, too, stands commented out
};

std::vector<Option const*> of(Section section) {
  std::vector<Option const*> found;
  for (auto const& option : options_of(section)) found.push_back(&option);
  return found;
}

std::vector<Chapter> chapters() {
  return {
      {"", "Before the first section", "What concerns mailpoold as a whole.", of(Section::Top)},
      {"[lmtp]", "[lmtp]", "Where the MTA hands mail over.", of(Section::Lmtp)},
      {"[control]", "[control]", "What poolctl talks to.", of(Section::Control)},
      {"[postfix]", "[postfix]", "The table that tells Postfix what goes into the pool.",
       of(Section::Postfix)},
      {"[dns]", "[dns]", "Where MX hosts and addresses come from.", of(Section::Dns)},
      {"[smtp]", "[smtp]",
       "The defaults for every site. A site is a provider: all domains that the same MX hosts "
       "serve.",
       of(Section::Smtp)},
      {"[tls]", "[tls]",
       "How hands are shaken with servers, and who is trusted. What is required is said by the "
       "option tls.",
       of(Section::Tls)},
      {"[mta_sts]", "[mta_sts]", "Policies that domains publish for mail to them (RFC 8461).",
       of(Section::MtaSts)},
      {"[total]", "[total]", "Limits over all sites together.", of(Section::Total), true},
      {"[domain.\"example.org\"]", "[domain.\"NAME\"]",
       "Limits of one recipient domain, below those of its site. Exactly this domain, in quotes.",
       of(Section::Domain), true},
      {"[site.google]", "[site.NAME]",
       "A provider by name. Any option of [smtp] may stand here too and is then for this site "
       "alone. A name has small letters, digits and hyphens; h and three hexadecimal digits are "
       "taken. Each needs mx or domains.",
       of(Section::Site), true},
      {"[source.west]", "[source.NAME]",
       "Where mail is sent from: a local address and the name given with it. A site, a sender "
       "domain or a tenant names it as its source.",
       of(Section::Source), true},
      {"[pool.both]", "[pool.NAME]", "Sources that share the work; named like a source.",
       of(Section::Pool), true},
      {"[sender_domain.\"example.com\"]", "[sender_domain.\"NAME\"]",
       "Limits of the mail from one domain, as the envelope's sender has it.",
       of(Section::SenderDomain), true},
      {"[tenant.acme]", "[tenant.NAME]",
       "Somebody who sends through this host. Mail belongs to the tenant that the milter has "
       "marked "
       "it with, or whose sender_domains has the envelope sender's.",
       of(Section::Tenant), true},
      {"[[rule]]", "[[rule]]",
       "What to do when a server says something. Each rule begins with [[rule]]; the first one "
       "that "
       "matches a reply counts, in the order of the file, those of included files last. What a "
       "rule does ends by itself. poolctl test-reply says which rule a reply would meet.",
       of(Section::Rule), true},
      {"[route]",
       "[route]",
       "Instead of MX: a domain, \".parent\" for all domains below it, or \"*\", and a list of "
       "hosts, tried in this order, each with its port: \"192.0.2.1:25\", \"[2001:db8::1]:25\" or "
       "\"mx.example.com:25\". Hosts named here may be loopback or private. "
       "Where the hosts want a login: { hosts = [\"mx.example.com:587\"], login = \"NAME\" }.",
       {},
       true},
      {"[login.smarthost]", "[login.NAME]",
       "How to log in to the hosts of a [route] that names this login. The password or token is in "
       "a file of its own.",
       of(Section::Login), true},
      {"[imap.bounces]", "[imap.NAME]",
       "A pool of logged-in connections to an IMAP server, for programs on this host. They connect "
       "here instead and log in as they would there.",
       of(Section::Imap), true},
      {"[imap.bounces.account]", "[imap.NAME.account]",
       "Sockets without a login: their clients are this user from the start.",
       of(Section::ImapAccount), true},
      {"[imap_dynamic]", "[imap_dynamic]",
       "Where programs name the IMAP server themselves, among those that are allowed here.",
       of(Section::ImapDynamic)},
      {"[milter]", "[milter]",
       "What mailpool-milter does at the MTA's front door, and who may ask for room.",
       of(Section::Milter)},
      {"[log]", "[log]", "What mailpoold says about its work.", of(Section::Log)},
      {"[metrics]", "[metrics]", "Figures for Prometheus.", of(Section::Metrics)},
      {"[events]", "[events]", "What happened, for programs.", of(Section::Events)},
  };
}

constexpr std::string_view route_example = R"("lab.test" = ["127.0.0.1:2525"])";

struct Defaults {
  Settings settings;
  NamedSite site;
  DomainSettings domain;
  SourceSettings source;
  PoolSettings pool;
  SenderDomainSettings sender_domain;
  TenantSettings tenant;
  LoginSettings login;
  ImapSettings imap;
  RuleSettings rule;

  Part part(Section section) {
    switch (section) {
      case Section::Site:
        return &site;
      case Section::Domain:
        return &domain;
      case Section::Source:
        return &source;
      case Section::Pool:
        return &pool;
      case Section::SenderDomain:
        return &sender_domain;
      case Section::Tenant:
        return &tenant;
      case Section::Login:
        return &login;
      case Section::Imap:
        return &imap;
      case Section::ImapAccount:
        return &imap.account;
      case Section::Rule:
        return &rule;
      default:
        return part_of(settings, section);
    }
  }
};

std::string default_of(Option const& option) {
  Defaults defaults;
  return option.show(defaults.part(option.section));
}

bool says_nothing(std::string_view toml) {
  return toml.empty() || toml == "\"\"" || toml == "[]";
}

// Words into lines, each with `start` before it and at most `width` octets long where words allow.
std::string wrapped(std::string_view text, std::string_view start, std::size_t width) {
  std::string lines;
  std::string line(start);
  for (auto word : split(text, ' ')) {
    if (line.size() > start.size() && line.size() + 1 + word.size() > width) {
      lines += line + "\n";
      line = start;
    }
    if (line.size() > start.size()) line += ' ';
    line += word;
  }
  return lines + line + "\n";
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

// "A duration from "1s" to "1h"; a new value needs a restart."
std::string range_sentence(Option const& option) {
  return capitalised(option.value) + (option.restart ? "; a new value needs a restart." : ".");
}

std::string sample_option(Option const& option, bool in_example) {
  auto const default_value = default_of(option);
  bool const show_example = in_example && !option.example.empty();
  auto text = option.sentence;
  if (!option.more.empty()) text += " " + option.more;
  auto range = range_sentence(option);
  if (!show_example && says_nothing(default_value) && !option.example.empty())
    range += " For example " + option.example + ".";
  return wrapped(text, "# ", 100) + wrapped(range, "# ", 100) +
         fmt::format("#{} = {}\n", option.key, show_example ? option.example : default_value);
}

std::string sample_chapter(Chapter const& chapter) {
  std::string text = "\n";
  if (!chapter.header.empty()) {
    text += wrapped(chapter.text, "# ", 100);
    text += fmt::format("{}{}\n", chapter.is_example ? "#" : "", chapter.header);
    if (!chapter.options.empty()) text += "\n";
  }
  for (auto const* option : chapter.options) {
    if (option != chapter.options.front()) text += "\n";
    text += sample_option(*option, chapter.is_example);
  }
  if (chapter.options.empty()) text += fmt::format("#{}\n", route_example);
  return text;
}

// mdoc wants each sentence on a line of its own, and no text line that begins like a request.
std::string manual_text(std::string_view text) {
  std::string lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    auto end = text.find(". ", begin);
    end = end == std::string_view::npos ? text.size() : end + 1;
    lines += wrapped(text.substr(begin, end - begin), "", 78);
    begin = end + 1;
  }
  std::string safe;
  for (auto line : split(lines, '\n')) {
    if (line.empty()) continue;
    if (line.front() == '.' || line.front() == '\'') safe += "\\&";
    for (char c : line) {
      if (c == '\\')
        safe += "\\e";
      else
        safe += c;
    }
    safe += '\n';
  }
  return safe;
}

std::string manual_option(Option const& option) {
  auto const default_value = default_of(option);
  auto text = fmt::format(".It Cm {}\n", option.key) + manual_text(option.sentence);
  if (!option.more.empty()) text += manual_text(option.more);
  text += manual_text(range_sentence(option));
  if (!default_value.empty()) text += manual_text(fmt::format("Default: {}.", default_value));
  if (!option.example.empty()) text += manual_text(fmt::format("Example: {}.", option.example));
  return text;
}

// A macro's argument: quotes inside are written as an escape.
std::string manual_argument(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"')
      out += "\\(dq";
    else
      out += c;
  }
  return out;
}

void add_values(std::string& text, Part part, std::vector<Option const*> const& shown) {
  for (auto const* option : shown) {
    auto const value = option->show(part);
    if (!value.empty()) text += fmt::format("{} = {}\n", option->key, value);
  }
}

template <class T>
void add_parts(std::string& text, std::map<std::string, T>& parts, Section section) {
  for (auto& [name, part] : parts) {
    text += fmt::format("\n[{}.{}]\n", name_of(section), value::toml_string(name));
    add_values(text, &part, of(section));
  }
}

// Only what differs from the default: "" is no domain, and {} sets nothing.
void add_rule(std::string& text, RuleSettings& rule) {
  RuleSettings base;
  text += "\n[[rule]]\n";
  for (auto const* option : of(Section::Rule)) {
    auto const value = option->show(&rule);
    if (value != option->show(&base)) text += fmt::format("{} = {}\n", option->key, value);
  }
}

void add_site(std::string& text, NamedSite site, NamedSite base) {
  text += fmt::format("\n[site.{}]\n", site.name);
  auto shown = of(Section::Site);
  for (auto const* option : of(Section::Smtp)) shown.push_back(option);
  for (auto const* option : shown) {
    auto const value = option->show(&site);
    if (value != option->show(&base)) text += fmt::format("{} = {}\n", option->key, value);
  }
}

std::string route_as_toml(Settings const& settings, std::string const& domain,
                          std::vector<RouteHost> const& hosts) {
  auto const list = value::ListOf{value::route_host(), 1, 100}.show(hosts);
  auto const login = settings.route_logins.find(domain);
  if (login == settings.route_logins.end())
    return fmt::format("{} = {}\n", value::toml_string(domain), list);
  return fmt::format("{} = {{ hosts = {}, login = {} }}\n", value::toml_string(domain), list,
                     value::toml_string(login->second));
}

void add_profile(std::string& text, ImapSettings profile) {
  text += fmt::format("\n[imap.{}]\n", profile.name);
  add_values(text, &profile, of(Section::Imap));
  if (!profile.account.is_configured()) return;
  text += fmt::format("\n[imap.{}.account]\n", profile.name);
  add_values(text, &profile.account, of(Section::ImapAccount));
}

}  // namespace

std::string sample_file() {
  std::string text =
      "# Every option of /etc/mailpool/mailpool.toml and conf.d/*.toml beside it, with its "
      "default,\n"
      "# commented out. Not a file to copy: take the lines that you change. See mailpool.toml(5).\n"
      "# After a change: mailpoold --check, then poolctl reload.\n"
      "# Durations: \"500ms\", \"30s\", \"5m\", \"2h\", \"3d\". Sizes: \"64KiB\", \"50MiB\". "
      "Rates: \"10/s\", "
      "\"600/min\",\n# \"5000/h\", \"100000/d\", also with \", burst 20\" behind.\n";
  for (auto const& chapter : chapters()) text += sample_chapter(chapter);
  return text;
}

std::string manual_options() {
  std::string text;
  for (auto const& chapter : chapters()) {
    text += fmt::format(".Ss {}\n", manual_argument(chapter.title)) + manual_text(chapter.text);
    if (chapter.options.empty()) {
      text += fmt::format(".Bd -literal -offset indent\n{}\n.Ed\n", route_example);
      continue;
    }
    text += ".Bl -tag -width Ds\n";
    for (auto const* option : chapter.options) text += manual_option(*option);
    text += ".El\n";
  }
  return text;
}

std::string settings_as_toml(Settings const& settings) {
  Settings copy = settings;
  std::string text;
  for (auto section :
       {Section::Top, Section::Lmtp, Section::Control, Section::Postfix, Section::Dns,
        Section::Smtp, Section::Tls, Section::MtaSts, Section::Total, Section::ImapDynamic,
        Section::Milter, Section::Log, Section::Metrics, Section::Events}) {
    if (section != Section::Top) text += fmt::format("\n[{}]\n", name_of(section));
    add_values(text, part_of(copy, section), of(section));
  }
  add_parts(text, copy.domains, Section::Domain);
  add_parts(text, copy.sources, Section::Source);
  add_parts(text, copy.pools, Section::Pool);
  add_parts(text, copy.sender_domains, Section::SenderDomain);
  add_parts(text, copy.tenants, Section::Tenant);
  add_parts(text, copy.logins, Section::Login);
  NamedSite base;
  base.settings = settings.smtp;
  for (auto const& [name, site] : settings.sites) add_site(text, site, base);
  for (auto const& [name, profile] : settings.imap) add_profile(text, profile);
  for (auto& rule : copy.rules) add_rule(text, rule);
  if (!settings.routes.empty()) text += "\n[route]\n";
  for (auto const& [domain, hosts] : settings.routes)
    text += route_as_toml(settings, domain, hosts);
  return text;
}

}  // namespace mailpool
