#include "core/rules/book.h"

#include <re2/re2.h>

#include <utility>

namespace mailpool::rules {

std::unique_ptr<re2::RE2> compiled(std::string_view pattern) {
  static constexpr std::int64_t most_memory = 1U << 20U;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(most_memory);
  return std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
}

Book::Book(std::vector<RuleSettings> rules) : rules_(std::move(rules)) {
  for (auto const& rule : rules_) {
    auto pattern = compiled(rule.reply);
    patterns_.push_back(pattern->ok() ? std::move(pattern) : nullptr);
  }
}

Book::~Book() = default;
Book::Book(Book&&) noexcept = default;
Book& Book::operator=(Book&&) noexcept = default;

bool Book::meets(std::size_t number, std::string_view site, std::string_view domain,
                 std::string_view line) const {
  auto const& rule = rules_[number];
  bool const is_ours =
      rule.domain.empty() ? rule.site == site || rule.site == every_site : rule.domain == domain;
  auto const* pattern = patterns_[number].get();
  return is_ours && pattern != nullptr &&
         re2::RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), *pattern);
}

std::optional<std::size_t> Book::find(std::string_view site, std::string_view domain,
                                      Remark const& remark) const {
  auto const line = own_words(remark);
  for (std::size_t i = 0; i < rules_.size(); ++i)
    if ((!rules_[i].at || *rules_[i].at == remark.at) && meets(i, site, domain, line)) return i;
  return std::nullopt;
}

std::optional<std::size_t> Book::find_anywhere(std::string_view site, std::string_view domain,
                                               std::string_view line) const {
  auto const words = own_words(line);
  for (std::size_t i = 0; i < rules_.size(); ++i)
    if (meets(i, site, domain, words)) return i;
  return std::nullopt;
}

}  // namespace mailpool::rules
