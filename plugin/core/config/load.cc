#include "core/config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/base/text.h"
#include "core/config/document.h"
#include "core/config/host_port.h"
#include "core/config/included.h"
#include "core/config/load_events.h"
#include "core/config/load_imap.h"
#include "core/config/load_levels.h"
#include "core/config/load_logins.h"
#include "core/config/load_rules.h"
#include "core/config/options.h"
#include "core/config/place.h"
#include "core/config/quantity.h"
#include "core/config/section_reader.h"
#include "core/message/address.h"

namespace mailpool {
namespace {

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

// The path to the first value that is no section: what [domain.example.org] and "lab.test = ..."
// without quotes were meant to be.
std::string dotted(Node::Entry const& entry) {
  std::string path = entry.key;
  for (auto const* at = &entry.value; at->kind == Node::Kind::Table && !at->entries.empty();
       at = &at->entries.front().value)
    path += "." + at->entries.front().key;
  return path;
}

class Loader {
 public:
  explicit Loader(std::vector<std::string> file_names) : reader_(std::move(file_names)) {}
  Loaded load(std::string_view text, std::span<ConfigurationText const> included,
              std::span<ConfigurationText const> drop_ins);

 private:
  std::optional<Node> parse(std::string_view text, std::size_t file);
  /// One that takes in no others.
  std::optional<Node> parse_part(std::string_view text, std::size_t file);
  /// Of an included file, not of the operator's own.
  [[nodiscard]] bool is_included(unsigned line) const {
    auto const file = file_number(line);
    return file != 0 && file <= included_files_;
  }
  void read(Node const& root);
  void read_top(Node const& root);
  void read_plain_sections(Node const& root);
  void read_domains(Node const& table);
  void read_sites(Node const& table);
  void read_site(Node::Entry const& entry);
  void read_routes(Node const& table);
  void read_route(Node::Entry const& entry);
  bool fits(Node const& table, std::string_view title);
  void check_idle_fits(Node const& table, std::string const& title, SiteSettings const& site,
                       Misread const& misread);
  void check_spill_fits(Node const& table, Misread const& misread);
  void check_members(Node const& table, NamedSite& site, Misread const& misread);

  SectionReader reader_;
  std::size_t included_files_ = 0;
  Settings settings_;
  Names domains_;       // each [domain.X]
  Names site_domains_;  // of any site's domains
  Names site_mx_;
  Names routes_;
  std::set<std::string, std::less<>> dropped_;  // included sites whose members are another's
};

Loaded Loader::load(std::string_view text, std::span<ConfigurationText const> included,
                    std::span<ConfigurationText const> drop_ins) {
  Node base;
  bool is_whole = true;
  included_files_ = included.size();
  auto take = [&](std::optional<Node> node) {
    is_whole = is_whole && node.has_value();
    if (node) base = merged(std::move(base), std::move(*node));
  };
  for (std::size_t i = 0; i < included.size(); ++i) take(parse_part(included[i].text, i + 1));
  take(parse(text, 0));
  for (std::size_t i = 0; i < drop_ins.size(); ++i)
    take(parse_part(drop_ins[i].text, included.size() + i + 1));
  // With a file missing, names would seem unknown that are not.
  if (is_whole) read(base);
  return {std::move(settings_), reader_.take_mistakes()};
}

std::optional<Node> Loader::parse_part(std::string_view text, std::size_t file) {
  auto node = parse(text, file);
  if (!node) return std::nullopt;
  if (auto const* entry = node->find("include"))
    reader_.complain(entry->line, "include: an included file includes no others",
                     "their names in the configuration file itself");
  std::erase_if(node->entries, [](Node::Entry const& entry) { return entry.key == "include"; });
  return node;
}

std::optional<Node> Loader::parse(std::string_view text, std::size_t file) {
  if (text.size() > most_octets_of_configuration) {
    reader_.complain(line_at(file, 0), "the file is larger than 1 MiB", "a shorter one");
    return std::nullopt;
  }
  auto document = parse_document(text, file);
  if (document) return std::move(*document);
  reader_.complain(document.error().line, document.error().reason,
                   R"(lines such as key = "text", key = 10 or [section])");
  return std::nullopt;
}

void Loader::read(Node const& root) {
  read_top(root);
  read_plain_sections(root);
  check_events(root, reader_, settings_.events);
  // Sites start from [smtp] and [postfix], wherever in the file these stand.
  settings_.smtp.fallback = settings_.postfix.fallback;
  if (auto const* entry = root.find("domain");
      entry && reader_.is_table(*entry, R"([domain."NAME"])"))
    read_domains(entry->value);
  if (auto const* entry = root.find("site"); entry && reader_.is_table(*entry, "[site.NAME]"))
    read_sites(entry->value);
  load_levels(root, reader_, settings_);
  load_rules(root, reader_, dropped_, settings_);
  if (auto const* entry = root.find("route"); entry && reader_.is_table(*entry, "[route]"))
    read_routes(entry->value);
  load_logins(root, reader_, settings_);
  if (auto const* entry = root.find("imap"); entry && reader_.is_table(*entry, "[imap.NAME]"))
    read_imap_profiles(reader_, settings_, entry->value);
}

void Loader::read_plain_sections(Node const& root) {
  for (auto section : plain_sections) {
    auto const* const entry = root.find(name_of(section));
    auto const title = fmt::format("[{}]", name_of(section));
    if (entry == nullptr || !reader_.is_table(*entry, title)) continue;
    auto const misread =
        reader_.read(entry->value, title, part_of(settings_, section), known_in(section));
    if (section == Section::Smtp) check_idle_fits(entry->value, title, settings_.smtp, misread);
    if (section == Section::Lmtp) check_spill_fits(entry->value, misread);
  }
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
      reader_.unknown_section(entry);
    else
      top.entries.push_back(entry);
  }
  reader_.read(top, "", &settings_, known);
}

bool Loader::fits(Node const& table, std::string_view title) {
  if (table.entries.size() <= most_named) return true;
  reader_.complain(table.line, fmt::format("{} has {} entries", title, table.entries.size()),
                   fmt::format("at most {}", most_named));
  return false;
}

void Loader::read_domains(Node const& table) {
  auto const known = known_in(Section::Domain);
  if (!fits(table, "[domain]")) return;
  for (auto const& entry : table.entries) {
    if (!reader_.is_table(entry, fmt::format("[domain.{}]", in_quotes(entry.key)))) continue;
    auto const title = fmt::format("[domain.{}]", in_quotes(entry.key));
    auto const name = canonical_domain(entry.key);
    bool const nested =
        std::any_of(entry.value.entries.begin(), entry.value.entries.end(),
                    [](auto const& inner) { return inner.value.kind == Node::Kind::Table; });
    if (nested) {
      reader_.complain(entry.value.entries.front().line,
                       title + ": the dots of a domain make sections within sections",
                       R"(quotes around it, such as [domain."example.org"])");
    } else if (!name) {
      reader_.complain(entry.line, title + " names no domain",
                       R"(an exact domain, such as [domain."example.org"])");
    } else if (reader_.is_first(domains_, *name, entry.line, title)) {
      auto& domain = settings_.domains[*name];
      reader_.read(entry.value, title, &domain, known);
    }
  }
}

void Loader::read_sites(Node const& table) {
  if (!fits(table, "[site]")) return;
  for (auto const& entry : table.entries) read_site(entry);
}

void Loader::read_site(Node::Entry const& entry) {
  auto const title = fmt::format("[site.{}]", printable(entry.key, 64));
  if (!reader_.is_table(entry, "[site.NAME]")) return;
  if (!is_site_name(entry.key))
    reader_.complain(entry.line, title + " is not a site's name",
                     "small letters, digits and hyphens, at most 63, such as [site.google]");
  else if (is_reserved_for_hashed_doors(entry.key))
    reader_.complain(entry.line,
                     title + " is taken: h and three hexadecimal digits are mailpool's own doors",
                     "another name");

  NamedSite site;
  site.name = entry.key;
  site.settings = settings_.smtp;
  auto const misread = reader_.read(entry.value, title, &site, known_in(Section::Site));
  // What an included file allows a provider is no mistake of whoever wants idle connections.
  if (auto const* most = entry.value.find("max_connections"); most && is_included(most->line))
    site.settings.min_idle = std::min(site.settings.min_idle, site.settings.max_connections);
  check_idle_fits(entry.value, title, site.settings, misread);
  check_members(entry.value, site, misread);
  if (site.mx.empty() && site.domains.empty() && !misread.contains("mx") &&
      !misread.contains("domains")) {
    if (is_included(entry.line)) {
      dropped_.insert(entry.key);
      return;
    }
    reader_.complain(entry.line,
                     title + " has neither mx nor domains, so no mail would belong to it",
                     R"(mx = [".example.com"] or domains = ["example.com"])");
  }
  settings_.sites[entry.key] = std::move(site);
}

// An included site leaves its members to a site of the configuration file that wants them.
void Loader::check_members(Node const& table, NamedSite& site, Misread const& misread) {
  auto check = [&](char const* key, std::vector<std::string>& members, Names& seen) {
    auto const* const entry = table.find(key);
    if (entry == nullptr || misread.contains(key)) return;
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < members.size(); ++i) {
      auto const line = entry->value.items[i].line;
      auto const other = seen.find(members[i]);
      if (other != seen.end() && is_included(line) && !is_included(other->second)) continue;
      if (other != seen.end() && is_included(line) &&
          file_number(other->second) < file_number(line))
        continue;
      reader_.is_first(seen, members[i], line, fmt::format("[site.{}] {}", site.name, key));
      kept.push_back(members[i]);
    }
    members = std::move(kept);
  };
  check("mx", site.mx, site_mx_);
  check("domains", site.domains, site_domains_);
}

void Loader::check_idle_fits(Node const& table, std::string const& title, SiteSettings const& site,
                             Misread const& misread) {
  auto const* const idle = table.find("min_idle");
  auto const* const most = table.find("max_connections");
  if ((idle == nullptr && most == nullptr) || misread.contains("min_idle") ||
      misread.contains("max_connections"))
    return;
  if (site.min_idle > site.max_connections)
    reader_.complain(
        idle != nullptr ? idle->line : most->line,
        fmt::format("{} min_idle: {} connections cannot be kept where max_connections is {}", title,
                    site.min_idle, site.max_connections),
        fmt::format("min_idle = {} at most", site.max_connections));
}

void Loader::check_spill_fits(Node const& table, Misread const& misread) {
  auto const& lmtp = settings_.lmtp;
  auto const* const spill = table.find("spill_above");
  auto const* const limit = table.find("memory_limit");
  if ((spill == nullptr && limit == nullptr) || misread.contains("spill_above") ||
      misread.contains("memory_limit"))
    return;
  if (lmtp.spill_above > lmtp.memory_limit)
    reader_.complain(
        spill != nullptr ? spill->line : limit->line,
        fmt::format(
            "[lmtp] spill_above: a body of \"{}\" would not fit into memory_limit, which is \"{}\"",
            size_text(lmtp.spill_above), size_text(lmtp.memory_limit)),
        fmt::format("spill_above = \"{}\" at most", size_text(lmtp.memory_limit)));
}

void Loader::read_routes(Node const& table) {
  if (!fits(table, "[route]")) return;
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
  auto const title = fmt::format("[route] {}", in_quotes(entry.key));
  auto const* const in_table =
      entry.value.kind == Node::Kind::Table ? entry.value.find("hosts") : nullptr;
  if (entry.value.kind == Node::Kind::Table && in_table == nullptr)
    return reader_.complain(
        entry.line, title + ": the dots of a domain make sections within sections",
        fmt::format("quotes around it: {} = [\"192.0.2.1:25\"]", in_quotes(dotted(entry))));
  auto const key = parse_route_key(entry.key);
  if (!key)
    reader_.complain(entry.line, title + " is not a domain",
                     R"(an exact domain, ".parent.example" or "*")");
  else if (!reader_.is_first(routes_, *key, entry.line, title))
    return;
  value::Wrongs wrongs;
  auto const& list = in_table != nullptr ? in_table->value : entry.value;
  auto hosts = value::ListOf{value::route_host(), 1, 100}.read(list, wrongs);
  std::optional<std::string> login;
  if (in_table != nullptr)
    for (auto const& inner : entry.value.entries) {
      if (inner.key == "login")
        login = value::login_name().read(inner.value, wrongs);
      else if (inner.key != "hosts")
        wrongs.push_back({inner.line, in_quotes(inner.key) + " is not part of a route",
                          R"({ hosts = ["mx.example.com:587"], login = "NAME" })"});
    }
  for (auto& wrong : wrongs)
    reader_.complain(wrong.line, title + ": " + wrong.what, std::move(wrong.right));
  if (key && login && !login->empty()) settings_.route_logins[*key] = std::move(*login);
  if (key && hosts) settings_.routes[*key] = std::move(*hosts);
}

}  // namespace

Loaded load_settings(std::string_view text, std::string const& file_name,
                     std::span<ConfigurationText const> included,
                     std::span<ConfigurationText const> drop_ins) {
  std::vector<std::string> names{file_name};
  for (auto const& file : included) names.push_back(file.name);
  for (auto const& file : drop_ins) names.push_back(file.name);
  return Loader(std::move(names)).load(text, included, drop_ins);
}

}  // namespace mailpool
