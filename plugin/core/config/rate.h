#pragma once
// A rate as the operator writes it: "100/s", "600/min, burst 20".

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"

namespace mailpool {

/// `count` per `per`; count 0 means no limit. Without a burst never more than `count` in any window
/// of `per`, and all of them at once where none was used. With one, so many may pass at once after
/// a pause, and then one after the other.
struct Rate {
  std::uint64_t count = 0;
  Duration per = std::chrono::seconds(1);
  std::uint64_t burst = 0;  ///< 0: none

  [[nodiscard]] bool is_limited() const { return count != 0; }
  /// As an operator would write it; "" without a limit.
  [[nodiscard]] std::string to_string() const;
  static Result<Rate> parse(std::string_view text);
  bool operator==(Rate const&) const = default;
};

}  // namespace mailpool
