#pragma once
// Whether a site delivers at all. It is in trouble while nothing is delivered and its servers, or
// the way to them, fail one recipient after the other.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/message/outcome.h"

namespace mailpool::site {

class Trouble {
 public:
  /// Failures in a row; what only says that one address is bad is none.
  static constexpr std::uint32_t enough = 3;
  /// Refusals by the server may be about the recipients: it takes more of them.
  static constexpr std::uint32_t enough_refusals = 10;
  /// Without another failure nobody knows whether it is still so.
  static constexpr Duration lapses_after = std::chrono::hours(1);

  /// For the log: trouble has begun, or is over.
  struct News {
    bool is_well = false;
    std::string words;
  };

  /// How a recipient ended. What waits for a limit, a suspension or a drain says nothing.
  std::optional<News> note(Outcome const& outcome, TimePoint now, WallTime wall);

  [[nodiscard]] bool is_on(TimePoint now) const {
    return run_ && run_->is_on && now < after(run_->last_at, lapses_after);
  }
  // While it is on:
  /// "nothing delivered since 2026-11-21 06:30:00 UTC, 14 recipients failed in a row: REASON"
  [[nodiscard]] std::string words() const;
  /// What an operator can do about it.
  [[nodiscard]] std::string cure(std::string_view site) const;

 private:
  /// Failures in a row.
  struct Run {
    std::uint64_t failures = 0;
    std::uint64_t refusals = 0;
    WallTime since{};
    TimePoint last_at{};
    Outcome last;
    bool is_on = false;
    [[nodiscard]] std::uint64_t all() const { return failures + refusals; }
  };
  std::unique_ptr<Run> run_;  ///< null while all is well, as at most sites
};

}  // namespace mailpool::site
