#include "manager/tls.h"

#include <openssl/err.h>

#include <cerrno>
#include <cstring>

#include "core/base/ip.h"

namespace mailpool::manager {
namespace {

std::string openssl_words() {
  auto const code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  char const* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

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

Result<TlsClient> TlsClient::make() {
  TlsClient client;
  client.context_.reset(SSL_CTX_new(TLS_client_method()));
  auto* context = client.context_.get();
  if (context == nullptr) return failed("OpenSSL: " + openssl_words());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return client;
}

std::unique_ptr<SSL, SslDeleter> TlsClient::connection(int fd,
                                                       std::string const& server_name) const {
  ERR_clear_error();
  std::unique_ptr<SSL, SslDeleter> ssl(SSL_new(context_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  if (!IpAddress::parse(server_name) && !server_name.starts_with('['))
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(server_name.c_str()));
  SSL_set_connect_state(ssl.get());
  return ssl;
}

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

delivery::TlsFacts tls_facts(SSL* ssl) {
  delivery::TlsFacts facts;
  facts.version = SSL_get_version(ssl);
  facts.cipher = SSL_get_cipher_name(ssl);
  facts.resumed = SSL_session_reused(ssl) == 1;
  return facts;
}

}  // namespace mailpool::manager
