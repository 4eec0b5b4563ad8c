// Handshakes that resume a session, with a real server.

#include "manager/tls_resumption.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "tls_pair.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace mailpool::manager::tests;

namespace {

pool::TlsSessionKey key_of(std::string policy) {
  pool::TlsSessionKey key;
  key.wire.mx_host = "mx.example.org";
  key.policy = std::move(policy);
  return key;
}

struct Room {
  tls::Facts connect(TlsServer& to, std::string const& policy = "verify") {
    TlsPair pair(to, clients, key_of(policy));
    return pair.shake_hands();
  }
  TlsServer server{TLS1_3_VERSION};
  TlsClients clients;
};

constexpr int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls_resumption, Room)

BOOST_AUTO_TEST_CASE(a_resumed_handshake_says_what_the_full_one_proved) {
  for (int const version : versions) {
    Room room;
    TlsServer speaks(version);
    room.clients.trust(speaks);
    auto const full = room.connect(speaks);
    BOOST_TEST(!full.resumed);
    BOOST_TEST(full.chain_is_good);
    BOOST_TEST((full.proved_until == full.certificate->not_after));
    for (int i = 0; i < 3; ++i) {
      auto const facts = room.connect(speaks);
      BOOST_TEST(facts.resumed);
      BOOST_TEST(facts.chain_is_good);
      BOOST_TEST(facts.certificate == full.certificate);
      BOOST_TEST(facts.version == full.version);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_session_of_a_server_that_was_not_verified_does_not_become_verified) {
  for (int const version : versions) {
    TlsServer speaks(version);
    BOOST_TEST(!connect(speaks).chain_is_good);
    clients.trust(speaks);
    auto const facts = connect(speaks);
    BOOST_TEST(facts.resumed);
    BOOST_TEST(!facts.chain_is_good);
    clients.sessions.forget_all();
  }
}

BOOST_AUTO_TEST_CASE(a_resumed_session_under_which_nothing_is_heard_is_the_last_one_for_a_while) {
  for (int const version : versions) {
    TlsServer speaks(version);
    connect(speaks);
    {
      TlsPair pair(speaks, clients, key_of("verify"));
      auto const facts = pair.only_shake_hands();
      BOOST_TEST(facts.resumed);
      pair.resumption->keep(facts);
      (void)pair.hear();
    }
    BOOST_TEST(clients.sessions.size() == 0U);
    BOOST_TEST(!connect(speaks).resumed);
    BOOST_TEST(!connect(speaks).resumed);
    clients.sessions.forget_all();
  }
}

BOOST_AUTO_TEST_CASE(sessions_are_kept_once_something_was_heard) {
  for (int const version : versions) {
    TlsServer speaks(version);
    TlsPair pair(speaks, clients, key_of("verify"));
    auto const facts = pair.only_shake_hands();
    pair.resumption->keep(facts);
    (void)pair.hear();
    BOOST_TEST(clients.sessions.size() == 0U);
    pair.say("220 hi");
    (void)pair.hear();
    BOOST_TEST(clients.sessions.size() > 0U);
    clients.sessions.forget_all();
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_refuses_shakes_hands_in_full_and_proves_itself_afresh) {
  for (int const version : versions) {
    TlsServer speaks(version);
    clients.trust(speaks);
    auto const before = connect(speaks);
    TlsServer successor(version);
    auto const facts = connect(successor);
    BOOST_TEST(!facts.resumed);
    BOOST_TEST(!facts.chain_is_good);
    BOOST_TEST(facts.certificate->fingerprint != before.certificate->fingerprint);
    BOOST_TEST(connect(successor).resumed);
    clients.sessions.forget_all();
  }
}

BOOST_AUTO_TEST_CASE(what_a_resumed_connection_is_given_ends_with_the_first_ones_proof) {
  connect(server);
  auto const now = std::chrono::system_clock::now();
  connect(server);
  BOOST_TEST(clients.sessions.take(key_of("verify"), now + std::chrono::minutes(59)).has_value());
  BOOST_TEST(!clients.sessions.take(key_of("verify"), now + TlsSessions::longest_life));
}

BOOST_AUTO_TEST_CASE(a_ticket_that_comes_to_an_idle_connection_is_taken_there) {
  TlsPair pair(server, clients, key_of("verify"));
  pair.shake_hands();
  auto const known = clients.sessions.size();
  BOOST_TEST(known > 0U);
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(SSL_new_session_ticket(pair.server()) == 1);
    SSL_do_handshake(pair.server());
    BOOST_TEST((pair.hear().step == TlsStep::WantRead));
  }
  BOOST_TEST(clients.sessions.size() == known + 3);
  pair.say("250 still here");
  pair.hear();
  BOOST_TEST(pair.heard == "250 still here");
}

BOOST_AUTO_TEST_CASE(a_key_update_is_answered_and_heard_by_nobody) {
  TlsPair pair(server, clients, key_of("verify"));
  pair.shake_hands();
  BOOST_TEST(SSL_key_update(pair.server(), SSL_KEY_UPDATE_REQUESTED) == 1);
  SSL_do_handshake(pair.server());
  BOOST_TEST((pair.hear().step == TlsStep::WantRead));
  BOOST_TEST(pair.heard == "");
  BOOST_TEST((tls_write(pair.client.get(), "NOOP").step == TlsStep::Done));
  BOOST_TEST(pair.server_hears() == "NOOP");
  pair.say("250 ok");
  pair.hear();
  BOOST_TEST(pair.heard == "250 ok");
}

BOOST_AUTO_TEST_CASE(a_wish_to_renegotiate_is_refused) {
  TlsServer older(TLS1_2_VERSION);
  TlsPair pair(older, clients, key_of("verify"));
  pair.shake_hands();
  BOOST_TEST(SSL_renegotiate(pair.server()) == 1);
  SSL_do_handshake(pair.server());
  BOOST_TEST((pair.hear().step == TlsStep::WantRead));
  BOOST_TEST(SSL_num_renegotiations(pair.client.get()) == 0);
  BOOST_TEST(SSL_is_init_finished(pair.client.get()) == 1);
}

BOOST_AUTO_TEST_CASE(sessions_of_a_connection_that_did_not_prove_enough_are_not_kept) {
  for (int const version : versions) {
    TlsServer speaks(version);
    TlsPair pair(speaks, clients, key_of("verify"));
    pair.only_shake_hands();
    pair.hear();
    BOOST_TEST(clients.sessions.size() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_connection_from_before_a_reload_leaves_nothing_behind) {
  TlsPair pair(server, clients, key_of("verify"));
  pair.shake_hands();
  clients.sessions.forget_all();
  SSL_new_session_ticket(pair.server());
  SSL_do_handshake(pair.server());
  pair.hear();
  BOOST_TEST(clients.sessions.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_fails_with_a_session_is_the_last_one_with_any) {
  connect(server);
  { TlsPair const broken(server, clients, key_of("verify")); }
  BOOST_TEST(clients.sessions.size() == 0U);
  BOOST_TEST(!connect(server).resumed);
  BOOST_TEST(!connect(server).resumed);
  BOOST_TEST(!connect(server, "may").resumed);
  BOOST_TEST(connect(server, "may").resumed);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_fails_without_a_session_concerns_none) {
  { TlsPair const broken(server, clients, key_of("verify")); }
  connect(server);
  BOOST_TEST(connect(server).resumed);
}

BOOST_AUTO_TEST_SUITE_END()
