// Which TLS sessions are kept, and who may resume them.

#include "manager/tls_sessions.h"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tls_pair.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace mailpool::manager::tests;
using namespace std::chrono_literals;

namespace {

pool::TlsSessionKey key_of(std::string host = "mx.example.org") {
  pool::TlsSessionKey key;
  key.wire.mx_host = std::move(host);
  key.wire.port = 25;
  return key;
}

using Change = std::function<void(pool::TlsSessionKey&)>;
std::vector<std::pair<std::string, Change>> const changes{
    {"host", [](auto& k) { k.wire.mx_host = "mx2.example.org"; }},
    {"address", [](auto& k) { k.wire.address = *IpAddress::parse("192.0.2.1"); }},
    {"port", [](auto& k) { k.wire.port = 465; }},
    {"source", [](auto& k) { k.wire.source = *IpAddress::parse("192.0.2.2"); }},
    {"EHLO name", [](auto& k) { k.wire.ehlo_name = "a.example.org"; }},
    {"mechanism", [](auto& k) { k.wire.credential.mechanism = "PLAIN"; }},
    {"user", [](auto& k) { k.wire.credential.user = "anna"; }},
    {"sender domain", [](auto& k) { k.wire.credential.sender_domain = "a.example"; }},
    {"password", [](auto& k) { k.wire.credential.version = 2; }},
    {"client certificate", [](auto& k) { k.wire.client_certificate = "digest"; }},
    {"TLS settings", [](auto& k) { k.wire.tls_settings = "digest"; }},
    {"protocol", [](auto& k) { k.wire.protocol = pool::Protocol::Imap; }},
    {"wrapper", [](auto& k) { k.wire.tls = pool::WireTls::Implicit; }},
    {"TLS-Required: No", [](auto& k) { k.wire.tls_required_no = true; }},
    {"policy", [](auto& k) { k.policy = "secure"; }},
    {"TLSA records", [](auto& k) { k.records = "digest"; }},
};

/// A server that was connected to once, and the session that it gave.
struct Given {
  explicit Given(int version) : server(version) {
    clients.trust(server);
    TlsPair pair(server, clients, key_of());
    pair.shake_hands();
    session.reset(
        SSL_SESSION_dup(SSL_get0_session(pair.client.get())));  // its end spoils the other
    clients.sessions.forget_all();
  }
  std::shared_ptr<TlsProof const> proof(WallTime at, WallTime until = WallTime::max()) const {
    TlsProof made;
    made.facts.proved_until = until;
    made.at = at;
    return std::make_shared<TlsProof const>(made);
  }
  void put(TlsSessions& to, pool::TlsSessionKey const& key, WallTime at) const {
    to.put(key, session.get(), proof(at), at);
  }
  TlsServer server;
  TlsClients clients;
  TlsSessionPtr session;
};

struct Given13 : Given {
  Given13() : Given(TLS1_3_VERSION) {}
};

WallTime const start = WallTime(std::chrono::hours(500'000));

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls_sessions, Given13)

BOOST_AUTO_TEST_CASE(a_session_is_resumed_by_connections_of_an_equal_key_alone) {
  for (auto const& [name, change] : changes) {
    BOOST_TEST_CONTEXT(name) {
      TlsSessions sessions;
      put(sessions, key_of(), start);
      auto other = key_of();
      change(other);
      BOOST_TEST(!sessions.take(other, start));
      BOOST_TEST(sessions.take(key_of(), start).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_session_of_tls_1_3_is_given_out_once_one_of_tls_1_2_stays) {
  TlsSessions sessions;
  put(sessions, key_of(), start);
  BOOST_TEST(sessions.take(key_of(), start).has_value());
  BOOST_TEST(!sessions.take(key_of(), start));
  BOOST_TEST(sessions.octets() == 0U);

  Given const older(TLS1_2_VERSION);
  for (int i = 0; i < 3; ++i) older.put(sessions, key_of(), start);
  BOOST_TEST(sessions.size() == 1U);
  for (int i = 0; i < 3; ++i) BOOST_TEST(sessions.take(key_of(), start).has_value());
}

BOOST_AUTO_TEST_CASE(a_session_ends_an_hour_after_the_full_handshake_however_new_it_is) {
  TlsSessions sessions;
  auto const proved = proof(start);
  for (int i = 0; i < 2; ++i) sessions.put(key_of(), session.get(), proved, start + 59min);
  BOOST_TEST(sessions.take(key_of(), start + 1h - 1ns).has_value());
  BOOST_TEST(!sessions.take(key_of(), start + 1h));
  BOOST_TEST(sessions.size() == 0U);
  sessions.put(key_of(), session.get(), proved, start + 1h);
  BOOST_TEST(sessions.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_session_ends_with_the_first_certificate_of_what_was_proved) {
  TlsSessions sessions;
  for (int i = 0; i < 2; ++i)
    sessions.put(key_of(), session.get(), proof(start, start + 5min), start);
  BOOST_TEST(sessions.take(key_of(), start + 5min - 1ns).has_value());
  BOOST_TEST(!sessions.take(key_of(), start + 5min));
}

BOOST_AUTO_TEST_CASE(a_session_ends_when_the_server_forgets_it) {
  SSL_CTX_set_timeout(server.context.get(), 300);
  TlsPair pair(server, clients, key_of());
  pair.shake_hands();
  session.reset(SSL_SESSION_dup(SSL_get0_session(pair.client.get())));  // its end spoils the other
  TlsSessions sessions;
  for (int i = 0; i < 2; ++i) put(sessions, key_of(), start);
  BOOST_TEST(sessions.take(key_of(), start + 300s - 1ns).has_value());
  BOOST_TEST(!sessions.take(key_of(), start + 300s));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_back_prolongs_nothing) {
  TlsSessions sessions;
  put(sessions, key_of(), start);
  BOOST_TEST(!sessions.take(key_of(), start - 1s));
  BOOST_TEST(sessions.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_session_that_was_offered_in_vain_is_the_last_of_its_key_for_an_hour) {
  TlsSessions sessions;
  put(sessions, key_of(), start);
  put(sessions, key_of("other.example.org"), start);
  sessions.failed(key_of(), start);
  put(sessions, key_of(), start + 1h - 1ns);
  BOOST_TEST(!sessions.take(key_of(), start + 1h - 1ns));
  BOOST_TEST(sessions.take(key_of("other.example.org"), start).has_value());
  put(sessions, key_of(), start + 1h);
  BOOST_TEST(sessions.take(key_of(), start + 1h).has_value());
}

BOOST_AUTO_TEST_CASE(sessions_are_bounded_by_key_in_number_and_in_octets) {
  TlsSessions sessions({.sessions = 5, .octets = 1U << 20U, .of_one_key = 2});
  for (int i = 0; i < 4; ++i) put(sessions, key_of(), start);
  BOOST_TEST(sessions.size() == 2U);
  auto const octets_of_one = sessions.octets() / 2;
  for (char host = 'a'; host < 'k'; ++host) put(sessions, key_of(std::string(1, host)), start);
  BOOST_TEST(sessions.size() == 5U);
  BOOST_TEST(!sessions.take(key_of("e"), start));
  BOOST_TEST(sessions.take(key_of("f"), start).has_value());

  TlsSessions small({.sessions = 100, .octets = 3 * octets_of_one});
  for (char host = 'a'; host < 'k'; ++host) put(small, key_of(std::string(1, host)), start);
  BOOST_TEST(small.size() == 3U);
  BOOST_TEST(small.octets() <= 3 * octets_of_one);

  TlsSessions strict({.octets_of_one = octets_of_one - 1});
  put(strict, key_of(), start);
  BOOST_TEST(strict.size() == 0U);

  TlsSessions places({.sessions = 3});
  for (char host = 'a'; host < 'k'; ++host) places.failed(key_of(std::string(1, host)), start);
  put(places, key_of("a"), start);
  BOOST_TEST(places.take(key_of("a"), start).has_value());
}

BOOST_AUTO_TEST_CASE(what_has_ended_is_not_kept_though_nobody_asks_for_it) {
  TlsSessions sessions;
  put(sessions, key_of("a"), start);
  put(sessions, key_of("b"), start + 2h);
  BOOST_TEST(sessions.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
