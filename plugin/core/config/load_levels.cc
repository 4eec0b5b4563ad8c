#include "core/config/load_levels.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/config/source_values.h"
#include "core/message/address.h"
#include "core/message/tenant_seal.h"

namespace mailpool {
namespace {

constexpr std::size_t most_levels = 10'000;  // of each kind

class LevelLoader {
 public:
  LevelLoader(Node const& root, SectionReader& reader, Settings& settings)
      : root_(root), reader_(reader), settings_(settings) {}

  void load() {
    read_named("source", Section::Source, settings_.sources);
    read_named("pool", Section::Pool, settings_.pools);
    read_sender_domains();
    read_named("tenant", Section::Tenant, settings_.tenants);
    check_pools();
    check_tenants();
    check_sources_named();
  }

 private:
  /// The section's entries, or none where it is absent or wrong.
  std::vector<Node::Entry> const& entries_of(char const* section) {
    static std::vector<Node::Entry> const none;
    auto const* const entry = root_.find(section);
    if (entry == nullptr || !reader_.is_table(*entry, fmt::format("[{}.NAME]", section)))
      return none;
    if (entry->value.entries.size() <= most_levels) return entry->value.entries;
    reader_.complain(entry->line,
                     fmt::format("[{}] has {} entries", section, entry->value.entries.size()),
                     fmt::format("at most {}", most_levels));
    return none;
  }

  template <class T>
  void read_named(char const* section, Section which, std::map<std::string, T>& to) {
    for (auto const& entry : entries_of(section)) {
      auto const title = fmt::format("[{}.{}]", section, printable(entry.key, 64));
      if (!reader_.is_table(entry, fmt::format("[{}.NAME]", section))) continue;
      // A tenant's is also written in a header.
      bool const is_name =
          which == Section::Tenant ? is_tenant_name(entry.key) : value::is_plain_name(entry.key);
      if (!is_name)
        reader_.complain(entry.line, fmt::format("{} is not a name", title),
                         fmt::format("{}, such as [{}.west]", value::plain_name_words, section));
      auto& part = to[entry.key];
      auto const misread = reader_.read(entry.value, title, &part, known_in(which));
      if constexpr (std::is_same_v<T, PoolSettings>)
        if (part.sources.empty() && !misread.contains("sources"))
          reader_.complain(entry.line, title + " has no sources", "sources = { west = 1 }");
    }
  }

  void read_sender_domains() {
    Names seen;
    for (auto const& entry : entries_of("sender_domain")) {
      auto const title = fmt::format("[sender_domain.{}]", in_quotes(entry.key));
      if (!reader_.is_table(entry, R"([sender_domain."NAME"])")) continue;
      auto const name = canonical_domain(entry.key);
      bool const is_nested =
          std::any_of(entry.value.entries.begin(), entry.value.entries.end(),
                      [](auto const& inner) { return inner.value.kind == Node::Kind::Table; });
      if (is_nested || !name) {
        reader_.complain(entry.line,
                         is_nested ? title + ": the dots of a domain make sections within sections"
                                   : title + " names no domain",
                         R"(quotes around a domain, such as [sender_domain."example.org"])");
      } else if (reader_.is_first(seen, *name, entry.line, title)) {
        reader_.read(entry.value, title, &settings_.sender_domains[*name],
                     known_in(Section::SenderDomain));
      }
    }
  }

  void check_pools() {
    for (auto const& entry : entries_of("pool")) {
      auto const title = fmt::format("[pool.{}]", printable(entry.key, 64));
      if (settings_.sources.contains(entry.key))
        reader_.complain(entry.line, title + " has the name of a source", "another name");
      auto const* const sources = entry.value.find("sources");
      if (sources == nullptr || sources->value.kind != Node::Kind::Table) continue;
      for (auto const& source : sources->value.entries)
        if (!settings_.sources.contains(source.key))
          reader_.complain(
              source.line,
              fmt::format("{} sources: there is no [source.{}]", title, printable(source.key, 64)),
              nearest_section("source", source.key, names_of(settings_.sources)));
    }
  }

  void check_tenants() {
    Names seen;
    for (auto const& entry : entries_of("tenant")) {
      auto const* const domains = entry.value.find("sender_domains");
      auto const tenant = settings_.tenants.find(entry.key);
      if (domains == nullptr || tenant == settings_.tenants.end()) continue;
      auto const& names = tenant->second.sender_domains;
      if (names.size() != domains->value.items.size()) continue;  // misread
      for (std::size_t i = 0; i < names.size(); ++i)
        reader_.is_first(seen, names[i], domains->value.items[i].line,
                         fmt::format("[tenant.{}] sender_domains", printable(entry.key, 64)));
    }
  }

  void check_sources_named() {
    if (auto const* smtp = root_.find("smtp"); smtp != nullptr) check_source(smtp->value, "[smtp]");
    for (auto const* section : {"site", "sender_domain", "tenant"}) {
      auto const* const all = root_.find(section);
      if (all == nullptr) continue;
      for (auto const& entry : all->value.entries)
        check_source(entry.value, fmt::format("[{}.{}]", section, printable(entry.key, 64)));
    }
  }

  void check_source(Node const& section, std::string const& title) {
    auto const* const source = section.find("source");
    if (source == nullptr || source->value.kind != Node::Kind::Text) return;
    auto const& name = source->value.text;
    bool const is_known =
        name.empty() || settings_.sources.contains(name) || settings_.pools.contains(name);
    if (!is_known && value::is_plain_name(name))
      reader_.complain(
          source->line,
          fmt::format("{} source: there is no [source.{}] and no [pool.{}]", title, name, name),
          nearest_section("source", name, names_of(settings_.sources, settings_.pools)));
  }

  Node const& root_;
  SectionReader& reader_;
  Settings& settings_;
};

}  // namespace

void load_levels(Node const& root, SectionReader& reader, Settings& settings) {
  LevelLoader(root, reader, settings).load();
}

}  // namespace mailpool
