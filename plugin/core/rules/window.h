#pragma once
// How often rules were met lately: "3/h" is reached by the third reply within any one hour.

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "core/base/time.h"
#include "core/config/rule_settings.h"

namespace mailpool::rules {

/// Of one site. Bounded: at most most_windows, each at most Threshold::count times long; the one
/// that was met longest ago makes room.
class Windows {
 public:
  static constexpr std::size_t most_windows = 256;

  /// A reply met rule `number`; `scope` is whom it is counted for ("" for the site). True: the
  /// threshold is reached, and the counting begins anew.
  bool met(std::size_t number, std::string const& scope, Threshold const& after, TimePoint now);
  /// Replies within the threshold's time.
  [[nodiscard]] std::size_t count(std::size_t number, std::string const& scope,
                                  Threshold const& after, TimePoint now) const;
  /// The rules have other numbers now.
  void clear() { windows_.clear(); }
  [[nodiscard]] std::size_t size() const { return windows_.size(); }

 private:
  using Key = std::pair<std::size_t, std::string>;
  std::map<Key, std::deque<TimePoint>> windows_;
};

}  // namespace mailpool::rules
