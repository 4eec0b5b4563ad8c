#pragma once
// A line of one of the files that make up the configuration, in one number: nodes, mistakes and
// names carry it as "line".

#include <cstddef>

namespace mailpool {

inline constexpr unsigned bits_of_line = 24;  ///< a file has at most 2^20 octets
inline constexpr std::size_t most_files = 64;

/// `file` counts from 0, the configuration file itself.
[[nodiscard]] constexpr unsigned line_at(std::size_t file, unsigned line) {
  return static_cast<unsigned>(file) << bits_of_line | line;
}
[[nodiscard]] constexpr std::size_t file_number(unsigned line) {
  return line >> bits_of_line;
}
/// As an editor counts.
[[nodiscard]] constexpr unsigned line_in(unsigned line) {
  return line & ((1U << bits_of_line) - 1);
}

}  // namespace mailpool
