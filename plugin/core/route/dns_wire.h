#pragma once
// DNS answers as bytes (RFC 1035 4.1, RFC 3596, RFC 2308): what libunbound hands over, read with
// strict bounds.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/route/resolver.h"
#include "core/tls/tlsa.h"

namespace mailpool::route {

using Octets = std::span<std::uint8_t const>;

/// A whole answer message. CNAMEs are followed inside it, whatever their order; records of other
/// owners are ignored. Malformed, a CNAME loop, or an rcode that is neither NOERROR nor NXDOMAIN:
/// Failure with words. The TTL is the smallest of the records used, for negative answers that of
/// RFC 2308 5 (0 without SOA). `secure` is left to the caller.
[[nodiscard]] MxAnswer parse_mx_answer(Octets message);
[[nodiscard]] AddressAnswer parse_address_answer(Octets message, IpAddress::Family family);

/// RDATA of TLSA, TXT or CNAME records; CNAMEs on the way are followed, unless they are asked for.
[[nodiscard]] RecordAnswer parse_record_answer(Octets message, std::uint16_t type);
/// RFC 6698 2.1; nothing if it is too short.
[[nodiscard]] std::optional<tls::TlsaRecord> tlsa_of(std::string_view rdata);
/// The strings of a TXT record as one text (RFC 8461 3.1); nothing if malformed.
[[nodiscard]] std::optional<std::string> text_of(std::string_view rdata);

/// Whether the message holds a record of this type: the probe for DNSSEC asks with it.
[[nodiscard]] bool holds_record(Octets message, std::uint16_t type);

/// "SERVFAIL", "REFUSED", "rcode 11".
[[nodiscard]] std::string rcode_name(int rcode);

inline constexpr std::uint16_t type_a = 1;
inline constexpr std::uint16_t type_cname = 5;
inline constexpr std::uint16_t type_mx = 15;
inline constexpr std::uint16_t type_txt = 16;
inline constexpr std::uint16_t type_aaaa = 28;
inline constexpr std::uint16_t type_rrsig = 46;
inline constexpr std::uint16_t type_dnskey = 48;
inline constexpr std::uint16_t type_tlsa = 52;
inline constexpr std::uint16_t class_in = 1;

}  // namespace mailpool::route
