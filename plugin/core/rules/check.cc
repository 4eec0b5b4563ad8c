#include "core/rules/check.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "core/base/text.h"
#include "core/rules/book.h"

namespace mailpool::rules {
namespace {

bool finds(re2::RE2 const& pattern, std::string const& text) {
  return re2::RE2::PartialMatch(text, pattern);
}

// What the pattern stands for if it is plain text with escapes, perhaps behind ^; else nothing.
std::optional<std::string> literal_of(std::string_view pattern) {
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    char const c = pattern[i];
    if (c == '\\') {
      bool const is_of_punctuation =
          i + 1 < pattern.size() && std::ispunct(static_cast<unsigned char>(pattern[i + 1])) != 0;
      if (!is_of_punctuation) return std::nullopt;
      text += pattern[++i];
    } else if (std::string_view("^$.|?*+()[]{}").find(c) != std::string_view::npos) {
      return std::nullopt;
    } else {
      text += c;
    }
  }
  return text;
}

std::string with_single_backslashes(std::string_view pattern) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern.substr(i, 2) == "\\\\") ++i;
    text += pattern[i];
  }
  return text;
}

bool covers_whom(RuleSettings const& earlier, RuleSettings const& later) {
  if (!earlier.domain.empty()) return earlier.domain == later.domain;
  if (!later.domain.empty()) return earlier.site == every_site;
  return earlier.site == every_site || earlier.site == later.site;
}

// Whether every reply that the later rule looks for is met by the earlier one first. Known for
// certain where the patterns are the same, and where the later one is plain text in which the
// earlier one is found whatever stands around it.
bool is_hidden_by(RuleSettings const& later, RuleSettings const& earlier, re2::RE2 const& pattern) {
  if (!covers_whom(earlier, later)) return false;
  if (earlier.at && earlier.at != later.at) return false;
  if (earlier.reply == later.reply) return true;
  auto const text = literal_of(later.reply);
  if (!text) return false;
  if (later.reply.starts_with('^')) return finds(pattern, *text) && finds(pattern, *text + "x");
  return finds(pattern, "x" + *text + "x") && finds(pattern, " " + *text + " ");
}

class Checker {
 public:
  explicit Checker(std::vector<RuleSettings> const& rules) : rules_(rules) {
    for (auto const& rule : rules_) patterns_.push_back(compiled(rule.reply));
  }

  std::vector<Mistake> all() {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      if (rules_[i].reply.empty()) continue;  // said already
      if (!check_pattern(i)) continue;
      check_hidden(i);
    }
    return std::move(mistakes_);
  }

 private:
  void complain(RuleSettings const& rule, unsigned line, std::string what, std::string right) {
    mistakes_.push_back({rule.place.file, line, "[[rule]] " + what, std::move(right)});
  }

  bool check_pattern(std::size_t i) {
    auto const& rule = rules_[i];
    auto const line = rule.place.reply_line;
    if (!patterns_[i]->ok()) {
      complain(
          rule, line,
          fmt::format("reply is no regular expression: {}", printable(patterns_[i]->error())),
          R"(RE2's, such as '^421 4\.7\.28'; a bracket or dot that is meant itself needs a backslash)");
      return false;
    }
    if (rule.reply.find("\\\\") != std::string::npos) {
      complain(rule, line,
               "reply looks for a backslash, which no reply has: in single quotes one backslash is "
               "enough",
               "'" + printable(with_single_backslashes(rule.reply)) + "'");
      return false;
    }
    if (finds(*patterns_[i], "")) {
      complain(rule, line, "reply is found in every reply, also in none",
               R"(a pattern with the words that are meant, such as 'Server busy')");
      return false;
    }
    bool const begins = rule.reply.starts_with('^') && rule.reply.size() > 1;
    char const first = begins ? rule.reply[1] : '4';
    if (begins && std::isdigit(static_cast<unsigned char>(first)) != 0 && first != '4' &&
        first != '5') {
      complain(
          rule, line,
          fmt::format("reply begins with {}, but only replies of 4xx and 5xx are looked at", first),
          "'^4..' or '^5..'");
      return false;
    }
    if (rule.reply.find("\\n") != std::string::npos ||
        rule.reply.find("\\r") != std::string::npos) {
      complain(rule, line, "reply looks for a line end, but a reply is one line",
               "a blank instead");
      return false;
    }
    return true;
  }

  void check_hidden(std::size_t i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!patterns_[j]->ok() || !is_hidden_by(rules_[i], rules_[j], *patterns_[j])) continue;
      // An included default that the operator's own rule takes the place of is as it should be.
      if (rules_[i].place.file != rules_[j].place.file) return;
      return complain(
          rules_[i], rules_[i].place.line,
          fmt::format("can never match: the rule in line {} meets the same replies first",
                      rules_[j].place.line),
          "this rule before that one, or only one of the two");
    }
  }

  std::vector<RuleSettings> const& rules_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
  std::vector<Mistake> mistakes_;
};

}  // namespace

std::vector<Mistake> mistakes_in(std::vector<RuleSettings> const& rules) {
  return Checker(rules).all();
}

}  // namespace mailpool::rules
