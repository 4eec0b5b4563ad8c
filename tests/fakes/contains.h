#pragma once
// What tests ask of logs, answers and conversations.

#include <string_view>

namespace mailpool {

[[nodiscard]] inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace mailpool
