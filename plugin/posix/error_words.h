#pragma once
// What an errno means, in words.

#include <string>
#include <system_error>

namespace mailpool::posix {

[[nodiscard]] inline std::string why(int error) {
  return std::error_code(error, std::generic_category()).message();
}

}  // namespace mailpool::posix
