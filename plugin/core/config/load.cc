#include "core/config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/base/text.h"
#include "core/config/document.h"
#include "core/config/host_port.h"
#include "core/config/options.h"
#include "core/config/quantity.h"
#include "core/message/address.h"

namespace mailpool {
namespace {

constexpr std::array plain_sections{Section::Lmtp, Section::Control, Section::Postfix, Section::Dns,
                                    Section::Smtp, Section::Log,     Section::Metrics};
constexpr std::size_t most_named = 10'000;  // sites, domains and routes, each

// A name of [site.NAME]: it becomes a door, so a link in a directory, beside the hashed doors h000
// to h3ff.
bool is_site_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}
bool is_reserved_for_hashed_doors(std::string_view name) {
  return name.size() == 4 && name.front() == 'h' &&
         name.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", printable(text, 128));
}

// The path to the first value that is no section: what [domain.example.org] and "lab.test = ..."
// without quotes were meant to be.
std::string dotted(Node::Entry const& entry) {
  std::string path = entry.key;
  for (auto const* at = &entry.value; at->kind == Node::Kind::Table && at->entries.size() == 1;
       at = &at->entries.front().value) {
    auto const& only = at->entries.front();
    path += "." + only.key;
  }
  return path;
}

class Loader {
 public:
  explicit Loader(std::string const& file_name) : file_(file_name) {}

  Loaded load(std::string_view text) {
    if (text.size() > most_octets_of_configuration) {
      complain(0, "the file is larger than 1 MiB", "a shorter one");
    } else if (auto const document = parse_document(text)) {
      read(*document);
    } else {
      complain(document.error().line, "not TOML: " + document.error().reason,
               R"(lines such as key = "text", key = 10 or [section])");
    }
    std::stable_sort(loaded_.mistakes.begin(), loaded_.mistakes.end(),
                     [](Mistake const& a, Mistake const& b) { return a.line < b.line; });
    return std::move(loaded_);
  }

 private:
  // The keys of one section that hold no usable value: what is compared between options leaves them
  // out.
  using Misread = std::set<std::string, std::less<>>;

  void complain(unsigned line, std::string what, std::string right) {
    loaded_.mistakes.push_back({file_, line, std::move(what), std::move(right)});
  }

  void read(Node const& root);
  void read_top(Node const& root);
  Misread read_section(Node const& table, std::string const& title, Part part,
                       std::vector<Option const*> const& known);
  void read_domains(Node const& table);
  void read_sites(Node const& table);
  void read_site(Node::Entry const& entry);
  void read_routes(Node const& table);
  void read_route(Node::Entry const& entry);
  bool is_table(Node::Entry const& entry, std::string const& right);
  bool is_first(std::map<std::string, unsigned>& seen, std::string const& what, unsigned line,
                std::string const& where);
  void unknown_key(Node::Entry const& entry, std::string const& title,
                   std::vector<Option const*> const& known);
  void unknown_section(Node::Entry const& entry);
  void check_idle_fits(Node const& table, std::string const& title, SiteSettings const& site,
                       Misread const& misread);
  void check_spill_fits(Node const& table, Misread const& misread);
  void check_members(Node const& table, NamedSite const& site, Misread const& misread);

  std::string const& file_;
  Loaded loaded_;
  std::map<std::string, unsigned> domains_seen_;       // line of the first [domain.X]
  std::map<std::string, unsigned> site_domains_seen_;  // of any site's domains
  std::map<std::string, unsigned> site_mx_seen_;
  std::map<std::string, unsigned> routes_seen_;
};

std::vector<Option const*> known_in(Section section) {
  std::vector<Option const*> known;
  for (auto const& option : options_of(section)) known.push_back(&option);
  if (section == Section::Site)
    for (auto const& option : options_of(Section::Smtp)) known.push_back(&option);
  return known;
}

std::vector<std::string> keys_of(std::vector<Option const*> const& known) {
  std::vector<std::string> keys;
  for (auto const* option : known) keys.push_back(option->key);
  return keys;
}

std::vector<std::string> section_names() {
  std::vector<std::string> names{"domain", "site", "route"};
  for (auto section : plain_sections) names.emplace_back(name_of(section));
  return names;
}

void Loader::read(Node const& root) {
  read_top(root);
  auto& settings = loaded_.settings;
  for (auto section : plain_sections) {
    auto const* const entry = root.find(name_of(section));
    auto const title = fmt::format("[{}]", name_of(section));
    if (entry == nullptr || !is_table(*entry, title)) continue;
    auto const misread =
        read_section(entry->value, title, part_of(settings, section), known_in(section));
    if (section == Section::Smtp) check_idle_fits(entry->value, title, settings.smtp, misread);
    if (section == Section::Lmtp) check_spill_fits(entry->value, misread);
  }
  // Sites start from [smtp] and [postfix], wherever in the file these stand.
  settings.smtp.fallback = settings.postfix.fallback;
  if (auto const* entry = root.find("domain"); entry && is_table(*entry, R"([domain."NAME"])"))
    read_domains(entry->value);
  if (auto const* entry = root.find("site"); entry && is_table(*entry, "[site.NAME]"))
    read_sites(entry->value);
  if (auto const* entry = root.find("route"); entry && is_table(*entry, "[route]"))
    read_routes(entry->value);
}

void Loader::read_top(Node const& root) {
  auto const sections = section_names();
  auto const known = known_in(Section::Top);
  Node top;
  for (auto const& entry : root.entries) {
    bool const is_section =
        std::find(sections.begin(), sections.end(), entry.key) != sections.end();
    bool const looks_like_one =
        entry.value.kind == Node::Kind::Table ||
        (entry.value.kind == Node::Kind::List && !entry.value.items.empty() &&
         entry.value.items.front().kind == Node::Kind::Table);
    if (is_section) continue;
    if (looks_like_one)
      unknown_section(entry);
    else
      top.entries.push_back(entry);
  }
  read_section(top, "", &loaded_.settings, known);
}

Loader::Misread Loader::read_section(Node const& table, std::string const& title, Part part,
                                     std::vector<Option const*> const& known) {
  Misread misread;
  for (auto const& entry : table.entries) {
    auto const option = std::find_if(known.begin(), known.end(),
                                     [&](Option const* o) { return o->key == entry.key; });
    if (option == known.end()) {
      unknown_key(entry, title, known);
      continue;
    }
    value::Wrongs wrongs;
    (*option)->read(part, entry.value, wrongs);
    auto const name = title.empty() ? entry.key : title + " " + entry.key;
    for (auto& wrong : wrongs)
      complain(wrong.line, name + ": " + wrong.what, std::move(wrong.right));
    if (!wrongs.empty()) misread.insert(entry.key);
  }
  return misread;
}

void Loader::unknown_key(Node::Entry const& entry, std::string const& title,
                         std::vector<Option const*> const& known) {
  auto const what = fmt::format("{}{}{} is not an option", title, title.empty() ? "" : " ",
                                printable(entry.key, 64));
  for (auto const& option : options())
    if (option.key == entry.key && option.section != Section::Domain)
      return complain(entry.line, what + " here", option.full_name());
  auto const keys = keys_of(known);
  if (auto const meant = nearest(entry.key, keys); !meant.empty())
    return complain(entry.line, what, std::string(meant));
  auto const sections = section_names();
  if (title.empty() && std::find(sections.begin(), sections.end(), entry.key) != sections.end())
    return complain(entry.line, what, fmt::format("[{}]", entry.key));
  std::string all;
  for (auto const& key : keys) all += (all.empty() ? "" : ", ") + key;
  complain(entry.line, what, "one of " + all);
}

void Loader::unknown_section(Node::Entry const& entry) {
  auto const what = fmt::format("[{}] is not a section", printable(entry.key, 64));
  auto const sections = section_names();
  if (auto const meant = nearest(entry.key, sections); !meant.empty())
    return complain(entry.line, what, fmt::format("[{}]", meant));
  std::string all;
  for (auto const& name : sections) all += fmt::format("{}[{}]", all.empty() ? "" : ", ", name);
  complain(entry.line, what, "one of " + all);
}

bool Loader::is_table(Node::Entry const& entry, std::string const& right) {
  if (entry.value.kind == Node::Kind::Table) return true;
  complain(
      entry.line,
      fmt::format("{} is {}, not a section", printable(entry.key, 64), words_for(entry.value.kind)),
      right);
  return false;
}

// Each name has one place; the second one is told where the first stands.
bool Loader::is_first(std::map<std::string, unsigned>& seen, std::string const& what, unsigned line,
                      std::string const& where) {
  auto const [at, is_new] = seen.emplace(what, line);
  if (!is_new)
    complain(line, fmt::format("{}: {} stands in line {} already", where, quoted(what), at->second),
             "only one of the two");
  return is_new;
}

void Loader::read_domains(Node const& table) {
  auto const known = known_in(Section::Domain);
  if (table.entries.size() > most_named)
    return complain(table.line, "[domain] has too many domains",
                    fmt::format("at most {}", most_named));
  for (auto const& entry : table.entries) {
    if (!is_table(entry, fmt::format("[domain.{}]", quoted(entry.key)))) continue;
    auto const title = fmt::format("[domain.{}]", quoted(entry.key));
    auto const name = canonical_domain(entry.key);
    bool const nested =
        std::any_of(entry.value.entries.begin(), entry.value.entries.end(),
                    [](auto const& inner) { return inner.value.kind == Node::Kind::Table; });
    if (nested) {
      complain(entry.value.entries.front().line,
               title + ": the dots of a domain make sections within sections",
               R"(quotes around it, such as [domain."example.org"])");
    } else if (!name) {
      complain(entry.line, title + " names no domain",
               R"(an exact domain, such as [domain."example.org"])");
    } else if (is_first(domains_seen_, *name, entry.line, title)) {
      auto& domain = loaded_.settings.domains[*name];
      read_section(entry.value, title, &domain, known);
    }
  }
}

void Loader::read_sites(Node const& table) {
  if (table.entries.size() > most_named)
    return complain(table.line, "[site] has too many sites", fmt::format("at most {}", most_named));
  for (auto const& entry : table.entries) read_site(entry);
}

void Loader::read_site(Node::Entry const& entry) {
  auto const title = fmt::format("[site.{}]", printable(entry.key, 64));
  if (!is_table(entry, "[site.NAME]")) return;
  if (!is_site_name(entry.key))
    complain(entry.line, title + " is not a site's name",
             "small letters, digits and hyphens, at most 63, such as [site.google]");
  else if (is_reserved_for_hashed_doors(entry.key))
    complain(entry.line,
             title + " is taken: h and three hexadecimal digits are mailpool's own doors",
             "another name");

  NamedSite site;
  site.name = entry.key;
  site.settings = loaded_.settings.smtp;
  auto const misread = read_section(entry.value, title, &site, known_in(Section::Site));
  if (site.mx.empty() && site.domains.empty() && !misread.contains("mx") &&
      !misread.contains("domains"))
    complain(entry.line, title + " has neither mx nor domains, so no mail would belong to it",
             R"(mx = [".example.com"] or domains = ["example.com"])");
  check_idle_fits(entry.value, title, site.settings, misread);
  check_members(entry.value, site, misread);
  loaded_.settings.sites[entry.key] = std::move(site);
}

void Loader::check_members(Node const& table, NamedSite const& site, Misread const& misread) {
  auto check = [&](char const* key, std::vector<std::string> const& members,
                   std::map<std::string, unsigned>& seen) {
    auto const* const entry = table.find(key);
    if (entry == nullptr || misread.contains(key)) return;
    for (std::size_t i = 0; i < members.size(); ++i)
      is_first(seen, members[i], entry->value.items[i].line,
               fmt::format("[site.{}] {}", site.name, key));
  };
  check("mx", site.mx, site_mx_seen_);
  check("domains", site.domains, site_domains_seen_);
}

void Loader::check_idle_fits(Node const& table, std::string const& title, SiteSettings const& site,
                             Misread const& misread) {
  auto const* const idle = table.find("min_idle");
  auto const* const most = table.find("max_connections");
  if ((idle == nullptr && most == nullptr) || misread.contains("min_idle") ||
      misread.contains("max_connections"))
    return;
  if (site.min_idle > site.max_connections)
    complain(idle != nullptr ? idle->line : most->line,
             fmt::format("{} min_idle: {} connections cannot be kept where max_connections is {}",
                         title, site.min_idle, site.max_connections),
             fmt::format("min_idle = {} at most", site.max_connections));
}

void Loader::check_spill_fits(Node const& table, Misread const& misread) {
  auto const& lmtp = loaded_.settings.lmtp;
  auto const* const spill = table.find("spill_above");
  auto const* const limit = table.find("memory_limit");
  if ((spill == nullptr && limit == nullptr) || misread.contains("spill_above") ||
      misread.contains("memory_limit"))
    return;
  if (lmtp.spill_above > lmtp.memory_limit)
    complain(
        spill != nullptr ? spill->line : limit->line,
        fmt::format(
            "[lmtp] spill_above: a body of \"{}\" would not fit into memory_limit, which is \"{}\"",
            size_text(lmtp.spill_above), size_text(lmtp.memory_limit)),
        fmt::format("spill_above = \"{}\" at most", size_text(lmtp.memory_limit)));
}

void Loader::read_routes(Node const& table) {
  if (table.entries.size() > most_named)
    return complain(table.line, "[route] has too many routes",
                    fmt::format("at most {}", most_named));
  for (auto const& entry : table.entries) read_route(entry);
}

// "example.org", ".example.org" (everything below it) or "*".
Result<std::string> parse_route_key(std::string_view key) {
  if (key == "*") return std::string(key);
  bool const is_parent = !key.empty() && key.front() == '.';
  auto const name = canonical_domain(is_parent ? key.substr(1) : key);
  if (!name || (is_parent && name->front() == '[')) return failed("not a domain");
  return (is_parent ? "." : "") + *name;
}

void Loader::read_route(Node::Entry const& entry) {
  auto const title = fmt::format("[route] {}", quoted(entry.key));
  if (entry.value.kind == Node::Kind::Table)
    return complain(
        entry.line, title + ": the dots of a domain make sections within sections",
        fmt::format("quotes around it: {} = [\"192.0.2.1:25\"]", quoted(dotted(entry))));
  auto const key = parse_route_key(entry.key);
  if (!key)
    complain(entry.line, title + " is not a domain",
             R"(an exact domain, ".parent.example" or "*")");
  else if (!is_first(routes_seen_, *key, entry.line, title))
    return;
  value::Wrongs wrongs;
  auto hosts = value::ListOf{value::route_host(), 1, 100}.read(entry.value, wrongs);
  for (auto& wrong : wrongs)
    complain(wrong.line, title + ": " + wrong.what, std::move(wrong.right));
  if (key && hosts) loaded_.settings.routes[*key] = std::move(*hosts);
}

}  // namespace

std::string Mistake::to_line() const {
  auto const where = line == 0 ? file : fmt::format("{}:{}", file, line);
  return printable(fmt::format("{}: {}; right would be {}", where, what, would_be_right), 2048);
}

Loaded load_settings(std::string_view text, std::string const& file_name) {
  return Loader(file_name).load(text);
}

}  // namespace mailpool
