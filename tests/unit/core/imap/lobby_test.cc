// Profiles that programs ask for by the server's name: which may be had, and what they are.

#include "core/imap/lobby.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::imap;

namespace {

ImapDynamicSettings allowing(std::vector<std::string> servers) {
  ImapDynamicSettings dynamic;
  dynamic.servers = std::move(servers);
  return dynamic;
}

ServerRequest request(std::string host, std::string tls = "implicit", std::uint32_t pool_size = 5) {
  ServerRequest asked;
  asked.host = std::move(host);
  asked.port = 993;
  asked.tls = std::move(tls);
  asked.pool_size = pool_size;
  return asked;
}

std::string refusal_of(ServerRequest const& asked, ImapDynamicSettings const& dynamic) {
  auto const settings = settings_for(asked, dynamic);
  return settings ? "" : settings.error().reason;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lobby)

BOOST_AUTO_TEST_CASE(a_pattern_means_its_host_and_port_or_every_name_below_its_parent) {
  BOOST_TEST(is_among({"imap.example.com:993"}, "imap.example.com", 993));
  BOOST_TEST(!is_among({"imap.example.com:993"}, "imap.example.com", 143));
  BOOST_TEST(!is_among({"imap.example.com:993"}, "imap2.example.com", 993));
  BOOST_TEST(is_among({"*.example.com:993"}, "a.example.com", 993));
  BOOST_TEST(!is_among({"*.example.com:993"}, "example.com", 993));
  BOOST_TEST(!is_among({"*.example.com:993"}, "badexample.com", 993));
  BOOST_TEST(!is_among({}, "imap.example.com", 993));
}

BOOST_AUTO_TEST_CASE(a_server_that_is_not_listed_is_refused_with_the_options_name) {
  auto const dynamic = allowing({"imap.example.com:993"});
  BOOST_TEST(refusal_of(request("imap.example.com"), dynamic) == "");
  BOOST_TEST(refusal_of(request("imap.example.net"), dynamic).starts_with("[NOPERM]"));
  BOOST_TEST(refusal_of(request("imap.example.net"), dynamic).find("servers") != std::string::npos);
  BOOST_TEST(refusal_of(request("a b"), dynamic).starts_with("[CANNOT]"));
  BOOST_TEST(refusal_of(request(""), dynamic).starts_with("[CANNOT]"));
}

BOOST_AUTO_TEST_CASE(a_connection_without_tls_leaves_this_host_for_nobody) {
  auto const dynamic = allowing({"imap.example.com:993", "127.0.0.1:993"});
  BOOST_TEST(refusal_of(request("imap.example.com", "none"), dynamic).starts_with("[CANNOT]"));
  BOOST_TEST(refusal_of(request("imap.example.com", "perhaps"), dynamic).starts_with("[CANNOT]"));
  auto const local = settings_for(request("127.0.0.1", "NONE"), dynamic);
  BOOST_REQUIRE(local);
  BOOST_TEST((local->tls == ImapTls::None));
}

BOOST_AUTO_TEST_CASE(a_profile_that_is_asked_for_verifies_its_server_like_any_other) {
  auto const settings =
      settings_for(request("imap.example.com", "starttls", 7), allowing({"imap.example.com:993"}));
  BOOST_REQUIRE(settings);
  BOOST_TEST(settings->tls_verify);
  BOOST_TEST((settings->tls == ImapTls::StartTls));
  BOOST_TEST(settings->pool_size == 7U);
}

BOOST_AUTO_TEST_CASE(a_profile_that_is_asked_for_begins_with_the_options_of_imap_dynamic) {
  auto dynamic = allowing({"imap.example.com:993"});
  dynamic.listen = {"/run/mailpool/imap/dynamic.sock"};
  dynamic.pool_size = 3;
  dynamic.max_connections = 17;
  dynamic.checkout_timeout = std::chrono::seconds(42);
  dynamic.tls_ca_file = "/ca.pem";
  dynamic.enable = ImapEnable::Refuse;
  auto const settings = settings_for(request("imap.example.com", "implicit", 0), dynamic);
  BOOST_REQUIRE(settings);
  BOOST_TEST(settings->pool_size == 3U);
  BOOST_TEST(settings->max_connections == 17U);
  BOOST_TEST((settings->checkout_timeout == std::chrono::seconds(42)));
  BOOST_TEST(settings->tls_ca_file == "/ca.pem");
  BOOST_TEST((settings->enable == ImapEnable::Refuse));
  BOOST_TEST(settings->listen.empty());
}

BOOST_AUTO_TEST_CASE(who_asks_for_more_connections_than_there_are_is_told_so) {
  auto dynamic = allowing({"imap.example.com:993"});
  BOOST_TEST(settings_for(request("imap.example.com", "implicit", 50), dynamic)->pool_size == 50U);
  auto const refused = settings_for(request("imap.example.com", "implicit", 51), dynamic);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().reason == "[CANNOT] A program may ask for 50 connections (pool_size)");
  dynamic.pool_size = 60;
  BOOST_TEST(settings_for(request("imap.example.com", "implicit", 60), dynamic)->pool_size == 60U);
  BOOST_TEST(!settings_for(request("imap.example.com", "implicit", 61), dynamic));
}

BOOST_AUTO_TEST_CASE(who_asks_for_the_same_server_shares_its_profile_and_tls_makes_another) {
  auto const dynamic = allowing({"imap.example.com:993"});
  auto const name = [&](ServerRequest const& asked) { return settings_for(asked, dynamic)->name; };
  BOOST_TEST(name(request("imap.example.com", "implicit", 2)) ==
             name(request("IMAP.example.com", "IMPLICIT", 9)));
  BOOST_TEST(name(request("imap.example.com")) != name(request("imap.example.com", "starttls")));
}

BOOST_AUTO_TEST_SUITE_END()
