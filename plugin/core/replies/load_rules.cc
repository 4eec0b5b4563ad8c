#include "core/replies/load_rules.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/config/document.h"
#include "core/config/quotes.h"

namespace mailpool::replies {
namespace {

std::optional<EnhancedPattern> enhanced_pattern_of(std::string_view text) {
  if (text == "none") return EnhancedPattern{no_enhanced};
  EnhancedPattern pattern;
  for (auto part : split(text, '.')) {
    auto const number = to_number(part);
    bool const is_any = pattern.empty() && part == "x";
    if ((!number || *number > 999) && !is_any) return std::nullopt;
    pattern.push_back(is_any ? -1 : static_cast<int>(*number));
  }
  if (pattern.empty() || pattern.size() > 3) return std::nullopt;
  return pattern;
}

bool is_beginning_of_code(std::string_view text) {
  return !text.empty() && text.size() <= 3 && text[0] >= '2' && text[0] <= '5' &&
         std::all_of(text.begin(), text.end(), is_digit);
}

class Loader {
 public:
  explicit Loader(std::string file) : file_(std::move(file)) {}

  LoadedRules load(std::string_view text) {
    if (text.size() > most_octets_of_configuration) {
      complain(0, fmt::format("{} octets", text.size()),
               fmt::format("at most {}", most_octets_of_configuration));
      return std::move(loaded_);
    }
    auto const document = parse_document(text);
    if (!document) {
      complain(document.error().line, document.error().reason, "TOML");
      return std::move(loaded_);
    }
    for (auto const& entry : document->entries) {
      if (entry.key == "reply" && entry.value.kind == Node::Kind::List)
        read_all(entry.value);
      else
        complain(entry.line, in_quotes(entry.key) + " is no rule", "[[reply]] before each rule");
    }
    return std::move(loaded_);
  }

 private:
  void complain(unsigned line, std::string what, std::string right) {
    loaded_.mistakes.push_back({file_, line, std::move(what), std::move(right)});
  }

  void read_all(Node const& list) {
    if (list.items.size() > most_rules)
      return complain(list.line, fmt::format("{} rules", list.items.size()),
                      fmt::format("at most {}", most_rules));
    for (auto const& item : list.items) {
      if (item.kind == Node::Kind::Table)
        read(item);
      else
        complain(item.line, "[[reply]] is no section", "[[reply]] before each rule");
    }
  }

  void read(Node const& item) {
    ReplyRule rule;
    rule.file = file_;
    rule.line = item.line;
    auto const mistakes = loaded_.mistakes.size();
    bool has_class = false;
    for (auto const& entry : item.entries) {
      if (entry.key == "class") {
        has_class = true;
        read_class(entry, rule);
      } else if (!read_condition(entry, rule)) {
        complain(entry.line, in_quotes(entry.key) + " is no key of [[reply]]",
                 "class, text, code, enhanced, stage or site");
      }
    }
    if (!has_class) complain(item.line, "[[reply]] has no class", "class = \"rate_limited\"");
    if (rule.text.empty() && rule.code.empty() && rule.enhanced.empty() &&
        mistakes == loaded_.mistakes.size())
      complain(item.line, "[[reply]] would meet every reply", "a text, a code or an enhanced code");
    if (mistakes == loaded_.mistakes.size()) loaded_.rules.push_back(std::move(rule));
  }

  void read_class(Node::Entry const& entry, ReplyRule& rule) {
    auto const found = entry.value.kind == Node::Kind::Text ? class_named(entry.value.text)
                                                            : std::optional<ReplyClass>();
    if (found) {
      rule.is = *found;
      return;
    }
    std::vector<std::string> names;
    for (auto const& row : class_rows()) names.emplace_back(row.name);
    auto const meant = nearest(entry.value.text, names);
    complain(entry.line, fmt::format("class: there is no class {}", in_quotes(entry.value.text)),
             meant.empty() ? "one of mailpool-replies(7)" : in_quotes(meant));
  }

  bool read_condition(Node::Entry const& entry, ReplyRule& rule) {
    if (entry.key == "text") {
      rule.text = texts(entry);
      std::string why_not;
      if (!rule.text.empty()) rule.pattern = compiled(rule.text, why_not);
      if (!why_not.empty())
        complain(entry.line, "text: " + printable(why_not, 200), "a regular expression of RE2");
    } else if (entry.key == "site") {
      rule.site = texts(entry);
    } else if (entry.key == "code") {
      rule.code = texts(entry);
      for (auto const& code : rule.code)
        if (!is_beginning_of_code(code))
          complain(entry.line, "code: " + in_quotes(code), R"(as codes begin: "421", "45" or "5")");
    } else if (entry.key == "enhanced") {
      read_each(entry, R"("5.7.1", "x.7.26", "4.7" or "none")", enhanced_pattern_of, rule.enhanced);
    } else if (entry.key == "stage") {
      read_each(
          entry, "connect, ehlo, starttls, auth, mail, rcpt, data or end_of_data",
          [](std::string_view text) {
            auto const stage = stage_named(text);
            return stage == Stage::Any ? std::nullopt : stage;
          },
          rule.stage);
    } else {
      return false;
    }
    return true;
  }

  template <class Parse, class List>
  void read_each(Node::Entry const& entry, std::string_view right, Parse&& parse, List& list) {
    for (auto const& text : texts(entry)) {
      if (auto value = parse(text))
        list.push_back(std::move(*value));
      else
        complain(entry.line, fmt::format("{}: {}", entry.key, in_quotes(text)), std::string(right));
    }
  }

  std::vector<std::string> texts(Node::Entry const& entry) {
    std::vector<std::string> all;
    bool is_good = entry.value.kind == Node::Kind::List;
    if (is_good) {
      for (auto const& item : entry.value.items) {
        is_good = is_good && item.kind == Node::Kind::Text;
        all.push_back(item.text);
      }
    }
    if (!is_good || all.empty()) {
      complain(entry.line, fmt::format("{}: no list of strings", entry.key),
               fmt::format("{} = [\"...\"]", entry.key));
      all.clear();
    }
    return all;
  }

  std::string file_;
  LoadedRules loaded_;
};

}  // namespace

LoadedRules load_rules(std::string_view text, std::string const& file) {
  return Loader(file).load(text);
}

}  // namespace mailpool::replies
