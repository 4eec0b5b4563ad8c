#pragma once
// The rules of the configuration, ready to be asked: which one meets a reply.
//
// Patterns are RE2's: no reply makes one take longer than its length allows. A rule is known by its
// number, its place in the list; the first that meets a reply counts.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/config/rule_settings.h"

namespace re2 {
class RE2;
}

namespace mailpool::rules {

/// A pattern as mailpool compiles it: bounded in memory, quiet, case as written.
[[nodiscard]] std::unique_ptr<re2::RE2> compiled(std::string_view pattern);

class Book {
 public:
  /// A rule whose pattern is no pattern never meets anything (check.h names it).
  explicit Book(std::vector<RuleSettings> rules);
  ~Book();
  Book(Book&&) noexcept;
  Book& operator=(Book&&) noexcept;

  /// The number of the first rule for what a server of `site` said about mail to `domain`; "" for a
  /// reply to no mail (connect, ehlo), which rules of domains do not meet.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view site, std::string_view domain,
                                                Remark const& remark) const;
  /// As find(), at any step: for test-reply.
  [[nodiscard]] std::optional<std::size_t> find_anywhere(std::string_view site,
                                                         std::string_view domain,
                                                         std::string_view line) const;
  [[nodiscard]] RuleSettings const& operator[](std::size_t number) const { return rules_[number]; }
  [[nodiscard]] std::size_t size() const { return rules_.size(); }

 private:
  [[nodiscard]] bool meets(std::size_t number, std::string_view site, std::string_view domain,
                           std::string_view line) const;
  std::vector<RuleSettings> rules_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;  ///< null: no pattern
};

}  // namespace mailpool::rules
