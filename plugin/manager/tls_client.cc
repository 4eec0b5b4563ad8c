#include "manager/tls_client.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "core/base/text.h"
#include "manager/tls_facts.h"
#include "manager/tls_files.h"
#include "manager/tls_resumption.h"

namespace mailpool::manager {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files_of_a_directory = 10'000;

int version_of(TlsVersion version) {
  return version == TlsVersion::Tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/// Adds the TLSA records and the names that DANE-TA asks for. False when out of memory.
bool set_up_dane(SSL* ssl, tls::Plan const& plan) {
  // It sets SNI and the first name to this one.
  if (SSL_dane_enable(ssl, plan.server_name.c_str()) != 1) return false;
  // RFC 7672 3.1.1: names and dates of a certificate that is matched itself mean nothing.
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  for (auto const& name : plan.dane_names)
    if (name != plan.server_name && SSL_add1_host(ssl, name.c_str()) != 1) return false;
  for (auto const& record : plan.records) {
    auto const* const data = reinterpret_cast<unsigned char const*>(record.data.data());
    // 0: OpenSSL cannot use it, and passes it over. Digest agility (RFC 7671 9) is its own.
    if (SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching, data,
                          record.data.size()) < 0)
      return false;
  }
  return true;
}

}  // namespace

class TlsClient::Maker {
 public:
  Maker(TlsClient& client, std::vector<std::string>& mistakes, std::vector<std::string>& warnings)
      : client_(client), mistakes_(mistakes), warnings_(warnings) {}

  void add(TlsSettings& settings, std::string const& where) {
    auto const [known, is_new] = read_.try_emplace(options_of(settings));
    if (is_new) known->second = read(settings, where);
    settings.files = known->second;
  }

  /// "" means those of [tls], which are at hand.
  void add_imap(std::string const& tls_ca_file, TlsSettings const& usual,
                std::string const& where) {
    client_.imap_[tls_ca_file] =
        tls_ca_file.empty() ? Places(usual.ca_file, usual.ca_dir) : Places(tls_ca_file, "");
    if (!tls_ca_file.empty()) (void)trust(tls_ca_file, "", where, "tls_ca_file");
  }

  Trust const& trust(std::string const& file, std::string const& directory,
                     std::string const& where, std::string const& option = "ca_file") {
    auto& known = client_.trusts_[{file, directory}];
    if (known.store) return known;
    known.store.reset(X509_STORE_new());
    if (!known.store) return known;
    if (!file.empty()) load_file(known.store.get(), file, where + " " + option);
    if (!directory.empty()) load_directory(known.store.get(), directory, where);
    known.digest = digest_of_authorities(known.store.get());
    return known;
  }

 private:
  using Options = std::tuple<std::string, std::string, std::string, std::string, std::string,
                             std::string, TlsVersion>;

  static Options options_of(TlsSettings const& s) {
    return {s.ca_file,     s.ca_dir, s.ciphers,        s.ciphersuites,
            s.certificate, s.key,    s.minimum_version};
  }

  // The digests are of what OpenSSL was given, not of a second look at the files, which may be
  // replaced at any time.
  TlsFiles read(TlsSettings settings, std::string const& where) {
    Context context(SSL_CTX_new(TLS_client_method()));
    if (!context) return complain(where, "OpenSSL"), TlsFiles();
    set_modes(context.get(), settings);
    bound_servers(context.get());
    set_ciphers(context.get(), settings, where);
    set_certificate(context.get(), settings, where);
    auto const& trusted = trust(settings.ca_file, settings.ca_dir, where);
    if (trusted.store) SSL_CTX_set1_cert_store(context.get(), trusted.store.get());
    settings.files = {digest_of_certificate(context.get()), trusted.digest};
    client_.contexts_.try_emplace({tls::digest_of(settings), settings.files.client_certificate},
                                  std::move(context));
    return settings.files;
  }

  static void set_modes(SSL_CTX* context, TlsSettings const& settings) {
    SSL_CTX_set_min_proto_version(context, version_of(settings.minimum_version));
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    // Verified, but never refused here: what was proved is held against the policy before MAIL.
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    gather_sessions(context);
    SSL_CTX_dane_enable(context);
  }

  void set_ciphers(SSL_CTX* context, TlsSettings const& settings, std::string const& where) {
    if (!settings.ciphers.empty() &&
        SSL_CTX_set_cipher_list(context, settings.ciphers.c_str()) != 1)
      complain(where, fmt::format("ciphers = \"{}\"", settings.ciphers));
    if (!settings.ciphersuites.empty() &&
        SSL_CTX_set_ciphersuites(context, settings.ciphersuites.c_str()) != 1)
      complain(where, fmt::format("ciphersuites = \"{}\"", settings.ciphersuites));
  }

  void set_certificate(SSL_CTX* context, TlsSettings const& settings, std::string const& where) {
    if (settings.certificate.empty()) return;
    auto const& key = settings.key.empty() ? settings.certificate : settings.key;
    if (SSL_CTX_use_certificate_chain_file(context, settings.certificate.c_str()) != 1)
      return complain(where, fmt::format("certificate {}", settings.certificate));
    if (auto why = objection_to_key_file(key); !why.empty()) {
      mistakes_.push_back(fmt::format("[{}] key {}: {}", where, key, why));
      return;
    }
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
      return complain(where, fmt::format("key {}", key));
    auto const is_this = [&](Shown const& s) { return s.file == settings.certificate; };
    if (std::none_of(client_.shown_.begin(), client_.shown_.end(), is_this))
      client_.shown_.push_back(
          {where, settings.certificate, end_of(SSL_CTX_get0_certificate(context))});
  }

  void load_file(X509_STORE* store, std::string const& file, std::string const& option) {
    std::error_code error;
    if (!fs::exists(file, error)) {
      // The default's package is perhaps not installed: opportunistic TLS works all the same.
      auto& list = file == TlsSettings().ca_file ? warnings_ : mistakes_;
      list.push_back(
          fmt::format("{}: {} does not exist, so no certificate can be verified "
                      "(package ca-certificates has one)",
                      option, file));
    } else if (X509_STORE_load_file(store, file.c_str()) != 1) {
      complain(option, file);
    }
  }

  void load_directory(X509_STORE* store, std::string const& directory, std::string const& where) {
    std::error_code error;
    std::vector<std::string> files;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
      if (files.size() < most_files_of_a_directory && it->is_regular_file(error))
        files.push_back(it->path().string());
    if (error) {
      mistakes_.push_back(fmt::format("{} ca_dir {}: {}", where, directory, error.message()));
      return;
    }
    std::sort(files.begin(), files.end());
    // Whatever else lies there is passed over.
    for (auto const& file : files) (void)X509_STORE_load_file(store, file.c_str());
    ERR_clear_error();
  }

  void complain(std::string const& where, std::string const& what) {
    mistakes_.push_back(printable(fmt::format("{} {}: {}", where, what, openssl_words())));
  }

  TlsClient& client_;
  std::map<Options, TlsFiles> read_;
  std::vector<std::string>& mistakes_;
  std::vector<std::string>& warnings_;
};

std::shared_ptr<TlsClient const> TlsClient::make(Settings& settings,
                                                 std::vector<std::string>& mistakes,
                                                 std::vector<std::string>& warnings) {
  ERR_clear_error();
  auto client = std::make_shared<TlsClient>();
  Maker maker(*client, mistakes, warnings);
  auto& usual = settings.smtp.tls_settings;
  maker.add(usual, "[tls]");
  for (auto& [name, site] : settings.sites)
    maker.add(site.settings.tls_settings, fmt::format("[site.{}] tls:", name));
  maker.add_imap("", usual, "[tls]");
  for (auto const& [name, profile] : settings.imap)
    if (profile.tls != ImapTls::None)
      maker.add_imap(profile.tls_ca_file, usual, fmt::format("[imap.{}]", name));
  client->sts_trust_ = settings.mta_sts.ca_file.empty()
                           ? maker.trust(usual.ca_file, usual.ca_dir, "[tls]").store.get()
                           : maker.trust(settings.mta_sts.ca_file, "", "[mta_sts]").store.get();
  return client;
}

TlsClient::Trust const* TlsClient::trust_for_imap(std::string const& tls_ca_file) const {
  auto const places = imap_.find(tls_ca_file);
  return places == imap_.end() ? nullptr : &trusts_.at(places->second);
}

SslPtr TlsClient::connection(int fd, tls::Plan const& plan) const {
  ERR_clear_error();
  auto const context = contexts_.find({plan.settings, plan.client_certificate});
  if (context == contexts_.end()) return nullptr;
  SslPtr ssl(SSL_new(context->second.get()));
  if (!ssl || !tls_use_socket(ssl.get(), fd)) return nullptr;
  if (!plan.records.empty()) {
    if (!set_up_dane(ssl.get(), plan)) return nullptr;
  } else if (!plan.server_name.empty()) {
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(plan.server_name.c_str()));
  }
  if (!plan.may_resume) SSL_set_options(ssl.get(), SSL_OP_NO_TICKET);
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace mailpool::manager
