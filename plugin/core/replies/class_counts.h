#pragma once
// How often each class of replies was heard: in all, and in the last hour.

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/time.h"
#include "core/replies/reply_class.h"

namespace mailpool::replies {

class ClassCounts {
 public:
  struct Count {
    ReplyClass which;
    std::uint64_t total;      ///< since the start
    std::uint64_t last_hour;  ///< of the last 60 minutes, to five minutes
  };

  void add(ReplyClass which, TimePoint now);
  /// Those that were ever heard; the most frequent of the last hour first.
  [[nodiscard]] std::vector<Count> counts(TimePoint now) const;

 private:
  static constexpr std::int64_t buckets = 12;
  // Few classes are ever heard at one site, so only those take room.
  struct Heard {
    ReplyClass which;
    std::uint64_t total = 0;
    std::int64_t slot = 0;  // of the newest bucket; bucket = slot modulo `buckets`
    std::array<std::uint32_t, buckets> recent{};
  };
  static std::int64_t slot_of(TimePoint now);
  static void forget_old(Heard& heard, std::int64_t slot);
  std::vector<Heard> heard_;
};

}  // namespace mailpool::replies
