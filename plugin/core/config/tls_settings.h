#pragma once
// The options of TLS towards servers: which level, and how hands are shaken. [tls] holds the
// defaults, [site.NAME] what differs.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace mailpool {

/// What a delivery requires of TLS; Postfix's words and meanings (smtp_tls_security_level), and
/// `auto`.
enum class TlsLevel : std::uint8_t {
  None,      ///< never STARTTLS
  May,       ///< where the server offers it; whoever it is (RFC 7435)
  Encrypt,   ///< always; whoever it is
  Verify,    ///< a trusted certificate with the MX host's name
  Secure,    ///< a trusted certificate with a name of the recipient's domain
  Dane,      ///< by the TLSA records of the MX host (RFC 7672); without any as `May`
  DaneOnly,  ///< by the TLSA records; without usable ones no delivery
  Auto,      ///< `Dane` where there are TLSA records, else the domain's MTA-STS policy, else `May`
};
enum class TlsVersion : std::uint8_t { Tls12, Tls13 };

/// "none", "may", "encrypt", "verify", "secure", "dane", "dane-only", "auto".
[[nodiscard]] std::string_view name_of(TlsLevel level);
/// "TLSv1.2", "TLSv1.3".
[[nodiscard]] std::string_view name_of(TlsVersion version);

/// What the files of a TlsSettings held when they were read; filled in by who reads them. Digests:
/// a file that is renewed under its old name is another one.
struct TlsFiles {
  std::string client_certificate;  ///< of the certificate, its chain and its key; "": none is shown
  std::string authorities;         ///< of those that are trusted; "": none
  bool operator==(TlsFiles const&) const = default;
};

struct TlsSettings {
  std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";
  std::string ca_dir;
  TlsVersion minimum_version = TlsVersion::Tls12;
  std::string ciphers;           ///< of TLS 1.2, in OpenSSL's language; "": OpenSSL's choice
  std::string ciphersuites;      ///< of TLS 1.3, likewise
  std::string certificate;       ///< of the client: a PEM file with its chain; "": none
  std::string key;               ///< its key; "": in the same file
  std::string sni = "hostname";  ///< hostname, nexthop, none, or a name
  /// Names that a trusted certificate may have: hostname, nexthop, dot-nexthop, a name, or
  /// ".parent". None: those of the level.
  std::vector<std::string> match;
  bool wrapper = false;     ///< TLS from the first octet, as on port 465
  bool required_no = true;  ///< "TLS-Required: No" in a header is obeyed (RFC 8689)
  bool session_resumption = true;
  TlsFiles files;  ///< no option

  bool operator==(TlsSettings const&) const = default;
};

/// [mta_sts]
struct MtaStsSettings {
  bool enabled = true;
  Duration timeout = std::chrono::seconds(10);
  std::string ca_file;       ///< "": that of [tls]
  std::uint16_t port = 443;  ///< of the policy hosts
  bool operator==(MtaStsSettings const&) const = default;
};

}  // namespace mailpool
