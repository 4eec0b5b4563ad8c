#pragma once
// A count over the last minute, in 48 octets and without a timer: six buckets of ten seconds.

#include <array>
#include <cstdint>

#include "core/base/time.h"

namespace mailpool {

/// Times never run backwards. Between 50 and 60 seconds are looked back upon.
class RecentCount {
 public:
  void add(std::uint32_t n, TimePoint now);
  [[nodiscard]] std::uint64_t count(TimePoint now) const;

 private:
  static constexpr std::int64_t buckets = 6;
  static std::int64_t slot_of(TimePoint now);

  std::array<std::uint32_t, buckets> counts_{};
  std::int64_t slot_ = 0;  // of the newest bucket; bucket = slot modulo `buckets`
};

}  // namespace mailpool
