#include "manager/tls.h"

#include <openssl/err.h>

#include <cerrno>
#include <cstring>

namespace mailpool::manager {

std::string openssl_words() {
  auto const code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  char const* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

namespace {

TlsProgress progress_of(SSL* ssl, int result) {
  int const error = errno;
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

TlsProgress tls_handshake(SSL* ssl) {
  ERR_clear_error();
  errno = 0;
  return progress_of(ssl, SSL_do_handshake(ssl));
}

TlsProgress tls_read(SSL* ssl, char* to, std::size_t most) {
  ERR_clear_error();
  errno = 0;
  std::size_t n = 0;
  int const result = SSL_read_ex(ssl, to, most, &n);
  if (result == 1) return {TlsStep::Done, n, {}};
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
