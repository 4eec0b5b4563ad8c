#pragma once
// What a connection's handshake achieved: what every later question about the connection is
// answered from. Recorded at every level, so that a connection made for one domain can serve a
// stricter one.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace mailpool::tls {

/// The server's certificate, shared by all connections that were shown it.
struct Certificate {
  bool names_are_alternative = true;  ///< of subjectAltName; else the subject's common name
  std::vector<std::string> names;  ///< DNS names of it (RFC 6125), lower case, perhaps "*.example"
  std::string subject;             ///< printable
  std::string issuer;
  std::string fingerprint;  ///< SHA-256, hexadecimal
  WallTime not_after{};
};

enum class Dane : std::uint8_t {
  NotTried,  ///< the handshake was given no TLSA records
  Matched,
  Failed,
};

struct Facts {
  std::string version;  ///< "TLSv1.3"; "": plain text
  std::string cipher;
  bool resumed = false;
  std::shared_ptr<Certificate const> certificate;
  /// A chain to a trusted authority, for use as a server, valid in time; names apart.
  bool chain_is_good = false;
  std::string chain_problem;  ///< why not, in OpenSSL's words
  bool chain_has_expired = false;
  /// When the first certificate ends of those that proved something; later if nothing did.
  WallTime proved_until = WallTime::max();
  Dane dane = Dane::NotTried;
  std::string dane_records;     ///< digest of the TLSA records that were tried
  std::uint8_t dane_usage = 0;  ///< of the record that matched: 2 or 3
  std::string dane_problem;

  [[nodiscard]] bool is_encrypted() const { return !version.empty(); }
};

/// For status and logs: "verified by DANE-EE", "verified by its certificate", "trusted, of NAME",
/// ...: `host` is the MX host that was connected to.
[[nodiscard]] std::string verified_how(Facts const& facts, std::string const& host);
/// "none", or "TLSv1.3 TLS_AES_256_GCM_SHA384 verified by DANE-EE".
[[nodiscard]] std::string summary_of(Facts const& facts, std::string const& host);

}  // namespace mailpool::tls
