#pragma once
// What is to be sent: so many messages, of what size, to whom, and when.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "net/endpoint.h"

namespace mailpool::load {

/// How commands are grouped.
enum class Flights : std::uint8_t {
  Auto,      ///< as few as the server allows
  One,       ///< MAIL, RCPT.., BDAT LAST together (PIPELINING, CHUNKING)
  Two,       ///< MAIL, RCPT.., DATA together, then the content (PIPELINING)
  Lockstep,  ///< each command waits for its reply
};

struct Plan {
  net::Endpoint to;
  bool lmtp = false;
  std::uint64_t sessions = 1;
  std::uint64_t messages = 1000;
  Duration duration{};        ///< ends earlier, if not 0
  std::uint64_t size = 4096;  ///< octets of a message, header and line ends included
  std::uint64_t domains = 1;
  std::uint64_t recipients = 1;      ///< per message, all in one domain
  std::uint64_t per_connection = 0;  ///< messages; 0: all that come
  bool rset = false;                 ///< before each message but the first of a connection
  double rate = 0;                   ///< messages per second, open loop; 0: as fast as replies come
  Flights flights = Flights::Auto;
  std::string from = "load@sender.example";
  std::string address = "u%d@d%d.example";  ///< first %d: the user's number, second: the domain's
  std::string hostname = "load.example";
  Duration timeout = std::chrono::seconds(60);  ///< without a reply that is due
  bool per_domain = false;
};

/// "u7@d3.example".
[[nodiscard]] std::string address_of(Plan const& plan, std::uint64_t user, std::uint64_t domain);

/// The content of message `n`: a header, lines of 76 octets, no line that begins with a dot; ends
/// with CRLF.
[[nodiscard]] std::string content_of(Plan const& plan, std::uint64_t n);

/// Gives out the messages, one after the other, not before their time.
class Dispenser {
 public:
  Dispenser(Plan const& plan, TimePoint start) : plan_(plan), start_(start) {}

  struct Ticket {
    std::uint64_t number = 0;
    TimePoint due;  ///< when it should have left; with no rate: now
  };
  /// The next message, if there is one and it is due.
  [[nodiscard]] std::optional<Ticket> take(TimePoint now);
  [[nodiscard]] bool is_exhausted(TimePoint now) const;
  /// When the next one is due; `never` after the last.
  [[nodiscard]] TimePoint next_due(TimePoint now) const;

 private:
  Plan const& plan_;
  TimePoint start_;
  std::uint64_t taken_ = 0;
};

}  // namespace mailpool::load
