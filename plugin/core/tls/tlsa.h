#pragma once
// TLSA records (RFC 6698) as RFC 7672 lets SMTP clients use them.

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace mailpool::tls {

struct TlsaRecord {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data;  ///< octets
  auto operator<=>(TlsaRecord const&) const = default;
};

/// DANE-TA(2) or DANE-EE(3), a selector and a matching type that exist, data of the right size.
/// Usages 0 and 1 need no public authority and are not used with SMTP (RFC 7672 3.1.3).
[[nodiscard]] bool is_usable(TlsaRecord const& record);
/// The usable ones, in order, each once.
[[nodiscard]] std::vector<TlsaRecord> usable(std::vector<TlsaRecord> records);
/// Equal for equal sets of usable records, and only for those.
[[nodiscard]] std::string digest_of(std::vector<TlsaRecord> const& records);
/// "3 1 1".
[[nodiscard]] std::string summary_of(TlsaRecord const& record);

/// What DNS says of the TLSA records of one host.
enum class TlsaState : std::uint8_t {
  NotAsked,  ///< its addresses are not signed, or no level asks
  None,      ///< securely none, or in an unsigned zone
  Usable,
  Unusable,  ///< there are some, of kinds that cannot be used: encryption without authentication
  Bogus,     ///< validation failed
  Failed,    ///< SERVFAIL, timeout
};
[[nodiscard]] std::string_view name_of(TlsaState state);

}  // namespace mailpool::tls
