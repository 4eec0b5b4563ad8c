#pragma once
// The rules of replies.toml, ready to be asked: which class a reply is of, and by which rule.
//
// The first rule whose every condition holds counts. Patterns are RE2's, so the time is bounded by
// the lengths of text and pattern. It holds nothing of the replies that it saw.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/replies/reply_class.h"
#include "core/replies/said.h"

namespace re2 {
class RE2;
}

namespace mailpool::replies {

/// "5.7.1", "x.7.26", "4.7": numbers from the left; -1 stands for any class.
using EnhancedPattern = std::vector<int>;
/// Stands for "the reply has no enhanced code".
inline constexpr int no_enhanced = -2;

/// One [[reply]]; an empty list is no condition.
struct ReplyRule {
  ReplyClass is = ReplyClass::Unknown;
  std::vector<std::string> text;            ///< patterns; one of them is enough
  std::shared_ptr<re2::RE2 const> pattern;  ///< all of them as one; null: made by the classifier
  std::vector<std::string> code;            ///< beginnings
  std::vector<EnhancedPattern> enhanced;
  std::vector<Stage> stage;
  std::vector<std::string> site;
  std::string file;
  unsigned line = 0;  ///< of [[reply]]
};

class Classifier {
 public:
  /// Knows nothing: every reply is unknown.
  Classifier();
  /// A rule with a pattern that is none never holds (load_rules() names it).
  explicit Classifier(std::vector<ReplyRule> rules);
  ~Classifier();
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;

  struct Answer {
    ReplyClass is = ReplyClass::Unknown;
    ReplyRule const* by = nullptr;  ///< null: no rule holds; valid as long as the classifier
  };
  [[nodiscard]] Answer classify(Said const& said) const;
  [[nodiscard]] std::size_t size() const { return rules_.size(); }

 private:
  [[nodiscard]] bool holds(std::size_t number, Said const& said) const;
  std::vector<ReplyRule> rules_;
};

/// All alternatives as one pattern, as the classifier compiles it; null and the reason where one of
/// them is no pattern.
[[nodiscard]] std::shared_ptr<re2::RE2 const> compiled(std::vector<std::string> const& alternatives,
                                                       std::string& why_not);

}  // namespace mailpool::replies
