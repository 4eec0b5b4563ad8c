#pragma once
// Recipients by outcome in this hour and on this day, of UTC.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/message/outcome.h"

namespace mailpool::site {

struct OutcomeCounts {
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;

  void add(OutcomeKind kind);
};

class PeriodCounts {
 public:
  void add(OutcomeKind kind, WallTime now);
  /// Zero when nothing was counted in the hour (on the day) of `now`.
  [[nodiscard]] OutcomeCounts hour(WallTime now) const;
  [[nodiscard]] OutcomeCounts day(WallTime now) const;

  // Over a restart.
  [[nodiscard]] std::string to_value() const;
  [[nodiscard]] static std::optional<PeriodCounts> from_value(std::string_view value);
  /// The end of the day that was counted last.
  [[nodiscard]] WallTime expires() const;

 private:
  struct Period {
    std::int64_t number = -1;  // hours or days since 1970
    OutcomeCounts counts;
    void add(OutcomeKind kind, std::int64_t now);
  };
  Period hour_;
  Period day_;
};

}  // namespace mailpool::site
