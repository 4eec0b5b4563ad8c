#pragma once
// How deep a TOML text nests by dotted keys, told before it is parsed: the library takes tables
// apart recursively, and the stack ends before a key of a megabyte does.

#include <cstddef>
#include <optional>
#include <string_view>

namespace mailpool {

/// More than any option needs. With the 256 levels of brackets that the library allows, 4,096
/// levels.
inline constexpr std::size_t most_parts_of_a_key = 16;

/// The first line, counted from 1, with a key of more than `most` parts. Text that is no TOML has
/// an answer too, for the part that a parser would read of it.
[[nodiscard]] std::optional<unsigned> line_of_too_deep_key(std::string_view text,
                                                           std::size_t most = most_parts_of_a_key);

}  // namespace mailpool
