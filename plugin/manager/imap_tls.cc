#include "manager/imap_tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/base/ip.h"

namespace mailpool::manager {
namespace {

std::string openssl_reason() {
  auto const code = ERR_get_error();
  ERR_clear_error();
  char const* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown TLS error";
}

bool expect_name(SSL* ssl, std::string const& host) {
  auto* const parameters = SSL_get0_param(ssl);
  if (IpAddress::parse(host)) return X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()) == 1;
}

}  // namespace

Result<SSL_CTX*> ImapTlsContexts::context_for(ImapSettings const& profile) {
  auto& context = contexts_[profile.tls_ca_file];
  if (context) return context.get();
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, SslDeleter> made(SSL_CTX_new(TLS_client_method()));
  if (!made) return failed("OpenSSL: " + openssl_reason());
  SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(made.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
  bool const is_loaded =
      profile.tls_ca_file.empty()
          ? SSL_CTX_set_default_verify_paths(made.get()) == 1
          : SSL_CTX_load_verify_file(made.get(), profile.tls_ca_file.c_str()) == 1;
  if (!is_loaded)
    return failed(
        fmt::format("{} (tls_ca_file) cannot be used: {}",
                    profile.tls_ca_file.empty() ? "the system's certificates" : profile.tls_ca_file,
                    openssl_reason()));
  gather_sessions(made.get());
  context = std::move(made);
  return context.get();
}

Result<std::unique_ptr<SSL, SslDeleter>> ImapTlsContexts::connection(int fd,
                                                                     ImapSettings const& profile,
                                                                     std::string const& host) {
  auto const context = context_for(profile);
  if (!context) {
    contexts_.erase(profile.tls_ca_file);
    return tl::make_unexpected(context.error());
  }
  ERR_clear_error();
  std::unique_ptr<SSL, SslDeleter> ssl(SSL_new(*context));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return failed("out of memory for TLS");
  if (!IpAddress::parse(host))
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(host.c_str()));
  if (profile.tls_verify) {
    SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
    if (!expect_name(ssl.get(), host)) return failed("the host name cannot be verified");
  }
  SSL_set_connect_state(ssl.get());
  return ssl;
}

pool::TlsSessionKey session_key(ImapSettings const& profile, ImapServer const& server,
                                std::string const& peer) {
  pool::TlsSessionKey key;
  key.wire.protocol = pool::Protocol::Imap;
  key.wire.tls =
      profile.tls == ImapTls::Implicit ? pool::WireTls::Implicit : pool::WireTls::StartTls;
  key.wire.mx_host = server.host;
  key.wire.address = IpAddress::parse(peer).value_or(IpAddress{});
  key.wire.port = server.port;
  key.wire.tls_settings = profile.tls_ca_file;
  key.policy = fmt::format("{} {}", profile.tls_verify ? "verify" : "encrypt", profile.name);
  return key;
}

std::string why_not_trusted(SSL* ssl, std::string const& otherwise) {
  auto const verdict = SSL_get_verify_result(ssl);
  if (verdict == X509_V_OK || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return otherwise;
  return fmt::format("TLS: the server's certificate is not trusted: {} (tls_verify, tls_ca_file)",
                     X509_verify_cert_error_string(verdict));
}

}  // namespace mailpool::manager
