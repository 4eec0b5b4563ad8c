#pragma once
// What a handshake proved, read from OpenSSL when it is done.

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/tls/facts.h"

namespace mailpool::manager {

/// Descriptions of certificates, shared by all connections that were shown the same one: a server's
/// with a thousand names is described once.
class Certificates {
 public:
  /// Null for none.
  [[nodiscard]] std::shared_ptr<tls::Certificate const> describe(X509* certificate);
  [[nodiscard]] std::size_t known() const { return known_.size(); }

 private:
  std::unordered_map<std::string, std::weak_ptr<tls::Certificate const>> known_;  ///< fingerprint
};

/// Until when it is valid; the epoch if it does not say so.
[[nodiscard]] WallTime end_of(X509 const* certificate);
/// Of a full handshake. `records_digest`: of the TLSA records that it was given, "" for none. The
/// chain to the public authorities is verified at any rate, DANE or not, so that a connection can
/// serve whoever asks for either.
[[nodiscard]] tls::Facts tls_facts(SSL* ssl, std::string const& records_digest,
                                   Certificates& certificates);
/// When the first certificate ends of the chain that the handshake verified; later without one.
[[nodiscard]] WallTime end_of_verified_chain(SSL* ssl);
/// Of one that resumed a session: what the full handshake proved, then (the certificate is not
/// shown again).
[[nodiscard]] tls::Facts resumed_facts(SSL* ssl, tls::Facts const& original);

}  // namespace mailpool::manager
