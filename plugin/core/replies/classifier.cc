#include "core/replies/classifier.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace mailpool::replies {
namespace {

bool meets(EnhancedPattern const& pattern, std::optional<Enhanced> const& enhanced) {
  if (pattern.front() == no_enhanced) return !enhanced;
  if (!enhanced) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i)
    if (pattern[i] >= 0 && pattern[i] != (*enhanced)[i]) return false;
  return true;
}

template <class List, class Meets>
bool is_met(List const& conditions, Meets&& is_one) {
  return conditions.empty() || std::any_of(conditions.begin(), conditions.end(), is_one);
}

}  // namespace

std::shared_ptr<re2::RE2 const> compiled(std::vector<std::string> const& alternatives,
                                         std::string& why_not) {
  static constexpr std::int64_t most_memory = 1U << 19U;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(false);
  options.set_never_capture(true);
  options.set_max_mem(most_memory);
  std::string all;
  for (auto const& one : alternatives) all += (all.empty() ? "(?:" : "|(?:") + one + ")";
  auto together = std::make_shared<re2::RE2 const>(all, options);
  if (together->ok()) return together;
  why_not = together->error();
  // Which of them it is.
  for (auto const& one : alternatives)
    if (re2::RE2 const alone(one, options); !alone.ok()) why_not = one + ": " + alone.error();
  return nullptr;
}

Classifier::Classifier(std::vector<ReplyRule> rules) {
  for (auto& rule : rules) {
    std::string why_not;
    if (!rule.pattern && !rule.text.empty()) rule.pattern = compiled(rule.text, why_not);
    if (rule.pattern || rule.text.empty()) rules_.push_back(std::move(rule));
  }
}

Classifier::Classifier() = default;
Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

bool Classifier::holds(std::size_t number, Said const& said) const {
  auto const& rule = rules_[number];
  auto const* const pattern = rule.pattern.get();
  // Codes alone say little: where it is not known when they were said, they say nothing.
  bool const is_then = said.stage == Stage::Any
                           ? rule.stage.empty() || pattern != nullptr
                           : is_met(rule.stage, [&](Stage stage) { return stage == said.stage; });
  return is_then && is_met(rule.site, [&](std::string const& site) { return site == said.site; }) &&
         is_met(rule.code, [&](std::string const& code) { return said.code.starts_with(code); }) &&
         is_met(rule.enhanced,
                [&](EnhancedPattern const& each) { return meets(each, said.enhanced); }) &&
         (pattern == nullptr || re2::RE2::PartialMatch(said.text, *pattern));
}

Classifier::Answer Classifier::classify(Said const& said) const {
  for (std::size_t i = 0; i < rules_.size(); ++i)
    if (holds(i, said)) return {rules_[i].is, &rules_[i]};
  return {};
}

}  // namespace mailpool::replies
