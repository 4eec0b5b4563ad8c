#include "manager/imap_tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "core/base/ip.h"
#include "core/imap/wire_key.h"
#include "manager/tls_files.h"

namespace mailpool::manager {
namespace {

bool expect_name(SSL* ssl, std::string const& host) {
  auto* const parameters = SSL_get0_param(ssl);
  if (IpAddress::parse(host)) return X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()) == 1;
}

int host_index() {
  static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Result<void> show_certificate(SSL_CTX* context, ImapSettings const& profile) {
  auto const& file = profile.tls_certificate_file;
  if (file.empty()) return {};
  auto const& key = profile.tls_key_file.empty() ? file : profile.tls_key_file;
  if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) != 1)
    return failed(fmt::format("{} (tls_certificate_file): {}", file, openssl_words()));
  if (auto const why = objection_to_key_file(key); !why.empty())
    return failed(fmt::format("{} (tls_key_file): {}", key, why));
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return failed(fmt::format("{} (tls_key_file): {}", key, openssl_words()));
  return {};
}

}  // namespace

ImapTlsContexts::Files ImapTlsContexts::files_of(ImapSettings const& profile) {
  return {profile.tls_ca_file, profile.tls_certificate_file, profile.tls_key_file};
}

// Notes how long the certificate is valid that a server has shown.
void ImapTlsContexts::on_info(SSL const* ssl, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_DONE) == 0) return;
  auto* const self = static_cast<ImapTlsContexts*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  auto const* const host = static_cast<std::string const*>(SSL_get_ex_data(ssl, host_index()));
  X509 const* const shown = SSL_get0_peer_certificate(ssl);
  std::tm end{};
  if (self == nullptr || host == nullptr || shown == nullptr ||
      ASN1_TIME_to_tm(X509_get0_notAfter(shown), &end) != 1)
    return;
  self->valid_until_[*host] = std::chrono::system_clock::from_time_t(::timegm(&end));
}

WallTime ImapTlsContexts::certificate_until(std::string const& host) const {
  auto const found = valid_until_.find(host);
  return found == valid_until_.end() ? WallTime{} : found->second;
}

void ImapTlsContexts::set_tls(std::shared_ptr<TlsClient const> tls) {
  tls_ = std::move(tls);
  contexts_.clear();
  sessions_.forget_all();
}

std::string ImapTlsContexts::authorities_of(ImapSettings const& profile) const {
  auto const* const trusted = tls_->trust_for_imap(profile.tls_ca_file);
  return trusted == nullptr ? std::string() : trusted->digest;
}

Result<SSL_CTX*> ImapTlsContexts::context_for(ImapSettings const& profile) {
  auto& context = contexts_[files_of(profile)];
  if (context) return context.get();
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, SslDeleter> made(SSL_CTX_new(TLS_client_method()));
  if (!made) return failed("OpenSSL: " + openssl_words());
  SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(made.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
  bound_servers(made.get());
  // A profile that is on its way out may name authorities that are not read any more.
  auto const* const trusted = tls_->trust_for_imap(profile.tls_ca_file);
  if (trusted == nullptr || !trusted->store)
    return failed(fmt::format("the authorities of {} (tls_ca_file) were not read",
                              profile.tls_ca_file.empty() ? "[tls]" : profile.tls_ca_file));
  SSL_CTX_set1_cert_store(made.get(), trusted->store.get());
  if (auto shown = show_certificate(made.get(), profile); !shown)
    return tl::make_unexpected(shown.error());
  gather_sessions(made.get());
  SSL_CTX_set_app_data(made.get(), this);
  SSL_CTX_set_info_callback(made.get(), &ImapTlsContexts::on_info);
  context = std::move(made);
  return context.get();
}

Result<std::unique_ptr<SSL, SslDeleter>> ImapTlsContexts::connection(int fd,
                                                                     ImapSettings const& profile,
                                                                     std::string const& host) {
  auto const context = context_for(profile);
  if (!context) {
    contexts_.erase(files_of(profile));
    return tl::make_unexpected(context.error());
  }
  ERR_clear_error();
  std::unique_ptr<SSL, SslDeleter> ssl(SSL_new(*context));
  if (!ssl || !tls_use_socket(ssl.get(), fd)) return failed("out of memory for TLS");
  if (!IpAddress::parse(host))
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(host.c_str()));
  // The map keeps the name where it is.
  auto& of_host = *valid_until_.try_emplace(host).first;
  SSL_set_ex_data(ssl.get(), host_index(), const_cast<std::string*>(&of_host.first));
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
  key.wire.tls = imap::wire_tls_of(profile);
  key.wire.mx_host = server.host;
  key.wire.address = IpAddress::parse(peer).value_or(IpAddress{});
  key.wire.port = server.port;
  key.wire.tls_settings = profile.tls_ca_file + " " + profile.tls_certificate_file;
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
