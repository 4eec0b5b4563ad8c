#pragma once
// What has happened, as figures.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fakemx/command.h"
#include "fakemx/provider.h"

namespace mailpool::fakemx {

/// What a client must not do, whatever the script does to it.
enum class ClientViolation : std::uint8_t {
  TalksBeforeGreeting,
  EarlyCommand,  ///< sent before the reply it had to wait for (RFC 2920, RFC 3207)
  BadSequence,
  NestedMail,
  SecondHello,
  UnknownCommand,
  Syntax,
  UnannouncedCommand,  ///< BDAT or STARTTLS where they were not announced
  UnannouncedParameter,
  UnannouncedUtf8,  ///< an address beyond ASCII without SMTPUTF8
  TooLarge,         ///< beyond SIZE
  BeyondLimits,     ///< beyond MAILMAX or RCPTMAX
  BareCr,
  BareLf,
  Nul,
  UnstuffedDot,
  BdatWithoutReset,  ///< went on after a refused chunk without RSET
  AfterQuit,
};
inline constexpr std::size_t client_violation_count = 18;

[[nodiscard]] std::string_view name_of(ClientViolation violation);

/// Counts since the start or the last `reset`; what is open now stays counted.
class Stats {
 public:
  void connection_opened(TimePoint now);
  void connection_closed(TimePoint now, std::uint64_t transactions, bool after_quit);
  void violation(ClientViolation kind, std::uint64_t connection, std::string_view example);
  /// One message accepted for so many recipients.
  void accepted(TimePoint now, std::uint64_t octets, std::size_t recipients);
  /// Further recipients of a message that was counted before.
  void accepted_also(std::size_t recipients) { recipients_ += recipients; }
  void accepted_for(std::string_view domain);
  void reset(TimePoint now);

  [[nodiscard]] std::uint64_t open() const { return open_; }
  [[nodiscard]] std::string to_json(Provider const& provider, TimePoint now) const;

  std::array<std::uint64_t, verb_count> commands{};
  std::uint64_t connections = 0;
  std::uint64_t refused_connections = 0;
  std::uint64_t refused_messages = 0;  ///< whole messages that came in and were not accepted
  std::uint64_t handshakes_full = 0;
  std::uint64_t handshakes_resumed = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t undeclared_eight_bit = 0;  ///< messages with 8-bit content without BODY=8BITMIME
  std::uint64_t late_mails = 0;            ///< MAIL on its way while a silent close was, too
  std::uint64_t rules_met = 0;

 private:
  struct ViolationCount {
    std::uint64_t count = 0;
    std::vector<std::string> examples;
  };
  void integrate(TimePoint now);
  [[nodiscard]] double mean_open(TimePoint now) const;

  std::uint64_t open_ = 0;
  std::uint64_t most_open_ = 0;
  std::uint64_t ended_without_quit_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t recipients_ = 0;
  std::uint64_t octets_ = 0;
  std::map<std::uint64_t, std::uint64_t> transactions_;  ///< of a connection -> connections
  std::array<ViolationCount, client_violation_count> violations_;
  std::unordered_map<std::string, std::uint64_t> domains_;
  std::vector<std::uint64_t> per_second_;  ///< accepted messages, from the first one on
  TimePoint first_connection_{never};
  TimePoint first_message_{never};
  TimePoint last_message_{};
  TimePoint integrated_at_{};
  double open_seconds_ = 0;
};

}  // namespace mailpool::fakemx
