#pragma once
// What a server announced in its reply to EHLO (RFC 5321 4.1.1.1).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailpool::wire {

struct Capabilities {
  bool esmtp = false;  ///< EHLO was accepted; false after HELO
  bool pipelining = false;
  bool chunking = false;
  bool eight_bit_mime = false;
  bool smtputf8 = false;
  bool enhanced_status_codes = false;
  bool starttls = false;
  bool require_tls = false;  ///< RFC 8689
  bool dsn = false;          ///< RFC 3461
  bool size = false;
  std::uint64_t size_limit = 0;           ///< octets, RFC 1870; 0: no limit announced
  std::optional<std::uint32_t> mail_max;  ///< RFC 9422 LIMITS: transactions per connection
  std::optional<std::uint32_t> rcpt_max;  ///< recipients per transaction
  std::optional<std::uint32_t> rcpt_domain_max;
  std::string auth;  ///< RFC 4954: mechanisms, upper case, between single blanks

  bool operator==(Capabilities const&) const = default;
  /// One line of the EHLO reply, without the code; unknown words are ignored.
  void learn(std::string_view line);
};

}  // namespace mailpool::wire
