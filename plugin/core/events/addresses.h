#pragma once
// Recipients in events, where not everybody may read who they are.

#include <string>
#include <string_view>

namespace mailpool::events {

/// The same for the same address, in any case; sixteen hexadecimal digits of HMAC-SHA-256.
[[nodiscard]] std::string hash_of_address(std::string_view address, std::string_view key);

/// The text with the local part of whatever looks like an address taken out: "<...@example.org>".
/// Servers like to repeat them.
[[nodiscard]] std::string without_addresses(std::string_view text);
/// Likewise, and the recipient's local part wherever it is a word of its own: "unknown user ...".
[[nodiscard]] std::string without_recipient(std::string_view text, std::string_view recipient);

}  // namespace mailpool::events
