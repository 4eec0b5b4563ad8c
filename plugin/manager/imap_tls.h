#pragma once
// TLS towards IMAP servers: chain and host name are checked unless the operator says otherwise.

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/config/imap_settings.h"
#include "manager/tls_client.h"
#include "manager/tls_resumption.h"

namespace mailpool::manager {

class ImapTlsContexts {
 public:
  /// Whose authorities are trusted from now on: those of before, and the sessions of connections
  /// that they verified, are forgotten.
  void set_tls(std::shared_ptr<TlsClient const> tls);
  /// Digest of those that verify this profile's servers; "": none.
  [[nodiscard]] std::string authorities_of(ImapSettings const& profile) const;
  /// A connection over `fd` for this profile and server, ready for its handshake; or why not.
  [[nodiscard]] Result<std::unique_ptr<SSL, SslDeleter>> connection(int fd,
                                                                    ImapSettings const& profile,
                                                                    std::string const& host);
  [[nodiscard]] TlsSessions& sessions() { return sessions_; }

 private:
  [[nodiscard]] Result<SSL_CTX*> context_for(ImapSettings const& profile);
  std::shared_ptr<TlsClient const> tls_;
  std::map<std::string, std::unique_ptr<SSL_CTX, SslDeleter>> contexts_;  ///< by tls_ca_file
  TlsSessions sessions_;
};

/// Whose sessions a connection to this address may resume. `peer` is the address.
[[nodiscard]] pool::TlsSessionKey session_key(ImapSettings const& profile, ImapServer const& server,
                                              std::string const& peer);
/// Why a handshake failed: what was wrong with the certificate, if it was that; else `otherwise`.
[[nodiscard]] std::string why_not_trusted(SSL* ssl, std::string const& otherwise);

}  // namespace mailpool::manager
