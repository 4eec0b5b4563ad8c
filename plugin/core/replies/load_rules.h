#pragma once
// TOML -> rules of classes of replies, every mistake at once with its line.

#include <string>
#include <string_view>
#include <vector>

#include "core/config/load.h"
#include "core/replies/classifier.h"

namespace mailpool::replies {

/// More in one file is a mistake.
inline constexpr std::size_t most_rules = 2000;

struct LoadedRules {
  std::vector<ReplyRule> rules;
  std::vector<Mistake> mistakes;
};
/// `file` is the name for messages and ReplyRule::file.
[[nodiscard]] LoadedRules load_rules(std::string_view text, std::string const& file);

}  // namespace mailpool::replies
