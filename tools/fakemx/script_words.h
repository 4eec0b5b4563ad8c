#pragma once
// The words of the script language: its actions and its conditions, a row each.

#include <optional>
#include <string>
#include <string_view>

#include "fakemx/script.h"

namespace mailpool::fakemx {

/// Arguments as they were written.
struct Words {
  std::string_view rest;

  /// The next one, without the blanks around it; empty at the end.
  std::string_view next();
};

/// \r \n \t \0 \\ \" \; \xHH; nothing if there is another one, or a quote does not end. Text may
/// stand in quotes.
[[nodiscard]] std::optional<std::string> unescaped(std::string_view text);

/// What an action means for the reply that a command must get.
enum class Role : std::uint8_t {
  Answer,   ///< it is one
  Aside,    ///< the server's own answer still follows, if the rule has no other
  LastWord  ///< nothing can follow
};

struct ActionRow {
  std::string_view name;
  ActionKind kind;
  Role role;
  StageSet stages;
  std::string_view usage;
  bool (*parse)(Words& words, Action& action);
};

/// Null if there is no such action. Three digits are the action of a reply.
[[nodiscard]] ActionRow const* find_action(std::string_view name);
[[nodiscard]] std::string all_actions();

struct ConditionRow {
  std::string_view name;
  StageSet stages;
  std::string_view usage;
  bool (*parse)(std::string_view value, Conditions& when);
};

/// Null if there is no such condition.
[[nodiscard]] ConditionRow const* find_condition(std::string_view name);
[[nodiscard]] std::string all_conditions();

}  // namespace mailpool::fakemx
