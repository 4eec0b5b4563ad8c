#pragma once
// Which endpoints are met in plain text for a while, since their opportunistic TLS failed; kept
// over a restart. And which of them last let a handshake end in silence, which nobody can tell from
// a broken network.

#include <cstddef>
#include <string>
#include <unordered_map>

#include "core/base/time.h"
#include "core/state/store.h"

namespace mailpool::tls {

/// How long an endpoint whose opportunistic TLS failed is met in plain text. Levels that require
/// TLS never look here.
inline constexpr Duration plain_for = std::chrono::minutes(10);
inline constexpr std::size_t most_endpoints_remembered = 10'000;
/// How long a silent handshake counts against the next one.
inline constexpr Duration silence_counts_for = std::chrono::hours(1);

class Memory {
 public:
  explicit Memory(state::Store& store);

  /// `endpoint` is HOST[IP]:PORT.
  void handshake_failed(std::string const& endpoint, std::string const& why, WallTime now);
  void handshake_succeeded(std::string const& endpoint);
  /// A handshake that began then was not answered in time. Whether TLS is to blame: an earlier one
  /// had ended so before this one began, which got as far as the handshake again.
  [[nodiscard]] bool is_silent_again(std::string const& endpoint, TimePoint began, TimePoint now);
  [[nodiscard]] bool is_plain(std::string const& endpoint, WallTime now) const;
  [[nodiscard]] std::size_t size() const { return plain_until_.size(); }

 private:
  state::Store& store_;
  std::unordered_map<std::string, WallTime> plain_until_;
  std::unordered_map<std::string, TimePoint> silent_at_;  ///< first of the silences in a row
};

}  // namespace mailpool::tls
