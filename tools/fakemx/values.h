#pragma once
// The values of flags and scripts: durations, rates, sets of numbers, address patterns.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace mailpool::fakemx {

/// "500ms", "30s", "5m", "2h"; "0" is none at all.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

/// Sets `to`, if `text` is a duration; else false.
[[nodiscard]] bool parse_into(std::string_view text, Duration& to);

/// "65536", "64KiB", "50MiB".
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// So many in so long.
struct Rate {
  std::uint64_t count = 0;  ///< 0: no limit
  Duration period = std::chrono::seconds(1);

  /// "50/s", "600/min", "1000/h".
  [[nodiscard]] static std::optional<Rate> parse(std::string_view text);
  [[nodiscard]] double per_second() const { return static_cast<double>(count) / seconds(period); }
};

/// "3", "2-5", "4-", "%10" (every tenth), or several of them with commas between.
class NumberSet {
 public:
  [[nodiscard]] static std::optional<NumberSet> parse(std::string_view text);
  [[nodiscard]] bool contains(std::uint64_t n) const;

 private:
  struct Part {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t every = 0;  ///< 0: the range; else its multiples
  };
  std::vector<Part> parts_;
};

/// Patterns with * and ?, in any case of letters. Without an @ a pattern means the domain of an
/// address; "<>" is the empty address.
class AddressGlobs {
 public:
  /// Nothing if a pattern is empty.
  [[nodiscard]] static std::optional<AddressGlobs> parse(std::string_view comma_separated);
  [[nodiscard]] bool matches(std::string_view address) const;

 private:
  std::vector<std::string> patterns_;
};

[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

/// What stands behind the last @; empty if there is none.
[[nodiscard]] std::string_view domain_part(std::string_view address);

}  // namespace mailpool::fakemx
