#pragma once
// How sessions with each policy domain came out, by day: what a TLS report (RFC 8460) is made of.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/state/store.h"
#include "core/tls/policy.h"

namespace mailpool::tls {

/// Days since 1970, in UTC.
using Day = std::int64_t;
[[nodiscard]] Day day_of(WallTime t);
/// "2026-11-21".
[[nodiscard]] std::string text_of_day(Day day);
[[nodiscard]] std::optional<Day> day_of_text(std::string_view text);

/// Between whom a session was; "" for what is not known.
struct SessionEnds {
  std::string sender;     ///< our address
  std::string host;       ///< the MX host
  std::string address;    ///< its address
  std::string host_says;  ///< what it called itself in its reply to EHLO
  bool operator==(SessionEnds const&) const = default;
};

/// How one session ended, as far as TLS is concerned.
struct SessionResult {
  PolicyText policy;
  std::optional<Failure> failure;
  SessionEnds ends;
  std::string details;  ///< of a failure, in words
};

struct FailureCount {
  Failure failure{};
  SessionEnds ends;
  std::string details;  ///< of the last one
  std::uint64_t sessions = 0;
};

/// What happened under one policy; several where it changed within the day.
struct PolicyCount {
  PolicyText policy;
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;
  std::vector<FailureCount> details;
};

/// Bounded: so many domains a day, policies a domain and kinds of failure a policy; what is beyond
/// the last two is counted without details.
inline constexpr std::size_t most_domains_a_day = 20'000;
inline constexpr std::size_t most_policies_a_domain = 8;
inline constexpr std::size_t most_details = 32;
/// Days that are kept, today included.
inline constexpr Day days_kept = 8;

class Reports {
 public:
  explicit Reports(state::Store& store);

  void note(std::string const& domain, SessionResult const& result, WallTime now);
  /// Empty if there was no session.
  [[nodiscard]] std::vector<PolicyCount> of(std::string const& domain, Day day) const;
  [[nodiscard]] std::size_t domains(Day day) const;

 private:
  using Counts = std::vector<PolicyCount>;
  void forget_before(Day day);
  void keep(Day day, std::string const& domain, Counts const& counts);

  state::Store& store_;
  std::map<Day, std::map<std::string, Counts, std::less<>>> days_;
};

/// As they are kept; what cannot be read is passed over.
[[nodiscard]] std::string written(std::vector<PolicyCount> const& counts);
[[nodiscard]] std::vector<PolicyCount> read_counts(std::string_view text);

}  // namespace mailpool::tls
