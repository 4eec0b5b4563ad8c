#include "core/config/load_rules.h"

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/place.h"

namespace mailpool {
namespace {

constexpr std::size_t most_rules = 1000;

class RuleLoader {
 public:
  RuleLoader(SectionReader& reader, std::set<std::string, std::less<>> const& dropped,
             Settings& settings)
      : reader_(reader), dropped_(dropped), settings_(settings) {}

  void load(Node::Entry const& entry) {
    if (entry.value.kind != Node::Kind::List)
      return reader_.complain(entry.line,
                              fmt::format("rule is {}, not a list", words_for(entry.value.kind)),
                              "[[rule]] before each rule");
    if (entry.value.items.size() > most_rules)
      return reader_.complain(entry.line, fmt::format("{} rules", entry.value.items.size()),
                              fmt::format("at most {}", most_rules));
    for (auto const& item : entry.value.items) read(item);
  }

 private:
  void read(Node const& item) {
    if (item.kind != Node::Kind::Table)
      return reader_.complain(item.line, "[[rule]] is no section", "[[rule]] before each rule");
    RuleSettings rule;
    auto const misread = reader_.read(item, "[[rule]]", &rule, known_in(Section::Rule));
    auto line_of = [&](char const* key) {
      auto const* entry = item.find(key);
      return entry != nullptr ? entry->line : item.line;
    };
    rule.place = {reader_.file_of(item.line), line_in(item.line), line_in(line_of("reply"))};
    if (dropped_.contains(rule.site)) return;
    if (misread.empty()) check(rule, item, line_of);
    settings_.rules.push_back(std::move(rule));
  }

  template <class LineOf>
  void check(RuleSettings const& rule, Node const& item, LineOf&& line_of) {
    auto complain = [&](unsigned line, std::string_view what, std::string_view right) {
      reader_.complain(line, fmt::format("[[rule]] {}", what), std::string(right));
    };
    if (rule.site.empty() && rule.domain.empty())
      complain(item.line, "has neither site nor domain",
               R"(site = "google" or domain = "example.org")");
    if (!rule.site.empty() && !rule.domain.empty())
      complain(line_of("domain"), "has a site and a domain", "one of them");
    if (rule.reply.empty())
      complain(item.line, "has no reply", R"(a pattern such as reply = '^421 4\.7\.28')");
    if (!rule.action)
      complain(item.line, "does not say what to do", R"(do = "suspend", "back_off" or "set")");
    if (!rule.site.empty() && rule.site != every_site && !settings_.sites.contains(rule.site))
      complain(line_of("site"),
               fmt::format("site: there is no [site.{}], so it would never match", rule.site),
               nearest_section("site", rule.site, names_of(settings_.sites),
                               ", or domain instead of site"));
    bool const sets = rule.action == RuleAction::Set;
    if (sets && rule.set.is_empty())
      complain(line_of("do"), "do = \"set\" sets nothing", R"(set = { rate = "10/min" })");
    if (!sets && rule.action && !rule.set.is_empty())
      complain(line_of("set"),
               fmt::format("set: do = \"{}\" sets no limits", name_of(*rule.action)),
               R"(do = "set", or no set)");
    if (!rule.domain.empty() && sets)
      complain(line_of("do"), "do = \"set\": limits are set for a site, not for a domain",
               R"(site instead of domain, or do = "suspend")");
    bool const is_of_path_or_site = rule.scope == RuleScope::Path || rule.scope == RuleScope::Site;
    if (!is_of_path_or_site && rule.action && rule.action != RuleAction::Suspend)
      complain(line_of("scope"),
               fmt::format("scope: a {} can be suspended, not {}", name_of(rule.scope),
                           name_of(*rule.action)),
               R"(do = "suspend", or scope = "path" or "site")");
    if (rule.scope != RuleScope::Path && !rule.domain.empty())
      complain(line_of("scope"), "scope: a rule of a domain concerns the domain",
               "site instead of domain, or no scope");
  }

  SectionReader& reader_;
  std::set<std::string, std::less<>> const& dropped_;
  Settings& settings_;
};

}  // namespace

void load_rules(Node const& root, SectionReader& reader,
                std::set<std::string, std::less<>> const& dropped, Settings& settings) {
  if (auto const* entry = root.find("rule")) RuleLoader(reader, dropped, settings).load(*entry);
}

}  // namespace mailpool
