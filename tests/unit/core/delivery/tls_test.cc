// What mail requires of TLS, and which connections it therefore goes on.

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

/// A server with STARTTLS at one address, for several domains of one site.
struct TlsLab : DeliveryLab {
  TlsLab() {
    for (auto const* domain : {"a.test", "b.test", "c.test"})
      settings.routes[domain] = {{"192.0.2.1", 25}};
    settings.smtp.tls = TlsLevel::May;
    network.behaviour.ehlo = "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    network.behaviour.answer = [this](SimulatedServer&, std::string const& line) {
      return line == "STARTTLS" ? starttls : std::string("?");
    };
    network.behaviour.tls = [this](auto const&, auto const& plan) {
      plans.push_back(plan);
      return shown;
    };
    shown = facts({"mx.example.com"}, true);
  }
  void require(std::string const& domain, TlsLevel level, std::vector<std::string> match = {}) {
    settings.domains[domain].tls = level;
    settings.domains[domain].tls_match = std::move(match);
  }
  tls::Facts facts(std::vector<std::string> names, bool is_good) const {
    tls::Facts f;
    f.version = "TLSv1.3";
    f.cipher = "TLS_AES_256_GCM_SHA384";
    f.chain_is_good = is_good;
    f.chain_problem = is_good ? "" : "self-signed certificate";
    auto certificate = std::make_shared<tls::Certificate>();
    certificate->names = std::move(names);
    certificate->not_after = clock.wall(clock.now_ + 1h);
    f.certificate = certificate;
    return f;
  }
  void silence_handshakes() {
    network.behaviour.tls = nullptr;
    settings.smtp.starttls_timeout = 5s;  // the mail waits for max_wait at most
  }
  void answer_handshakes() {
    network.behaviour.tls = [this](auto const&, auto const&) { return shown; };
  }
  tls::Day today() const { return tls::day_of(clock.wall(clock.now_)); }
  std::string starttls = "220 go ahead\r\n";
  std::optional<tls::Facts> shown;
  std::vector<tls::Plan> plans;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(delivery_over_tls, TlsLab)

BOOST_AUTO_TEST_CASE(a_connection_made_for_anybody_serves_who_requires_what_it_proved) {
  require("b.test", TlsLevel::Encrypt);
  require("c.test", TlsLevel::Secure, {"mx.example.com"});
  BOOST_TEST(deliver("u@a.test").is_delivered());
  BOOST_TEST(deliver("u@b.test").is_delivered());
  BOOST_TEST(deliver("u@c.test").is_delivered());
  BOOST_TEST(opened() == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_not_proved_is_refused_without_mail_and_others_are_not_concerned) {
  shown = facts({"mx.example.com"}, false);
  require("c.test", TlsLevel::Secure, {"mx.example.com"});
  BOOST_TEST(deliver("u@a.test").is_delivered());
  auto& strict = deliver("u@c.test");
  BOOST_TEST(contains(strict.line(), "451 4.7.5"));
  BOOST_TEST(contains(strict.line(), "tls = \"secure\" requires a trusted certificate"));
  BOOST_TEST(count_commands("MAIL") == 1U);
  BOOST_TEST(deliver("u@a.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(
    an_endpoint_that_could_not_prove_it_is_left_alone_for_a_while_then_tried_again) {
  shown = facts({"mx.example.com"}, false);
  require("c.test", TlsLevel::Secure, {"mx.example.com"});
  deliver("u@c.test");
  BOOST_TEST(opened() == 1U);
  BOOST_TEST(contains(deliver("u@c.test").line(), "backing_off"));
  BOOST_TEST(opened() == 1U);
  shown = facts({"mx.example.com"}, true);
  pass(3s);
  BOOST_TEST(deliver("u@c.test").is_delivered());
  BOOST_TEST(opened() == 2U);
}

BOOST_AUTO_TEST_CASE(
    a_certificate_that_ends_while_the_connection_lives_serves_only_the_undemanding) {
  settings.smtp.idle_timeout = 1h;
  settings.smtp.max_lifetime = 24h;
  settings.smtp.check_after = 1h;
  require("c.test", TlsLevel::Secure, {"mx.example.com"});
  deliver("u@c.test");
  pass(59min);
  deliver("u@c.test");
  BOOST_TEST(opened() == 1U);
  pass(2min);
  auto const fresh = facts({"mx.example.com"}, true);
  shown = fresh;
  BOOST_TEST(deliver("u@c.test").is_delivered());
  BOOST_TEST(opened() == 2U);
}

BOOST_AUTO_TEST_CASE(mail_that_wants_no_tls_has_connections_of_its_own) {
  require("b.test", TlsLevel::None);
  deliver("u@a.test");
  deliver("u@b.test");
  BOOST_TEST(opened() == 2U);
  BOOST_TEST(count_commands("STARTTLS") == 1U);
}

BOOST_AUTO_TEST_CASE(a_failed_handshake_is_followed_by_plain_text_only_where_that_is_allowed) {
  shown.reset();
  require("b.test", TlsLevel::Encrypt);
  BOOST_TEST(deliver("u@a.test").is_delivered());
  BOOST_TEST(opened() == 2U);
  auto& strict = deliver("u@b.test");
  BOOST_TEST(contains(strict.line(), "451 4.7.5"));
  BOOST_TEST(contains(strict.line(), "(tls = \"encrypt\" requires TLS)"));
  BOOST_TEST(count_commands("MAIL") == 1U);
}

BOOST_AUTO_TEST_CASE(a_failed_handshake_is_remembered_for_ten_minutes_and_over_a_restart) {
  settings.smtp.idle_timeout = 1s;
  shown.reset();
  deliver("u@a.test");
  pass(tls::plain_for - 1min);
  deliver("u@a.test");
  BOOST_TEST(count_commands("STARTTLS") == 1U);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 1U);
  shown = facts({"mx.example.com"}, true);
  pass(2min);
  deliver("u@a.test");
  BOOST_TEST(count_commands("STARTTLS") == 2U);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
}

BOOST_AUTO_TEST_CASE(octets_behind_the_220_end_the_connection_at_every_level) {
  starttls = "220 go ahead\r\n250 mx\r\n";
  require("b.test", TlsLevel::Encrypt);
  BOOST_TEST(contains(deliver("u@b.test").line(), "451 4.7.5"));
  BOOST_TEST(count_commands("MAIL") == 0U);
  BOOST_TEST(context->totals.poisoned == 1U);
}

BOOST_AUTO_TEST_CASE(a_stricter_option_counts_for_connections_that_are_there) {
  shown = facts({"mx.example.com"}, false);
  deliver("u@a.test");
  settings.smtp.tls = TlsLevel::Secure;
  dispatcher->reconfigure(settings, clock.now_);
  settle();
  BOOST_TEST(contains(deliver("u@a.test").line(), "451 4.7.5"));
  BOOST_TEST(count_commands("MAIL") == 1U);
}

BOOST_AUTO_TEST_CASE(a_session_is_reported_once_for_each_domain_that_it_served) {
  for (int i = 0; i < 3; ++i) deliver("u@a.test");
  deliver("u@b.test");
  auto const today = tls::day_of(clock.wall(clock.now_));
  BOOST_TEST(context->tls.reports.of("a.test", today).at(0).successes == 1U);
  BOOST_TEST(context->tls.reports.of("b.test", today).at(0).successes == 1U);
  BOOST_TEST(context->tls.reports.of("c.test", today).empty());
}

BOOST_AUTO_TEST_CASE(the_wrapper_shakes_hands_before_the_greeting_and_says_no_starttls) {
  settings.smtp.tls_settings.wrapper = true;
  network.behaviour.greeting = "";
  network.behaviour.tls = [this](auto const&, auto const&) {
    network.servers.back()->to_send.push_back({clock.now_, "220 mx ESMTP\r\n"});
    return shown;
  };
  BOOST_TEST(deliver("u@a.test").is_delivered());
  BOOST_TEST(count_commands("STARTTLS") == 0U);
}

BOOST_AUTO_TEST_CASE(sessions_are_resumed_within_one_reuse_key_and_one_policy) {
  settings.smtp.max_messages = 1;
  require("b.test", TlsLevel::Encrypt);
  require("c.test", TlsLevel::Secure, {"mx.example.com"});
  for (auto const* domain : {"u@a.test", "u@b.test", "u@c.test", "u@a.test"}) deliver(domain);
  BOOST_REQUIRE(network.servers.size() == 4U);
  auto session_of = [&](std::size_t i) { return network.servers[i]->session.value(); };
  BOOST_TEST((session_of(0) == session_of(3)));
  for (std::size_t i : {0U, 1U})
    for (std::size_t j = i + 1; j < 3; ++j) BOOST_TEST((session_of(i) != session_of(j)));
  BOOST_TEST(session_of(0).wire.mx_host == network.servers[0]->address.host);
  BOOST_TEST((session_of(0).wire.address == network.servers[0]->address.address));
  BOOST_TEST((session_of(0).wire.tls == pool::WireTls::StartTls));
  BOOST_TEST(session_of(0).wire.tls_settings == plans[0].wire_identity());
}

BOOST_AUTO_TEST_CASE(a_site_that_resumes_no_sessions_has_none) {
  settings.smtp.tls_settings.session_resumption = false;
  BOOST_TEST(deliver("u@a.test").is_delivered());
  BOOST_TEST(!network.servers[0]->session);
}

BOOST_AUTO_TEST_CASE(a_session_may_be_resumed_only_where_what_it_proved_is_enough) {
  settings.smtp.max_messages = 1;
  shown = facts({"mx.example.com"}, false);
  require("c.test", TlsLevel::Secure, {"mx.example.com"});
  deliver("u@a.test");
  BOOST_TEST(network.servers.back()->may_be_resumed);
  deliver("u@c.test");
  BOOST_TEST(!network.servers.back()->may_be_resumed);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_fails_to_resume_is_tried_in_full_and_held_against_nobody) {
  auto const good = shown;
  for (auto const* domain : {"a.test", "b.test"}) {
    shown.reset();
    require("b.test", TlsLevel::Encrypt);
    settings.smtp.max_messages = 1;
    network.behaviour.tls = [&](auto const&, auto const&) {
      network.servers.back()->offers_session = true;
      return std::exchange(shown, good);
    };
    auto const before = count_commands("STARTTLS");
    BOOST_TEST(deliver(std::string("u@") + domain).is_delivered());
    BOOST_TEST(count_commands("STARTTLS") == before + 2);
    BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_first_silent_handshake_is_the_networks_fault_and_the_next_one_that_of_tls) {
  silence_handshakes();
  auto& first = deliver("u@a.test");
  pass(settings.smtp.starttls_timeout);
  BOOST_TEST(contains(first.line(), "451 4.4.2"), first.line());
  BOOST_TEST(contains(first.line(), "timed out while shaking hands for TLS (backing_off"));
  BOOST_TEST(count_commands("MAIL") == 0U);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
  BOOST_TEST(context->tls.reports.of("a.test", today()).empty(), "not the domain's policy's fault");
  pass(site::first_back_off);
  auto& second = deliver("u@a.test");
  pass(settings.smtp.starttls_timeout);
  BOOST_TEST(second.is_delivered());
  BOOST_TEST(count_commands("STARTTLS") == 2U);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 1U);
  BOOST_TEST(context->tls.reports.of("a.test", today()).at(0).failures == 1U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_works_ends_what_silence_said) {
  silence_handshakes();
  deliver("u@a.test");
  pass(settings.smtp.starttls_timeout + site::first_back_off);
  answer_handshakes();
  settings.smtp.max_messages = 1;
  dispatcher->reconfigure(settings, clock.now_);
  BOOST_TEST(deliver("u@a.test").is_delivered());
  silence_handshakes();
  deliver("u@a.test");
  pass(settings.smtp.starttls_timeout);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_offered_a_session_and_was_not_answered_is_tried_in_full) {
  silence_handshakes();
  network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
    server.offers_session = network.servers.size() == 1;
    if (line == "STARTTLS" && network.servers.size() == 2) answer_handshakes();
    return line == "STARTTLS" ? starttls : std::string("?");
  };
  auto& mail = deliver("u@a.test");
  pass(settings.smtp.starttls_timeout);
  BOOST_TEST(mail.is_delivered());
  BOOST_TEST(count_commands("STARTTLS") == 2U);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
}

BOOST_AUTO_TEST_CASE(
    a_server_that_ends_it_before_its_first_reply_under_tls_gets_plain_text_where_it_may) {
  network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
    bool const is_under_tls =
        std::count(server.commands.begin(), server.commands.end(), "STARTTLS") == 1;
    if (line.starts_with("EHLO") && is_under_tls) return std::string("\x04");
    return line == "STARTTLS" ? starttls : std::string("?");
  };
  require("b.test", TlsLevel::Encrypt);
  auto& strict = deliver("u@b.test");
  BOOST_TEST(contains(strict.line(), "451 4.4.2"), strict.line());
  BOOST_TEST(contains(strict.line(), "first reply under TLS"), strict.line());
  BOOST_TEST(deliver("u@a.test").is_delivered());
  auto const tried = count_commands("STARTTLS");
  BOOST_TEST(deliver("u@a.test").is_delivered());
  BOOST_TEST(count_commands("STARTTLS") == tried);
}

BOOST_AUTO_TEST_CASE(a_resumed_session_that_dies_before_its_first_reply_is_tried_in_full) {
  network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
    server.offers_session = network.servers.size() == 1;
    bool const is_under_tls =
        std::count(server.commands.begin(), server.commands.end(), "STARTTLS") == 1;
    if (line.starts_with("EHLO") && is_under_tls && server.offers_session)
      return std::string("\x04");
    return line == "STARTTLS" ? starttls : std::string("?");
  };
  BOOST_TEST(deliver("u@a.test").is_delivered());
  BOOST_TEST(count_commands("STARTTLS") == 2U);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_could_not_begin_is_no_reason_for_plain_text) {
  silence_handshakes();
  auto& mail = deliver("u@a.test");
  network.hang_up(*network.servers.back());
  settle();
  BOOST_TEST(contains(mail.line(), "451 4.4.1"), mail.line());
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_we_end_is_nobodys_failure) {
  silence_handshakes();
  deliver("u@a.test");
  auto const name = dispatcher->sites().begin()->first;
  dispatcher->flush(name, "flush", clock.now_);
  answer_handshakes();
  settle();
  BOOST_TEST(count_commands("MAIL") == 1U);
  BOOST_TEST(count_commands("STARTTLS") == 2U);
  BOOST_TEST(store.size(state::Kind::TlsMemory) == 0U);
  BOOST_TEST(context->tls.reports.of("a.test", today()).at(0).failures == 0U);
}

BOOST_AUTO_TEST_CASE(handshakes_are_counted_and_so_are_those_that_resumed) {
  settings.smtp.max_messages = 1;
  deliver("u@a.test");
  shown->resumed = true;
  deliver("u@a.test");
  deliver("u@a.test");
  BOOST_TEST(context->totals.handshakes == 3U);
  BOOST_TEST(context->totals.resumed == 2U);
  auto const& site = *dispatcher->sites().begin()->second;
  BOOST_TEST(site.counters().handshakes == 3U);
  BOOST_TEST(site.counters().resumed == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
