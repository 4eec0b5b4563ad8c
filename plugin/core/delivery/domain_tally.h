#pragma once
// How the recipients of each domain ended, of those too that no host was found for.

#include <cstddef>
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/time.h"
#include "core/message/outcome.h"
#include "core/site/period_counts.h"

namespace mailpool::delivery {

/// Bounded: the domain that was used longest ago is forgotten.
class DomainTally {
 public:
  static constexpr std::size_t most = 65536;
  /// Domains without a way that are listed at once.
  static constexpr std::size_t most_unrouted = 500;
  /// Without another attempt a domain is no longer listed as one without a way.
  static constexpr Duration listed_for = std::chrono::hours(1);

  struct Record : site::OutcomeCounts {
    std::string domain;
    std::string no_route = {};  ///< what its recipients are answered; "" while it has hosts
    TimePoint no_route_at{};
  };

  void count(std::string const& domain, OutcomeKind kind);
  /// DNS gave no host to deliver to.
  void note_no_route(std::string const& domain, Outcome const& outcome, TimePoint now);
  void note_route(std::string const& domain);

  /// Null for one that had no mail, or was forgotten.
  [[nodiscard]] Record const* find(std::string const& domain) const;
  [[nodiscard]] static bool is_listed(Record const& record, TimePoint now) {
    return !record.no_route.empty() && now < after(record.no_route_at, listed_for);
  }
  /// Calls back with each domain that is listed as one without a way, by name.
  template <class Visitor>
  void visit_unrouted(TimePoint now, Visitor&& visitor) const {
    for (auto const& domain : unrouted_)
      if (auto const* record = find(domain); record != nullptr && is_listed(*record, now))
        visitor(*record);
  }

 private:
  Record& record(std::string const& domain);
  void make_room(TimePoint now);

  std::list<Record> records_;  ///< most recently used first
  std::unordered_map<std::string_view, std::list<Record>::iterator> index_;
  std::set<std::string> unrouted_;
};

}  // namespace mailpool::delivery
