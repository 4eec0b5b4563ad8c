// What makes a site open another connection instead of sharing the one it has: each field of the
// reuse key in turn, flipped by what flips it in reality.

#include <boost/test/unit_test.hpp>

#include <functional>
#include <set>

#include "fakes/mx_lab.h"
#include "fakes/reuse_key_fields.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct KeyLab : MxLab {
  KeyLab() {
    site().tls_settings.sni = "none";  // so that no host's name is on the wire
    auto const usual = network.behaviour.answer;
    network.behaviour.answer = [usual](SimulatedServer& server, std::string const& line) {
      return line.starts_with("AUTH") ? std::string("235 2.7.0 ok\r\n") : usual(server, line);
    };
  }

  void log_in_as(LoginSettings login) {
    network.behaviour.ehlo = "250-mx\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n";
    settings.routes["*"] = {{mx, 25}};
    settings.route_logins["*"] = "relay";
    settings.logins["relay"] = std::move(login);
  }
  static LoginSettings login_of(std::string user) {
    LoginSettings login;
    login.user = std::move(user);
    login.password_file = "/etc/mailpool/password";
    login.mechanisms = {sasl::Mechanism::Plain};
    return login;
  }
  void begin() {
    MxLab::begin();
    give_secrets();
  }
  void give_secrets() {
    context->logins.set_nonce([] { return "nonce"; });
    for (auto const& wanted : context->logins.take_wanted())
      (void)context->logins.take(wanted.name, Secret(password), clock.now_);
    dispatcher->logins_changed(clock.now_);
    settle();
  }
  void reload() {
    MxLab::reload();
    give_secrets();
  }
  bool deliver(std::string const& recipient) {
    if (!dispatcher) begin();
    return MxLab::deliver(recipient).is_delivered();
  }
  [[nodiscard]] pool::ReuseKey newest_key() const {
    pool::Connection const* newest = nullptr;
    for (auto const& c : site_of("a.test").connections().in(pool::ConnectionState::Idle))
      if (newest == nullptr || c->id() > newest->id()) newest = c.get();
    BOOST_REQUIRE(newest != nullptr);
    return newest->key();
  }

  std::string password = "secret";
};

struct Flip {
  char const* what;
  std::vector<std::string> fields;  ///< that it flips, and no others
  std::function<void(KeyLab&)> prepare = [](KeyLab&) {};
  std::function<void(KeyLab&)> happens = [](KeyLab&) {};
  std::string recipient = "u@a.test";  ///< of the mail after that
};

void use_login(KeyLab& lab) {
  lab.log_in_as(KeyLab::login_of("relay"));
}

std::vector<Flip> const flips{
    {.what = "mail to a domain with another MX host at the same address",
     .fields = {"mx_host"},
     .prepare =
         [](KeyLab& lab) {
           lab.names_mx("b.test", {"mx2.example.com"});
           lab.dns.host("mx2.example.com", {"192.0.2.1"});
           lab.certificates["mx2.example.com"] = lab.certificates[KeyLab::mx];
         },
     .recipient = "u@b.test"},
    {.what = "the MX host has moved to another address",
     .fields = {"address"},
     .happens =
         [](KeyLab& lab) {
           lab.dns.host(KeyLab::mx, {"192.0.2.7"});
           lab.let_ttl_end();
         }},
    {.what = "a route to another port of the host",
     .fields = {"port"},
     .prepare =
         [](KeyLab& lab) {
           lab.settings.routes["a.test"] = {{KeyLab::mx, 25}};
           lab.settings.routes["b.test"] = {{KeyLab::mx, 2525}};
         },
     .recipient = "u@b.test"},
    {.what = "the source gets another address",
     .fields = {"source"},
     .prepare =
         [](KeyLab& lab) {
           lab.site().source = "west";
           lab.settings.sources["west"].address = {*IpAddress::parse("192.0.2.100")};
         },
     .happens =
         [](KeyLab& lab) {
           lab.settings.sources["west"].address = {*IpAddress::parse("192.0.2.101")};
           lab.reload();
         }},
    {.what = "the manager gets another name",
     .fields = {"ehlo_name"},
     .happens =
         [](KeyLab& lab) {
           lab.settings.hostname = "renamed.test";
           lab.reload();
         }},
    {.what = "the login may use another mechanism",
     .fields = {"credential.mechanism", "credential.version"},
     .prepare = use_login,
     .happens =
         [](KeyLab& lab) {
           lab.settings.logins["relay"].mechanisms = {sasl::Mechanism::Login};
           lab.reload();
         }},
    {.what = "the login is another user's",
     .fields = {"credential.user", "credential.version"},
     .prepare = use_login,
     .happens =
         [](KeyLab& lab) {
           lab.settings.logins["relay"].user = "other";
           lab.reload();
         }},
    {.what = "mail from a sender domain that chose the same login",
     .fields = {"credential.sender_domain"},
     .prepare =
         [](KeyLab& lab) {
           use_login(lab);
           lab.settings.sender_domains["special.test"].login = "relay";
         },
     .happens = [](KeyLab& lab) { lab.sender = "x@special.test"; }},
    {.what = "a new password",
     .fields = {"credential.version"},
     .prepare = use_login,
     .happens =
         [](KeyLab& lab) {
           lab.password = "renewed";
           lab.reload();
         }},
    {.what = "the client's certificate is renewed in its file",
     .fields = {"client_certificate"},
     .prepare =
         [](KeyLab& lab) {
           lab.site().tls_settings.certificate = "/etc/mailpool/client.pem";
           lab.site().tls_settings.files.client_certificate = "digest";
         },
     .happens =
         [](KeyLab& lab) {
           lab.site().tls_settings.files.client_certificate = "digest of the renewed one";
           lab.reload();
         }},
    {.what = "mail to a domain that is asked for by its own name (SNI)",
     .fields = {"tls_settings"},
     .prepare = [](KeyLab& lab) { lab.site().tls_settings.sni = "nexthop"; },
     .recipient = "u@b.test"},
    {.what = "other authorities are trusted, in the same file",
     .fields = {"tls_settings"},
     .happens =
         [](KeyLab& lab) {
           lab.site().tls_settings.files.authorities = "digest of others";
           lab.reload();
         }},
    {.what = "another oldest version of TLS",
     .fields = {"tls_settings"},
     .happens =
         [](KeyLab& lab) {
           lab.site().tls_settings.minimum_version = TlsVersion::Tls13;
           lab.reload();
         }},
    {.what = "mail whose header says TLS-Required: No",
     .fields = {"tls_required_no"},
     .happens = [](KeyLab& lab) { lab.tls_required_no = true; }},
    {.what = "TLS from the first octet instead of STARTTLS",
     .fields = {"tls"},
     .happens =
         [](KeyLab& lab) {
           lab.site().tls_settings.wrapper = true;
           lab.network.behaviour.greeting = "";
           auto const shake_hands = lab.network.behaviour.tls;
           lab.network.behaviour.tls = [&lab, shake_hands](auto const& target, auto const& plan) {
             lab.network.servers.back()->to_send.push_back({lab.clock.now_, "220 mx\r\n"});
             return shake_hands(target, plan);
           };
           lab.reload();
         }},
    // Without TLS nothing of it is on the wire.
    {.what = "mail to a domain that wants no TLS",
     .fields = {"tls_settings", "tls"},
     .prepare = [](KeyLab& lab) { lab.require("b.test", TlsLevel::None); },
     .recipient = "u@b.test"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(reuse_key_at_a_site)

BOOST_AUTO_TEST_CASE(whatever_flips_a_field_of_the_key_opens_another_connection) {
  for (auto const& flip : flips) {
    BOOST_TEST_CONTEXT(flip.what) {
      KeyLab lab;
      flip.prepare(lab);
      BOOST_TEST_REQUIRE(lab.deliver("u@a.test"));
      auto const before = lab.newest_key();
      BOOST_TEST_REQUIRE(lab.deliver("u@a.test"));
      BOOST_TEST_REQUIRE(lab.opened() == 1U, "it is shared while nothing happens");
      flip.happens(lab);
      BOOST_TEST_REQUIRE(lab.deliver(flip.recipient));
      BOOST_TEST(lab.mails_at_first() == 2U);
      BOOST_TEST(lab.opened() == 2U);
      BOOST_TEST(differing_fields(before, lab.newest_key()) == flip.fields,
                 boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(every_field_is_flipped_by_something) {
  // A site speaks SMTP alone, and the pools of IMAP are others.
  std::set<std::string> flipped{"protocol"};
  for (auto const& flip : flips) flipped.insert(flip.fields.begin(), flip.fields.end());
  for (auto const& field : all_fields) BOOST_TEST(flipped.contains(field), field);
  BOOST_TEST(flipped.size() == all_fields.size());
}

BOOST_AUTO_TEST_CASE(old_connections_are_closed_at_a_reload_and_the_busy_ones_when_they_come_back) {
  KeyLab lab;
  lab.site().max_connections = 2;
  BOOST_TEST_REQUIRE(lab.deliver("u@a.test"));
  lab.network.latency = 1s;
  auto& busy = lab.send({"u@a.test"});
  lab.settle();
  lab.site().tls_settings.files.client_certificate = "digest of a renewed one";
  lab.reload();
  BOOST_TEST(!busy.is_over());
  lab.pass(10s);
  BOOST_TEST(busy.is_delivered());
  BOOST_TEST(lab.log.has("state=closing reason=\"reload\""));
  BOOST_TEST(lab.site_of("a.test").connections().is_empty());
}

BOOST_AUTO_TEST_CASE(a_reload_that_changes_nothing_closes_nothing) {
  KeyLab lab;
  BOOST_TEST_REQUIRE(lab.deliver("u@a.test"));
  lab.reload();
  BOOST_TEST_REQUIRE(lab.deliver("u@a.test"));
  BOOST_TEST(lab.opened() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
