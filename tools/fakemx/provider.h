#pragma once
// What a provider allows, and who went beyond it. Time is an argument.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fakemx/settings.h"

namespace mailpool::fakemx {

/// Whether one more fits into a rate now.
class RateMeter {
 public:
  RateMeter(Rate rate, RateMeasure measure) : rate_(rate), measure_(measure) {}
  [[nodiscard]] bool take(TimePoint now);
  [[nodiscard]] bool is_for(Rate rate, RateMeasure measure) const {
    return rate.count == rate_.count && rate.period == rate_.period && measure == measure_;
  }

 private:
  [[nodiscard]] bool take_token(TimePoint now);
  [[nodiscard]] bool take_place(TimePoint now);
  /// One second's worth, at least 1, and 1 more: what arrives a little closer together than it was
  /// sent is no offence.
  [[nodiscard]] double capacity() const;

  Rate rate_;
  RateMeasure measure_;
  double tokens_ = 0;
  bool begun_ = false;
  TimePoint filled_at_{};
  std::deque<TimePoint> taken_;  ///< within the last period; at most `count`
};

/// How often each rule of the provider was broken.
struct ProviderViolations {
  std::uint64_t connections = 0;
  std::uint64_t messages_per_connection = 0;
  std::uint64_t rate = 0;
  std::uint64_t domain_rate = 0;
  std::uint64_t domain_connections = 0;
};

/// What came from one address.
struct ClientUse {
  std::uint64_t open = 0;  ///< connections that are, beside those turned away
  std::uint64_t most_open = 0;
  std::uint64_t messages = 0;  ///< accepted
};

/// The provider's memory of rates, of clients and of transactions per domain.
class Provider {
 public:
  void connection_opened(std::string const& client);
  void connection_closed(std::string const& client);
  void accepted(std::string const& client) { ++clients_[client].use.messages; }
  /// How many connections count for one more from here.
  [[nodiscard]] std::uint64_t open_for(Settings const& settings, std::string const& client) const;
  /// Whether one more message may begin; always, if no rate is set.
  [[nodiscard]] bool admit_message(Settings const& settings, std::string const& client,
                                   TimePoint now);

  enum class DomainAnswer : std::uint8_t { Ok, TooFast, TooMany };
  /// Whether a transaction may have recipients in `domain`. After Ok: leave_domain() when the
  /// transaction ends.
  [[nodiscard]] DomainAnswer enter_domain(Settings const& settings, std::string_view domain,
                                          TimePoint now);
  void leave_domain(std::string_view domain);

  /// By address.
  [[nodiscard]] std::map<std::string, ClientUse> uses() const;
  /// Counts anew; what is open stays counted.
  void reset_uses();

  ProviderViolations violations;

 private:
  struct Client {
    ClientUse use;
    RateMeter meter{Rate{}, RateMeasure::Bucket};
  };
  struct Domain {
    RateMeter meter;
    std::uint64_t transactions = 0;
  };
  [[nodiscard]] Domain& domain(std::string const& name, DomainLimit const& limit);

  std::map<std::string, Client> clients_;
  Client all_;
  std::unordered_map<std::string, Domain> domains_;
};

}  // namespace mailpool::fakemx
