#pragma once
// OpenSSL, as far as mailpool needs it on the wire: a handshake, reads and writes that never block.
// Who is trusted is in tls_client.h, what a handshake proved in tls_facts.h.

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mailpool::manager {

struct SslDeleter {
  void operator()(SSL* s) const { SSL_free(s); }
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
  void operator()(X509_STORE* s) const { X509_STORE_free(s); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

enum class TlsStep : std::uint8_t { Done, WantRead, WantWrite, Closed, Failed };
struct TlsProgress {
  TlsStep step = TlsStep::Failed;
  std::size_t octets = 0;
  std::string why;  ///< for Failed, in OpenSSL's words
};

/// What servers can make us compute and take is bounded, for connections of this context: no
/// ephemeral Diffie-Hellman over numbers unless the context's ciphers name it, and then of few
/// bits; chains of few certificates.
void bound_servers(SSL_CTX* context);
/// Ready to shake hands over a socket, with a TlsBudget below it. False when out of memory.
[[nodiscard]] bool tls_use_socket(SSL* ssl, int fd);
/// The socket has something: a turn's share of it may be taken.
void tls_begin_turn(SSL* ssl);

/// WantRead also where the turn's share is used up.
[[nodiscard]] TlsProgress tls_handshake(SSL* ssl);
[[nodiscard]] TlsProgress tls_read(SSL* ssl, char* to, std::size_t most);
[[nodiscard]] TlsProgress tls_write(SSL* ssl, std::string_view octets);

/// What OpenSSL says of the last failure of this thread; its list of failures is empty then.
[[nodiscard]] std::string openssl_words();

}  // namespace mailpool::manager
