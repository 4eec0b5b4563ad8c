#pragma once
// TLS towards IMAP servers: chain and host name are checked unless the operator says otherwise.

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>

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
  /// Until when the certificate is valid that a server last showed; WallTime{}: not seen.
  [[nodiscard]] WallTime certificate_until(std::string const& host) const;
  [[nodiscard]] TlsSessions& sessions() { return sessions_; }

 private:
  using Files =
      std::tuple<std::string, std::string, std::string>;  ///< authorities, certificate, key
  [[nodiscard]] static Files files_of(ImapSettings const& profile);
  [[nodiscard]] Result<SSL_CTX*> context_for(ImapSettings const& profile);
  static void on_info(SSL const* ssl, int where, int);
  std::shared_ptr<TlsClient const> tls_;
  std::map<Files, std::unique_ptr<SSL_CTX, SslDeleter>> contexts_;
  std::map<std::string, WallTime> valid_until_;  ///< by host
  TlsSessions sessions_;
};

/// Whose sessions a connection to this address may resume. `peer` is the address.
[[nodiscard]] pool::TlsSessionKey session_key(ImapSettings const& profile, ImapServer const& server,
                                              std::string const& peer);
/// Why a handshake failed: what was wrong with the certificate, if it was that; else `otherwise`.
[[nodiscard]] std::string why_not_trusted(SSL* ssl, std::string const& otherwise);

}  // namespace mailpool::manager
