#pragma once
// What is known of the servers behind one socket of the MTA's: whether DSN (RFC 3461) can be
// announced there without a notice of success being lost.

#include <optional>

#include "core/base/time.h"

namespace mailpool::lmtp {

/// A relay that takes NOTIFY=SUCCESS on and meets a server without DSN would have to tell the
/// sender itself, which only an MTA with a queue can. So DSN is announced where every server that
/// was met lately offers it; where nothing is known it is not, and the MTA tells the sender.
class DsnMemory {
 public:
  static constexpr Duration lately = std::chrono::hours(24);

  /// A message that came by this socket met a server that offers DSN, or does not.
  void met(bool offers_dsn, TimePoint now) { (offers_dsn ? with_ : without_) = now; }
  [[nodiscard]] bool all_offer_it(TimePoint now) const {
    return is_late(with_, now) && !is_late(without_, now);
  }

 private:
  [[nodiscard]] static bool is_late(std::optional<TimePoint> at, TimePoint now) {
    return at && now < after(*at, lately);
  }

  std::optional<TimePoint> with_;
  std::optional<TimePoint> without_;
};

}  // namespace mailpool::lmtp
