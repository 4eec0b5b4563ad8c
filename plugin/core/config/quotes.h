#pragma once
// How messages show what stands in the file.

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "core/base/text.h"

namespace mailpool {

/// In quotes and printable. Not named `quoted`: for a std::string, <iomanip>'s would be found too.
[[nodiscard]] inline std::string in_quotes(std::string_view text) {
  return fmt::format("\"{}\"", printable(text, 128));
}

}  // namespace mailpool
