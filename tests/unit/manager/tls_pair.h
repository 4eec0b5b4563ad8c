#pragma once
// A TLS server and a client of it in one thread, over a pair of sockets: real OpenSSL at both ends.

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "manager/tls.h"
#include "manager/tls_facts.h"
#include "manager/tls_resumption.h"

namespace mailpool::manager::tests {

struct OpensslDeleter {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(X509* c) const { X509_free(c); }
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};
template <class T>
using Owned = std::unique_ptr<T, OpensslDeleter>;

/// A server's context with a certificate of its own making.
struct TlsServer {
  explicit TlsServer(int version, long certificate_lasts = 86'400)
      : context(SSL_CTX_new(TLS_server_method())),
        key(EVP_EC_gen("P-256")),
        certificate(X509_new()) {
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), certificate_lasts);
    auto* const name = X509_get_subject_name(certificate.get());
    auto const* text = reinterpret_cast<unsigned char const*>("mx.example.org");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_set_pubkey(certificate.get(), key.get());
    BOOST_REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0);
    BOOST_REQUIRE(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1);
    BOOST_REQUIRE(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
    SSL_CTX_set_max_proto_version(context.get(), version);
    constexpr unsigned char id[] = "test";
    SSL_CTX_set_session_id_context(context.get(), id, sizeof id);
  }
  Owned<SSL_CTX> context;
  Owned<EVP_PKEY> key;
  Owned<X509> certificate;
};

/// Connections as the manager makes them, towards whoever it trusts.
struct TlsClients {
  TlsClients() : context(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    bound_servers(context.get());
    gather_sessions(context.get());
  }
  void trust(TlsServer const& server) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), server.certificate.get());
  }
  Owned<SSL_CTX> context;
  Certificates certificates;
  TlsSessions sessions;
};

/// One connection.
class TlsPair {
 public:
  TlsPair(TlsServer& server, TlsClients& clients, pool::TlsSessionKey const& key)
      : clients_(clients) {
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_.data()) == 0);
    server_.reset(SSL_new(server.context.get()));
    client.reset(SSL_new(clients.context.get()));
    SSL_set_fd(server_.get(), fds_[0]);
    BOOST_REQUIRE(tls_use_socket(client.get(), fds_[1]));
    SSL_set_accept_state(server_.get());
    SSL_set_connect_state(client.get());
    resumption = std::make_unique<TlsResumption>(clients.sessions, client.get(), key);
  }
  ~TlsPair() {
    resumption.reset();
    for (int const fd : fds_) ::close(fd);
  }
  TlsPair(TlsPair const&) = delete;
  TlsPair& operator=(TlsPair const&) = delete;

  /// What it proved; sessions are kept.
  tls::Facts shake_hands() {
    auto const facts = only_shake_hands();
    resumption->keep(facts);
    say("220 hi");
    hear();
    heard.clear();
    return facts;
  }
  tls::Facts only_shake_hands() {
    for (int i = 0; i < 20; ++i) {
      auto const step = tls_handshake(client.get()).step;
      (void)tls_handshake(server_.get());
      if (step == TlsStep::Done && SSL_is_init_finished(server_.get()) == 1) break;
    }
    BOOST_REQUIRE(SSL_is_init_finished(client.get()) == 1);
    auto const* const resumed = resumption->resumed();
    return resumed != nullptr ? resumed_facts(client.get(), resumed->facts)
                              : tls_facts(client.get(), "", clients_.certificates);
  }
  /// What the client reads now.
  TlsProgress hear() {
    std::array<char, 256> text{};
    auto progress = tls_read(client.get(), text.data(), text.size());
    heard.append(text.data(), progress.octets);
    if (progress.step == TlsStep::Done) resumption->note_heard();
    return progress;
  }
  void say(std::string const& text) {
    BOOST_REQUIRE(tls_write(server_.get(), text).step == TlsStep::Done);
  }
  std::string server_hears() {
    std::array<char, 256> text{};
    auto const progress = tls_read(server_.get(), text.data(), text.size());
    return {text.data(), progress.octets};
  }
  [[nodiscard]] SSL* server() { return server_.get(); }

  SslPtr client;
  std::unique_ptr<TlsResumption> resumption;
  std::string heard;

 private:
  TlsClients& clients_;
  std::array<int, 2> fds_{};
  SslPtr server_;
};

}  // namespace mailpool::manager::tests
