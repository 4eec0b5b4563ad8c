#pragma once
// What is remembered of the endpoints that failed: when to try them again, and what they said.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "core/base/ip.h"
#include "core/base/time.h"
#include "core/message/outcome.h"

namespace mailpool::site {

/// Address and port of one MX host.
struct EndpointName {
  std::string host;
  IpAddress address;
  std::uint16_t port = 0;
  auto operator<=>(EndpointName const&) const = default;
  [[nodiscard]] std::string to_string() const;  ///< HOST[IP]:PORT
};

/// Back-off doubles with each failure in a row, from first_back_off to longest_back_off.
inline constexpr Duration first_back_off = std::chrono::seconds(2);
inline constexpr Duration longest_back_off = std::chrono::minutes(5);
/// How long CHUNKING is not used with an endpoint that announced it and then refused BDAT.
inline constexpr Duration no_chunking_for = std::chrono::hours(1);

class EndpointHealth {
 public:
  struct Record {
    std::uint32_t failures = 0;  ///< in a row
    TimePoint not_before{};
    TimePoint failed_at{};  ///< the last of these failures
    std::optional<Outcome> last_failure;
    TimePoint left_alone_until{};  ///< by a rule: a success of a connection under way ends nothing
    TimePoint no_chunking_until{};
  };

  /// A connection could not be made ready; `failure` is what to answer if nothing else is left.
  void failed(EndpointName const& endpoint, Outcome failure, TimePoint now);
  /// Not to be tried until then, by a rule; `failure` is what to answer if nothing else is left.
  void leave_alone(EndpointName const& endpoint, Outcome failure, TimePoint until, TimePoint now);
  void succeeded(EndpointName const& endpoint);
  void chunking_failed(EndpointName const& endpoint, TimePoint now);

  [[nodiscard]] bool is_backing_off(EndpointName const& endpoint, TimePoint now) const;
  /// It failed when it was tried last: one connection finds out whether it answers again.
  [[nodiscard]] bool is_on_probation(EndpointName const& endpoint) const;
  /// It was tried at that moment or later, and has not answered since.
  [[nodiscard]] bool has_failed_since(EndpointName const& endpoint, TimePoint moment) const;
  /// By a rule.
  [[nodiscard]] bool is_left_alone(EndpointName const& endpoint, TimePoint now) const;
  /// Null for an endpoint without a past.
  [[nodiscard]] Record const* find(EndpointName const& endpoint) const;
  [[nodiscard]] std::map<EndpointName, Record> const& records() const { return records_; }
  /// Forgets what is over; keeps the number of records bounded.
  void forget_old(TimePoint now);
  void clear() { records_.clear(); }

 private:
  Record& record(EndpointName const& endpoint, TimePoint now);
  std::map<EndpointName, Record> records_;
};

}  // namespace mailpool::site
