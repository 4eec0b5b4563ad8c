#include "manager/tls.h"

#include <openssl/err.h>

#include <cerrno>
#include <cstring>

#include "manager/tls_budget.h"

namespace mailpool::manager {

std::string openssl_words() {
  auto const code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  char const* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

namespace {

// A modexp of a server's numbers takes a second at 10,000 bits, which OpenSSL would do. Providers
// of mail have done without for years; where `ciphers` asks for it, this is what 20 ms are enough
// for.
constexpr int most_dh_bits = 3072;
// As Postfix (smtp_tls_scert_verifydepth).
constexpr int most_intermediates = 9;

// All that OpenSSL offers by itself but ffdhe, the largest of which takes a third of a second; with
// the hybrid one where it is known.
constexpr char const* groups =
    "?*X25519MLKEM768 / ?*X25519:?secp256r1 / ?X448:?secp384r1:?secp521r1";
constexpr char const* older_groups = "X25519:P-256:X448:P-384:P-521";

using SecurityCallback = int (*)(SSL const*, SSL_CTX const*, int, int, int, void*, void*);

// OpenSSL's own, after the bound that it lacks: asked before the server's numbers are used.
int on_security(SSL const* ssl, SSL_CTX const* context, int what, int bits, int nid, void* other,
                void* own) {
  if (what == SSL_SECOP_TMP_DH && other != nullptr &&
      EVP_PKEY_get_bits(static_cast<EVP_PKEY const*>(other)) > most_dh_bits)
    return 0;
  return reinterpret_cast<SecurityCallback>(own)(ssl, context, what, bits, nid, other, nullptr);
}

TlsProgress progress_of(SSL* ssl, int result) {
  int const error = errno;
  if (auto const* const budget = TlsBudget::of(ssl);
      result != 1 && budget != nullptr && !budget->exceeded().empty()) {
    ERR_clear_error();
    return {TlsStep::Failed, 0, "TLS: " + std::string(budget->exceeded())};
  }
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_NONE:
      return {TlsStep::Done, 0, {}};
    case SSL_ERROR_WANT_READ:
      return {TlsStep::WantRead, 0, {}};
    case SSL_ERROR_WANT_WRITE:
      return {TlsStep::WantWrite, 0, {}};
    case SSL_ERROR_ZERO_RETURN:
      return {TlsStep::Closed, 0, "the server closed the connection"};
    case SSL_ERROR_SYSCALL:
      if (ERR_peek_error() == 0)
        return {TlsStep::Failed, 0,
                error == 0 ? "the server closed the connection" : std::strerror(error)};
      break;
    case SSL_ERROR_SSL:
      // EOF without close_notify: the peer's end, never the success of anything.
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return {TlsStep::Failed, 0, "the server closed the connection without close_notify"};
      }
      break;
    default:
      break;
  }
  return {TlsStep::Failed, 0, "TLS: " + openssl_words()};
}

}  // namespace

void bound_servers(SSL_CTX* context) {
  ERR_clear_error();
  if (SSL_CTX_set1_groups_list(context, groups) != 1)
    (void)SSL_CTX_set1_groups_list(context, older_groups);
  (void)SSL_CTX_set_cipher_list(context, "DEFAULT:!kDHE");
  auto* const own = SSL_CTX_get_security_callback(context);
  SSL_CTX_set0_security_ex_data(context, reinterpret_cast<void*>(own));
  SSL_CTX_set_security_callback(context, on_security);
  SSL_CTX_set_verify_depth(context, most_intermediates);
  ERR_clear_error();
}

bool tls_use_socket(SSL* ssl, int fd) {
  return SSL_set_fd(ssl, fd) == 1 && TlsBudget::put_below(ssl, {}) != nullptr;
}

void tls_begin_turn(SSL* ssl) {
  if (auto* const budget = TlsBudget::of(ssl)) budget->begin_turn();
}

TlsProgress tls_handshake(SSL* ssl) {
  ERR_clear_error();
  errno = 0;
  auto progress = progress_of(ssl, SSL_do_handshake(ssl));
  auto* const budget = TlsBudget::of(ssl);
  if (progress.step == TlsStep::Done && budget != nullptr) budget->note_handshake_done();
  return progress;
}

TlsProgress tls_read(SSL* ssl, char* to, std::size_t most) {
  ERR_clear_error();
  errno = 0;
  std::size_t n = 0;
  int const result = SSL_read_ex(ssl, to, most, &n);
  if (result == 1) {
    if (auto* const budget = TlsBudget::of(ssl)) budget->note_content();
    return {TlsStep::Done, n, {}};
  }
  return progress_of(ssl, result);
}

TlsProgress tls_write(SSL* ssl, std::string_view octets) {
  ERR_clear_error();
  errno = 0;
  std::size_t n = 0;
  int const result = SSL_write_ex(ssl, octets.data(), octets.size(), &n);
  if (result == 1) return {TlsStep::Done, n, {}};
  return progress_of(ssl, result);
}

}  // namespace mailpool::manager
