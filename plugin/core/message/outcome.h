#pragma once
// How a delivery to one recipient ended. "The server said" and "we say" are told apart by the
// `said_by` of an outcome.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailpool {

/// Per recipient; the words of logs, counters and poolctl.
enum class OutcomeKind : std::uint8_t {
  Delivered,  ///< the remote's 2xx to the end of data was read and parsed
  Deferred,   ///< 4xx: the MTA keeps the message and tries again
  Refused,    ///< 5xx: the MTA bounces it
};

[[nodiscard]] std::string_view name_of(OutcomeKind kind);

/// RFC 3463 code. Class 0 means "none was given".
struct EnhancedCode {
  std::uint16_t klass = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  bool operator==(EnhancedCode const&) const = default;
  [[nodiscard]] std::string to_string() const;  ///< "4.7.1"
};

/// What the MTA is told about one recipient.
/// Invariants: code is 250, 4xx or 5xx and never 421; enhanced.klass == code / 100; text is one
/// printable line.
struct Outcome {
  OutcomeKind kind = OutcomeKind::Deferred;
  std::uint16_t code = 451;
  EnhancedCode enhanced{4, 3, 0};
  std::string text;             ///< without the codes
  bool said_by_remote = false;  ///< a reply of the remote, as against mailpool's own words
  bool ambiguous =
      false;  ///< the commit point was passed and no reply came: it may have been delivered
  /// Whether the server offers DSN; nothing where none was asked.
  std::optional<bool> offers_dsn;

  /// mailpool's own words. `code` decides the kind.
  static Outcome local(std::uint16_t code, EnhancedCode enhanced, std::string text);
  /// The remote's reply to `command` ("RCPT TO", "end of data"); `relay` is HOST[IP]:PORT. 421
  /// becomes 451, an enhanced code of another class than the reply's is replaced by x.0.0. Any
  /// reply but 2xx, 4xx or 5xx is an error of the caller.
  static Outcome remote(std::uint16_t code, EnhancedCode enhanced, std::string_view text,
                        std::string_view relay, std::string_view command);

  /// "451 4.7.1 text", one line of at most 512 octets without CRLF, for LMTP.
  [[nodiscard]] std::string reply_line() const;
};

}  // namespace mailpool
