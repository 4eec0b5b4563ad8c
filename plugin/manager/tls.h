#pragma once
// OpenSSL, as far as mailpool needs it: a client context, a handshake, reads and writes that never
// block.

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/delivery/network.h"

namespace mailpool::manager {

struct SslDeleter {
  void operator()(SSL* s) const { SSL_free(s); }
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};

/// Settings shared by all client connections: TLS 1.2 at least, no verification (opportunistic, RFC
/// 7435), no compression.
class TlsClient {
 public:
  static Result<TlsClient> make();
  /// A new connection over `fd`, with SNI unless `server_name` is an address. Null when out of
  /// memory.
  [[nodiscard]] std::unique_ptr<SSL, SslDeleter> connection(int fd,
                                                            std::string const& server_name) const;

 private:
  std::unique_ptr<SSL_CTX, SslDeleter> context_;
};

enum class TlsStep : std::uint8_t { Done, WantRead, WantWrite, Closed, Failed };
struct TlsProgress {
  TlsStep step = TlsStep::Failed;
  std::size_t octets = 0;
  std::string why;  ///< for Failed, in OpenSSL's words
};

[[nodiscard]] TlsProgress tls_handshake(SSL* ssl);
[[nodiscard]] TlsProgress tls_read(SSL* ssl, char* to, std::size_t most);
[[nodiscard]] TlsProgress tls_write(SSL* ssl, std::string_view octets);
[[nodiscard]] delivery::TlsFacts tls_facts(SSL* ssl);

}  // namespace mailpool::manager
