#pragma once
// How far a new source is with its plan at each site, and what became there of the messages of the
// day: a day on which a site put too much off is done again.
//
//   step of a day = days since the start - days that were held
//
// So a site that never complained is on the calendar's step, and needs no memory. A day is judged
// when the next one is asked about; nothing happens at midnight.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/time.h"
#include "core/config/level_settings.h"

namespace mailpool::site {

/// A day by UTC, and when the next one begins. Days come from the wall clock, waits need the other.
struct Today {
  std::chrono::sys_days day{};
  TimePoint ends = never;
};
[[nodiscard]] Today today_of(WallTime wall, TimePoint now);

/// What a site said to a message or a connection, as far as a new address is concerned.
enum class WarmUpAnswer : std::uint8_t {
  Nothing,  ///< a matter of the recipient, of the message, of the server itself
  Taken,    ///< one recipient at least
  PutOff,   ///< the address sends too much, or is not trusted
};

/// Messages of one day to one site.
struct WarmUpDay {
  std::chrono::sys_days day{};
  std::uint32_t sent = 0;     ///< begun: what the plan counts
  std::uint32_t taken = 0;    ///< of the answers
  std::uint32_t put_off = 0;  ///< likewise, refused connections too
  [[nodiscard]] std::uint32_t answers() const { return taken + put_off; }
  /// Whether more than `percent` of it was put off, of enough to tell.
  [[nodiscard]] bool is_bad(std::uint32_t percent) const;
  bool operator==(WarmUpDay const&) const = default;
};

/// One site in a source's plan.
struct WarmUpAtSite {
  WarmUpDay today;
  std::uint32_t held = 0;        ///< days so far on which a step was done again
  std::optional<WarmUpDay> bad;  ///< why this day's step is that of the day before
  bool operator==(WarmUpAtSite const&) const = default;
};

/// Where the plan stands at a site on a day, for people.
struct WarmUpStand {
  std::uint32_t day = 0;   ///< of the calendar, from 1
  std::uint32_t step = 0;  ///< of the plan, from 1
  std::uint32_t most = 0;  ///< messages on this day
  WarmUpAtSite at_site;
};

class WarmUpProgress {
 public:
  /// Of so few answers a day is judged only if none was a yes, and these were put off.
  static constexpr std::uint32_t least_answers = 10;
  static constexpr std::uint32_t least_put_off = 3;

  /// With another start it is another plan: nothing is held.
  void reconfigure(WarmUp plan, std::uint32_t hold_above);
  [[nodiscard]] WarmUp const& plan() const { return plan_; }

  /// The plan's number for a site that holds nothing; nothing: no limit. 0 before the plan begins.
  [[nodiscard]] std::optional<std::uint32_t> most(std::chrono::sys_days day) const {
    return most_at(WarmUpAtSite{{day}, 0, {}});
  }
  [[nodiscard]] std::optional<std::uint32_t> most(std::string const& site,
                                                  std::chrono::sys_days day) const {
    return most_at(at(site, day));
  }
  [[nodiscard]] std::uint32_t sent(std::string const& site, std::chrono::sys_days day) const {
    return at(site, day).today.sent;
  }
  [[nodiscard]] bool has_room(std::string const& site, std::chrono::sys_days day) const;
  /// Nothing: before the plan, and after it.
  [[nodiscard]] std::optional<WarmUpStand> stand(std::string const& site,
                                                 std::chrono::sys_days day) const;
  /// When the next message may go to a site whose day is full.
  [[nodiscard]] TimePoint next_room(std::string const& site, Today const& today) const;
  /// "step 2 of 5 is held: 12 of 50 answers put it off on 2026-12-01 (warm_up_hold_above 10 %)"; ""
  /// where it is not.
  [[nodiscard]] std::string why_held(std::string const& site, std::chrono::sys_days day) const;

  enum class News : std::uint8_t { None, Held, GoesOn };  ///< with what is first on a day
  // Nothing: the plan does not count the day.
  std::optional<News> sending(std::string const& site, std::chrono::sys_days day);
  std::optional<News> answered(std::string const& site, WarmUpAnswer answer,
                               std::chrono::sys_days day);

  // For what outlives a restart.
  [[nodiscard]] WarmUpAtSite const* find(std::string const& site) const;
  /// When that is of no more use.
  [[nodiscard]] std::chrono::sys_days forgotten_on(WarmUpAtSite const& at_site) const;
  /// What was counted under the plan that began on `start`; of another, only what was sent.
  void restore(std::string const& site, WarmUpAtSite at_site,
               std::optional<std::chrono::sys_days> start);
  /// Those that counted on this day, or hold something.
  template <class Visitor>
  void visit(std::chrono::sys_days day, Visitor&& visitor) const {
    for (auto const& [site, kept] : sites_)
      if (auto const now_at = at(site, day);
          now_at.today.sent + now_at.today.put_off + now_at.held != 0)
        visitor(site);
  }

 private:
  [[nodiscard]] std::optional<std::uint32_t> most_at(WarmUpAtSite const& at_site) const;
  /// As it is on that day, whether or not anything was counted yet.
  [[nodiscard]] WarmUpAtSite at(std::string const& site, std::chrono::sys_days day) const;
  [[nodiscard]] WarmUpAtSite moved_to(std::chrono::sys_days day, WarmUpAtSite at_site) const;
  struct Entered {
    WarmUpAtSite* at_site;
    News news;
  };
  std::optional<Entered> enter(std::string const& site, std::chrono::sys_days day);
  void forget_before(std::chrono::sys_days day);

  WarmUp plan_;
  std::uint32_t hold_above_ = 100;
  std::chrono::sys_days day_{};  ///< of the latest count
  std::unordered_map<std::string, WarmUpAtSite> sites_;
};

}  // namespace mailpool::site
