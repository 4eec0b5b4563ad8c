#pragma once
// Small helpers for text that came from somewhere hostile.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool {

[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] std::string ascii_lower(std::string_view s);
[[nodiscard]] std::string ascii_upper(std::string_view s);
[[nodiscard]] bool ascii_iequal(std::string_view a, std::string_view b);
[[nodiscard]] bool ascii_istarts_with(std::string_view s, std::string_view prefix);
[[nodiscard]] std::string_view trimmed(std::string_view s);
[[nodiscard]] std::vector<std::string_view> split(std::string_view s, char separator);
[[nodiscard]] bool is_ascii(std::string_view s);
[[nodiscard]] bool is_valid_utf8(std::string_view s);

/// Decimal digits only, no sign, no blank, no overflow; else nothing.
[[nodiscard]] std::optional<std::uint64_t> to_number(std::string_view s);

/// Remote text as one line for logs, replies and terminals: what is invalid UTF-8, shows nothing,
/// or makes other text show elsewhere becomes '?' (controls, line separators, bidirectional marks,
/// joiners, tags, variation selectors; "Trojan Source" CVE-2021-42574), and what is longer than
/// `most` octets is cut (never inside a UTF-8 sequence). (CVE class V17: log injection.)
[[nodiscard]] std::string printable(std::string_view s, std::size_t most = 512);

/// The candidate with the smallest edit distance to `word`, if it is near enough to be meant; else
/// empty.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<std::string const> candidates);

}  // namespace mailpool
