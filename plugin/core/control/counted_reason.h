#pragma once
// Something counted under a word: why connections were closed or not kept, why peers were turned
// away.

#include <cstdint>
#include <string>

namespace mailpool::control {

struct CountedReason {
  std::string reason;
  std::uint64_t count = 0;
};

}  // namespace mailpool::control
