#pragma once
// Base64 with padding (RFC 4648 4), as SASL and sealed headers use it.

#include <optional>
#include <string>
#include <string_view>

namespace mailpool {

[[nodiscard]] std::string to_base64(std::string_view data);
/// Strict: whole groups of four, no other characters, no bits left over.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace mailpool
