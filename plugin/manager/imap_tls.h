#pragma once
// TLS towards IMAP servers: chain and host name are checked unless the operator says otherwise.

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/config/imap_settings.h"
#include "manager/tls.h"
#include "manager/tls_resumption.h"

namespace mailpool::manager {

class ImapTlsContexts {
 public:
  /// A connection over `fd` for this profile and server, ready for its handshake; or why not.
  [[nodiscard]] Result<std::unique_ptr<SSL, SslDeleter>> connection(int fd,
                                                                    ImapSettings const& profile,
                                                                    std::string const& host);
  /// Certificate files are read again when they are needed next, and certificates are asked for.
  void forget() {
    contexts_.clear();
    sessions_.forget_all();
  }
  [[nodiscard]] TlsSessions& sessions() { return sessions_; }

 private:
  [[nodiscard]] Result<SSL_CTX*> context_for(ImapSettings const& profile);
  std::map<std::string, std::unique_ptr<SSL_CTX, SslDeleter>> contexts_;  ///< by tls_ca_file
  TlsSessions sessions_;
};

/// Whose sessions a connection to this address may resume. `peer` is the address.
[[nodiscard]] pool::TlsSessionKey session_key(ImapSettings const& profile, ImapServer const& server,
                                              std::string const& peer);
/// Why a handshake failed: what was wrong with the certificate, if it was that; else `otherwise`.
[[nodiscard]] std::string why_not_trusted(SSL* ssl, std::string const& otherwise);

}  // namespace mailpool::manager
