#pragma once
// The server's side of TLS: its certificate and its settings.

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "core/base/result.h"

namespace mailpool::fakemx {

struct SslDeleter {
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
  void operator()(SSL* s) const { SSL_free(s); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslDeleter>;
using Ssl = std::unique_ptr<SSL, SslDeleter>;

struct TlsSettings {
  std::string certificate_file;  ///< PEM chain; empty: a self-signed one is made
  std::string key_file;
  std::string name = "fakemx.example";  ///< of the self-signed certificate
  bool expired = false;                 ///< the self-signed certificate ended yesterday
  std::string write_to;                 ///< where clients find the certificate, if not empty
  bool only_tls12 = false;
  int tickets = 2;  ///< NewSessionTickets behind a TLS 1.3 handshake
};

[[nodiscard]] Result<SslContext> make_context(TlsSettings const& settings);

/// What OpenSSL has to say about the last failure of this thread.
[[nodiscard]] std::string tls_error();

}  // namespace mailpool::fakemx
