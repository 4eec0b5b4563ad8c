// What a server can make TLS take and compute within one turn, with real OpenSSL at both ends.

#include "manager/tls_budget.h"

#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/param_build.h>

#include <boost/test/unit_test.hpp>
#include <ctime>
#include <string>

#include "tls_pair.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace mailpool::manager::tests;

namespace {

constexpr TlsBudget::Limits limits{};
constexpr char hello_request[] = {22, 3, 3, 0, 4, 0, 0, 0, 0};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

/// A client's end whose server writes what the test says, without any TLS of its own.
class RawPair {
 public:
  RawPair() : context_(SSL_CTX_new(TLS_client_method())), client(nullptr) {
    SSL_CTX_set_options(context_.get(), SSL_OP_NO_RENEGOTIATION);
    bound_servers(context_.get());
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_.data()) == 0);
    int const much = 4U << 20U;
    for (int const fd : fds_) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &much, sizeof much);
    client.reset(SSL_new(context_.get()));
    BOOST_REQUIRE(tls_use_socket(client.get(), fds_[1]));
    SSL_set_connect_state(client.get());
  }
  ~RawPair() {
    for (int const fd : fds_) ::close(fd);
  }
  RawPair(RawPair const&) = delete;
  RawPair& operator=(RawPair const&) = delete;

  void say(std::string_view octets) {
    while (!octets.empty()) {
      auto const n = ::send(fds_[0], octets.data(), std::min<std::size_t>(octets.size(), 8192), 0);
      if (n <= 0) return;
      octets.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  [[nodiscard]] bool has_more() const {
    char octet = 0;
    return ::recv(fds_[1], &octet, 1, MSG_PEEK) > 0;
  }

 private:
  Owned<SSL_CTX> context_;
  std::array<int, 2> fds_{};

 public:
  SslPtr client;
};

std::string repeated(std::string_view piece, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += piece;
  return all;
}

std::string const hello_requests = repeated({hello_request, sizeof hello_request}, 1);

// A record of nothing but HelloRequest, 4 octets each.
std::string full_of_hello_requests() {
  std::string record{22, 3, 3, 0x40, 0};
  return record + std::string(0x4000, '\0');
}

/// Both ends, as the manager has the client's.
struct Ends {
  explicit Ends(int version) : server(version) {}
  TlsServer server;
  TlsClients clients;
};

EVP_PKEY* dh_of_bits(std::size_t bits) {
  BIGNUM* const p = BN_new();
  BIGNUM* const g = BN_new();
  BN_rand(p, static_cast<int>(bits), BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
  BN_set_word(g, 2);
  auto* const build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, p);
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, g);
  auto* const parameters = OSSL_PARAM_BLD_to_param(build);
  auto* const context = EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr);
  EVP_PKEY* key = nullptr;
  BOOST_REQUIRE(EVP_PKEY_fromdata_init(context) == 1);
  BOOST_REQUIRE(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEY_PARAMETERS, parameters) == 1);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(build);
  BN_free(p);
  BN_free(g);
  return key;
}

struct Shaken {
  TlsProgress end;
  double client_cpu = 0;
};

Shaken shake(SSL_CTX* server_context, SSL_CTX* client_context) {
  std::array<int, 2> fds{};
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
  SslPtr const server(SSL_new(server_context));
  SslPtr const client(SSL_new(client_context));
  SSL_set_fd(server.get(), fds[0]);
  BOOST_REQUIRE(tls_use_socket(client.get(), fds[1]));
  SSL_set_accept_state(server.get());
  SSL_set_connect_state(client.get());
  Shaken shaken;
  for (int i = 0; i < 20; ++i) {
    auto const before = cpu_seconds();
    tls_begin_turn(client.get());
    shaken.end = tls_handshake(client.get());
    shaken.client_cpu += cpu_seconds() - before;
    bool const is_over = shaken.end.step == TlsStep::Done || shaken.end.step == TlsStep::Failed;
    if (is_over) break;
    (void)tls_handshake(server.get());
  }
  for (int const fd : fds) ::close(fd);
  return shaken;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_budget)

BOOST_AUTO_TEST_CASE(a_turn_takes_so_many_records_of_a_handshake_and_leaves_the_rest_for_the_next) {
  RawPair pair;
  (void)tls_handshake(pair.client.get());
  pair.say(repeated(hello_requests, 3 * limits.records_in_a_turn / 2));
  BOOST_TEST((tls_handshake(pair.client.get()).step == TlsStep::WantRead));
  BOOST_TEST(pair.has_more());
  BOOST_TEST((tls_handshake(pair.client.get()).step == TlsStep::WantRead));
  BOOST_TEST(pair.has_more());
  tls_begin_turn(pair.client.get());
  BOOST_TEST((tls_handshake(pair.client.get()).step == TlsStep::WantRead));
  BOOST_TEST(!pair.has_more());
}

BOOST_AUTO_TEST_CASE(a_handshake_of_records_without_end_fails_and_says_why) {
  RawPair pair;
  (void)tls_handshake(pair.client.get());
  TlsProgress progress;
  std::size_t turns = 0;
  do {
    pair.say(repeated(hello_requests, limits.records_in_a_turn));
    tls_begin_turn(pair.client.get());
    progress = tls_handshake(pair.client.get());
  } while (progress.step == TlsStep::WantRead && ++turns < 100);
  BOOST_TEST((progress.step == TlsStep::Failed));
  BOOST_TEST(progress.why == "TLS: the server sends more than 1024 TLS records without content");
  BOOST_TEST(turns == limits.records_without_content / limits.records_in_a_turn);
}

BOOST_AUTO_TEST_CASE(a_handshake_of_octets_without_end_fails_and_says_why) {
  RawPair pair;
  (void)tls_handshake(pair.client.get());
  TlsProgress progress;
  std::size_t turns = 0;
  do {
    pair.say(repeated(full_of_hello_requests(), 4));
    tls_begin_turn(pair.client.get());
    auto const before = cpu_seconds();
    progress = tls_handshake(pair.client.get());
    BOOST_TEST(cpu_seconds() - before < 0.05);
  } while (progress.step == TlsStep::WantRead && ++turns < 100);
  BOOST_TEST((progress.step == TlsStep::Failed));
  BOOST_TEST(progress.why == "TLS: the server's handshake does not end within 262144 octets");
}

BOOST_AUTO_TEST_CASE(records_without_content_end_a_connection_and_content_lets_them_begin_anew) {
  Ends ends(TLS1_3_VERSION);
  TlsPair pair(ends.server, ends.clients, {});
  pair.shake_hands();
  auto const updates = [&](std::size_t count) {
    TlsProgress progress;
    for (std::size_t i = 0; i < count; ++i) {
      BOOST_REQUIRE(SSL_key_update(pair.server(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
      SSL_do_handshake(pair.server());
      tls_begin_turn(pair.client.get());
      progress = pair.hear();
      if (progress.step == TlsStep::Failed) break;
    }
    return progress;
  };
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST((updates(limits.records_without_content - 10).step == TlsStep::WantRead));
    pair.say("250 ok");
    pair.hear();
  }
  BOOST_TEST(pair.heard == "250 ok250 ok");
  auto const end = updates(limits.records_without_content + 1);
  BOOST_TEST((end.step == TlsStep::Failed));
  BOOST_TEST(end.why == "TLS: the server sends more than 1024 TLS records without content");
}

BOOST_AUTO_TEST_CASE(key_updates_take_a_turns_share_and_no_more) {
  Ends ends(TLS1_3_VERSION);
  TlsPair pair(ends.server, ends.clients, {});
  pair.shake_hands();
  for (std::size_t i = 0; i < limits.records_in_a_turn * 2; ++i) {
    BOOST_REQUIRE(SSL_key_update(pair.server(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    SSL_do_handshake(pair.server());
  }
  pair.say("250 ok");
  int turns = 0;
  while (pair.heard.empty() && turns < 10) {
    ++turns;
    tls_begin_turn(pair.client.get());
    BOOST_REQUIRE((pair.hear().step != TlsStep::Failed));
  }
  BOOST_TEST(turns == 3);
}

BOOST_AUTO_TEST_CASE(content_of_a_turn_is_bounded_too_and_none_of_it_is_lost) {
  Ends ends(TLS1_3_VERSION);
  TlsPair pair(ends.server, ends.clients, {});
  pair.shake_hands();
  std::string all;
  for (std::size_t i = 0; i < limits.records_in_a_turn * 2; ++i) {
    all += static_cast<char>('a' + i % 26);
    pair.say(all.substr(i));
  }
  tls_begin_turn(pair.client.get());
  while (pair.hear().step == TlsStep::Done) {
  }
  BOOST_TEST(pair.heard.size() <= limits.records_in_a_turn);
  BOOST_TEST(!pair.heard.empty());
  for (int i = 0; i < 3; ++i) {
    tls_begin_turn(pair.client.get());
    while (pair.hear().step == TlsStep::Done) {
    }
  }
  BOOST_TEST(pair.heard == all);
}

BOOST_AUTO_TEST_CASE(no_server_chooses_diffie_hellman_over_numbers_by_itself) {
  Ends ends(TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(ends.server.context.get(), "kDHE:kECDHE");
  SSL_CTX_set_options(ends.server.context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_dh_auto(ends.server.context.get(), 1);
  TlsPair pair(ends.server, ends.clients, {});
  BOOST_TEST(pair.shake_hands().cipher.starts_with("ECDHE-"));
}

BOOST_AUTO_TEST_CASE(
    where_the_ciphers_ask_for_it_the_modulus_is_bounded_before_it_is_computed_with) {
  for (auto const& [bits, is_taken] :
       {std::pair{2048, true}, {3072, true}, {3073, false}, {4096, false}, {10'000, false}}) {
    Ends ends(TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ends.server.context.get(), "kDHE");
    SSL_CTX_set_cipher_list(ends.clients.context.get(), "kDHE");
    // The key of a certificate of theirs must do for a cipher with DHE, which ECDSA has none of.
    Owned<EVP_PKEY> const key(EVP_RSA_gen(2048));
    X509_set_pubkey(ends.server.certificate.get(), key.get());
    BOOST_REQUIRE(X509_sign(ends.server.certificate.get(), key.get(), EVP_sha256()) != 0);
    Owned<SSL_CTX> const fresh(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_max_proto_version(fresh.get(), TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(fresh.get(), "kDHE");
    BOOST_REQUIRE(SSL_CTX_use_certificate(fresh.get(), ends.server.certificate.get()) == 1);
    BOOST_REQUIRE(SSL_CTX_use_PrivateKey(fresh.get(), key.get()) == 1);
    BOOST_REQUIRE(
        SSL_CTX_set0_tmp_dh_pkey(fresh.get(), dh_of_bits(static_cast<std::size_t>(bits))) == 1);
    auto const shaken = shake(fresh.get(), ends.clients.context.get());
    BOOST_TEST((shaken.end.step == TlsStep::Done) == is_taken, bits << ": " << shaken.end.why);
    BOOST_TEST(shaken.client_cpu < 0.05, bits << " bits took " << shaken.client_cpu << " s");
  }
}

BOOST_AUTO_TEST_CASE(tls_1_3_knows_no_group_of_numbers_either) {
  for (char const* group : {"ffdhe2048", "ffdhe8192"}) {
    Ends ends(TLS1_3_VERSION);
    BOOST_REQUIRE(SSL_CTX_set1_groups_list(ends.server.context.get(), group) == 1);
    auto const shaken = shake(ends.server.context.get(), ends.clients.context.get());
    BOOST_TEST((shaken.end.step != TlsStep::Done));
    BOOST_TEST(shaken.client_cpu < 0.05);
  }
  for (char const* group : {"X25519", "P-256", "P-384", "P-521", "X448"}) {
    Ends ends(TLS1_3_VERSION);
    BOOST_REQUIRE(SSL_CTX_set1_groups_list(ends.server.context.get(), group) == 1);
    auto const shaken = shake(ends.server.context.get(), ends.clients.context.get());
    BOOST_TEST((shaken.end.step == TlsStep::Done));
    BOOST_TEST(shaken.client_cpu < 0.05);
  }
}

BOOST_AUTO_TEST_SUITE_END()
