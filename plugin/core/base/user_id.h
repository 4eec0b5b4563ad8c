#pragma once
// The number of a user or group, out of text.

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailpool {

/// Decimal digits of a number of 32 bits that is not the one for "none" (all ones). A larger one
/// must never be cut to fit: 4294967296 would become root's.
[[nodiscard]] std::optional<std::uint32_t> to_user_id(std::string_view text);

}  // namespace mailpool
