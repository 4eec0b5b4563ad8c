#pragma once
// Paths as text; nothing is looked up.

#include <filesystem>

namespace mailpool::posix {

/// Whether an absolute path is the directory itself or something in it; ".." within it counts.
[[nodiscard]] inline bool lies_below(std::filesystem::path const& path,
                                     std::filesystem::path const& directory) {
  auto const relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace mailpool::posix
