#include "core/base/user_id.h"

#include <limits>

#include "core/base/text.h"

namespace mailpool {

std::optional<std::uint32_t> to_user_id(std::string_view text) {
  auto const number = to_number(text);
  if (!number || *number >= std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace mailpool
