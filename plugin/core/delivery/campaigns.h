#pragma once
// Campaigns: what the mail of one sender is divided into by a label beside its tenant. What became
// of each one's mail, and which of them an operator holds back at all sites.

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <string_view>

#include "core/base/rare.h"
#include "core/base/time.h"
#include "core/delivery/counters.h"
#include "core/site/wait.h"
#include "core/state/store.h"

namespace mailpool::delivery {

struct Campaign : OutcomeCounts {
  explicit Campaign(std::string_view its_name) : name(its_name) {}
  std::string name;
  Rare<site::Suspension> suspension;  ///< perhaps in the past
  [[nodiscard]] bool is_suspended(TimePoint now) const {
    return suspension && suspension->until > now;
  }
};

/// Names come from headers: at most so many are known. The one whose mail was seen longest ago
/// makes room, unless it is suspended.
class Campaigns {
 public:
  static constexpr std::size_t most = 10'000;

  void count(std::string_view name, OutcomeKind kind, TimePoint now);
  /// Instead of one that it had. False: all that are known are suspended.
  bool suspend(std::string const& name, site::Suspension why, state::Store& store,
               WallTime wall_now, TimePoint now);
  /// False: it was not suspended.
  bool resume(std::string_view name, state::Store& store, TimePoint now);
  /// Tells the store of every suspension: the wall clock was set.
  void keep(state::Store& store, WallTime wall_now, TimePoint now);

  /// Null: it is not held back. "" is none.
  [[nodiscard]] site::Suspension const* held(std::string_view name, TimePoint now) const;
  /// The one whose mail was seen last comes first.
  [[nodiscard]] std::list<Campaign> const& all() const { return by_use_; }
  [[nodiscard]] Campaign const* find(std::string_view name) const;

 private:
  /// Null: there is no room.
  Campaign* use(std::string_view name, TimePoint now);

  std::list<Campaign> by_use_;
  std::map<std::string, std::list<Campaign>::iterator, std::less<>> by_name_;
  std::size_t suspended_ = 0;  ///< have a suspension, which may be over
};

}  // namespace mailpool::delivery
