#include "fakemx/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace mailpool::fakemx {

namespace {

struct OpensslDeleter {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(X509* c) const { X509_free(c); }
  void operator()(X509_EXTENSION* e) const { X509_EXTENSION_free(e); }
  void operator()(BIO* b) const { BIO_free(b); }
};
template <class T>
using Owned = std::unique_ptr<T, OpensslDeleter>;

constexpr long day = 86'400;

void add_extension(X509* certificate, int nid, std::string const& value) {
  Owned<X509_EXTENSION> const extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
  if (extension) X509_add_ext(certificate, extension.get(), -1);
}

Owned<X509> self_signed(EVP_PKEY* key, TlsSettings const& settings) {
  Owned<X509> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -30 * day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), settings.expired ? -day : 365 * day);
  auto* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<unsigned char const*>(settings.name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), name);
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), NID_subject_alt_name, "DNS:" + settings.name);
  X509_set_pubkey(certificate.get(), key);
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) certificate.reset();
  return certificate;
}

Result<void> use_self_signed(SSL_CTX* context, TlsSettings const& settings) {
  Owned<EVP_PKEY> const key(EVP_EC_gen("P-256"));
  if (!key) return failed("cannot make a key: " + tls_error());
  auto const certificate = self_signed(key.get(), settings);
  if (!certificate || SSL_CTX_use_certificate(context, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return failed("cannot make a certificate: " + tls_error());
  return {};
}

Result<void> use_files(SSL_CTX* context, TlsSettings const& settings) {
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) != 1)
    return failed(fmt::format("{}: {}", settings.certificate_file, tls_error()));
  if (SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return failed(fmt::format("{}: {}", settings.key_file, tls_error()));
  return {};
}

}  // namespace

std::string tls_error() {
  char text[256] = "no reason given";
  if (auto const code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

Result<SslContext> make_context(TlsSettings const& settings) {
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return failed(tls_error());
  auto const used = settings.certificate_file.empty() ? use_self_signed(context.get(), settings)
                                                      : use_files(context.get(), settings);
  if (!used) return tl::make_unexpected(used.error());
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_num_tickets(context.get(), static_cast<std::size_t>(settings.tickets));
  if (settings.only_tls12) SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  constexpr unsigned char id[] = "fakemx";
  SSL_CTX_set_session_id_context(context.get(), id, sizeof id);
  if (!settings.write_to.empty()) {
    Owned<BIO> const file(BIO_new_file(settings.write_to.c_str(), "w"));
    if (!file || PEM_write_bio_X509(file.get(), SSL_CTX_get0_certificate(context.get())) != 1)
      return failed(fmt::format("cannot write {}: {}", settings.write_to, tls_error()));
  }
  return context;
}

}  // namespace mailpool::fakemx
