#include "milter/session.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::milter;

namespace {

WallTime const now{std::chrono::seconds(1'763'714'563)};
std::string const nonce(16, 'n');

/// Writes down what it is asked; refuses what it was told to.
struct FakeGate final : Gate {
  std::vector<std::string> asked;
  std::string full;
  Admission ask(std::string const& domain, std::string const& tenant,
                std::uint16_t recipients) override {
    asked.push_back(domain + "/" + tenant + "/" + std::to_string(recipients));
    bool const is_full = !full.empty() && (domain == full || tenant == full);
    return {is_full, is_full ? full + " is full" : ""};
  }
};

Settings settings_with_tenants(std::vector<std::string> tenant_from = {"header:X-Mailpool-Tenant",
                                                                       "login", "client"}) {
  Settings settings;
  settings.milter.tenant_from = std::move(tenant_from);
  settings.tenants["shop"].logins = {"Shop@example.com"};
  settings.tenants["bank"].clients = {IpNetwork::parse("192.0.2.0/28").value()};
  return settings;
}

struct Room {
  explicit Room(Settings const& settings = settings_with_tenants())
      : shared{Tenants(settings), settings.milter.mailers,
               SealKeys::parse(std::string(32, 'k')).value()} {}

  void from(std::string const& address, std::string const& login = {},
            std::string const& sender = "<a@shop.test>") {
    session.connect(IpAddress::parse(address), false);
    session.mail(sender, login);
  }
  void from_sendmail() {
    session.connect(IpAddress::parse("127.0.0.1"), true);
    session.mail("<a@shop.test>", "");
  }
  Ending end() { return session.end_of_message(now, nonce); }
  /// The tenant that mailpoold would find.
  std::string sealed(std::string const& sender = "a@shop.test") { return opened(end(), sender); }
  [[nodiscard]] std::string opened(Ending const& ending,
                                   std::string const& sender = "a@shop.test") const {
    if (ending.seal.empty()) return {};
    auto const opened = open_seal(ending.seal, sender, now, *shared.keys);
    if (!opened) return opened.error().reason;
    return opened->tenant + (opened->campaign.empty() ? "" : "/" + opened->campaign);
  }

  Shared shared;
  FakeGate gate;
  Session session{shared, gate};
};

std::string const outside = "198.51.100.7";
std::string const inside = "127.0.0.1";

}  // namespace

BOOST_AUTO_TEST_SUITE(session)

BOOST_AUTO_TEST_CASE(each_recipients_domain_is_asked_about) {
  Room room;
  room.from(outside);
  BOOST_TEST((room.session.recipient("<u@Example.ORG>", "mailpool").kind ==
              milter::Reply::Kind::Continue));
  room.session.recipient(
      "v@b\xc3\xbc"
      "cher.example",
      "");
  BOOST_TEST(
      room.gate.asked == (std::vector<std::string>{"example.org//1", "xn--bcher-kva.example//1"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_full_domain_is_deferred_with_the_managers_words) {
  Room room;
  room.gate.full = "full.test";
  room.from(outside);
  auto const reply = room.session.recipient("<u@full.test>", "mailpool");
  BOOST_TEST((reply.kind == milter::Reply::Kind::Tempfail));
  BOOST_TEST(reply.text == "full.test is full");
  BOOST_TEST(
      (room.session.recipient("<u@free.test>", "mailpool").kind == milter::Reply::Kind::Continue));
}

BOOST_AUTO_TEST_CASE(recipients_of_other_mailers_and_odd_ones_are_the_mtas_matter) {
  Room room;
  room.from(outside);
  for (auto const& [address, mailer] :
       {std::pair{"<u@local.test>", "local"}, std::pair{"<u@x.test>", "error"},
        std::pair{"<postmaster>", "mailpool"}, std::pair{"", ""}, std::pair{"<@>", ""},
        std::pair{"<u@a..b>", "mailpool"}})
    BOOST_TEST((room.session.recipient(address, mailer).kind == milter::Reply::Kind::Continue),
               address);
  BOOST_TEST(room.gate.asked.empty());
}

BOOST_AUTO_TEST_CASE(a_tenant_by_login_is_counted_and_sealed) {
  Room room;
  room.from(outside, "shop@EXAMPLE.com");
  room.session.recipient("<u@a.test>", "");
  BOOST_TEST(room.gate.asked.back() == "a.test/shop/1");
  BOOST_TEST(room.sealed() == "shop");
  BOOST_TEST(room.gate.asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_tenant_by_client_address_is_counted_and_sealed) {
  Room room;
  room.from("192.0.2.9");
  room.session.recipient("<u@a.test>", "");
  BOOST_TEST(room.gate.asked.back() == "a.test/bank/1");
  BOOST_TEST(room.sealed() == "bank");
  room.from("::ffff:192.0.2.9");
  BOOST_TEST(room.sealed() == "bank");
}

BOOST_AUTO_TEST_CASE(a_header_from_this_machine_names_the_tenant_and_wins) {
  Room room;
  room.from(inside, "shop@example.com");
  room.session.recipient("<u@a.test>", "");
  room.session.recipient("<v@b.test>", "");
  room.session.header("x-mailpool-tenant", " News ");
  auto const ending = room.end();
  BOOST_TEST(room.opened(ending) == "news");
  // Its limit could not be known before: the message's recipients are counted at its end.
  BOOST_TEST(room.gate.asked == (std::vector<std::string>{"a.test//1", "b.test//1", "/news/2"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_the_header_the_next_source_is_asked) {
  Room room;
  room.from(inside, "shop@example.com");
  room.session.recipient("<u@a.test>", "");
  BOOST_TEST(room.sealed() == "shop");
  BOOST_TEST(room.gate.asked.back() == "/shop/1");
}

BOOST_AUTO_TEST_CASE(a_full_tenant_named_by_a_header_defers_the_message) {
  Room room;
  room.gate.full = "news";
  room.from(inside);
  room.session.recipient("<u@a.test>", "");
  room.session.header("X-Mailpool-Tenant", "news");
  auto const ending = room.end();
  BOOST_TEST((ending.reply.kind == milter::Reply::Kind::Tempfail));
  BOOST_TEST(ending.seal.empty());
}

BOOST_AUTO_TEST_CASE(a_header_from_outside_names_nobody_and_is_deleted) {
  Room room;
  room.from(outside);
  room.session.recipient("<u@a.test>", "");
  room.session.header("X-Mailpool-Tenant", "shop");
  auto const ending = room.end();
  BOOST_TEST(ending.seal.empty());
  BOOST_REQUIRE(ending.deletions.size() == 1U);
  BOOST_TEST(ending.deletions[0].name == "X-Mailpool-Tenant");
  BOOST_TEST(room.gate.asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_login_of_one_tenant_cannot_choose_another_from_outside) {
  Room room;
  room.from(outside, "shop@example.com");
  room.session.header("X-Mailpool-Tenant", "bank");
  BOOST_TEST(room.sealed() == "shop");
}

BOOST_AUTO_TEST_CASE(every_copy_of_both_headers_is_deleted_whoever_sends_them) {
  Room room;
  room.from(inside);
  room.session.header("X-Mailpool-Seal", "v=1; tenant=bank; time=1; nonce=00; mac=00");
  room.session.header("X-MAILPOOL-TENANT ", "shop");
  room.session.header("Subject", "x");
  room.session.header("X-Mailpool-Tenant", "bank");
  room.session.header("x-mailpool-seal", "again");
  auto const ending = room.end();
  BOOST_REQUIRE(ending.deletions.size() == 2U);
  BOOST_TEST(ending.deletions[0].name == "X-Mailpool-Seal");
  BOOST_TEST(ending.deletions[0].copies == 2U);
  BOOST_TEST(ending.deletions[1].name == "X-MAILPOOL-TENANT");
  BOOST_TEST(ending.deletions[1].copies == 2U);
  BOOST_TEST(room.opened(ending) == "shop");
}

BOOST_AUTO_TEST_CASE(a_header_of_another_name_is_deleted_too) {
  Room room(settings_with_tenants({"login", "header:X-Campaign"}));
  room.from(inside);
  room.session.header("x-campaign", "spring");
  auto const ending = room.end();
  BOOST_TEST(ending.deletions.at(0).name == "x-campaign");
  BOOST_TEST(room.opened(ending) == "spring");
}

BOOST_AUTO_TEST_CASE(the_service_for_what_waits_is_asked_about_as_the_usual_one) {
  Room room;
  room.from(outside);
  room.session.recipient("<u@a.test>", "mailpool-backlog");
  BOOST_TEST(room.gate.asked.size() == 1U);
  for (auto const* other : {"smtp", "smtp-backlog", "-backlog", "mailpool-backlogs"})
    room.session.recipient("<u@b.test>", other);
  BOOST_TEST(room.gate.asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_campaign_is_sealed_where_headers_are_believed_and_deleted_everywhere) {
  Room room;
  room.from(inside, "shop@example.com");
  room.session.header("X-Mailpool-Campaign", "Spring");
  room.session.header("X-Mailpool-Campaign", "summer");
  auto ending = room.end();
  BOOST_TEST(room.opened(ending) == "shop/spring");
  BOOST_TEST(ending.deletions.at(0).copies == 2U);
  room.from(outside, "shop@example.com");
  room.session.header("X-Mailpool-Campaign", "spring");
  ending = room.end();
  BOOST_TEST(room.opened(ending) == "shop");
  BOOST_TEST(ending.deletions.at(0).name == "X-Mailpool-Campaign");
  // Nobody's mail may be of a campaign; what is no name is none.
  room.from(inside);
  room.session.header("X-Mailpool-Campaign", "spring");
  BOOST_TEST(room.sealed() == "/spring");
  room.from(inside);
  room.session.header("X-Mailpool-Campaign", "a b");
  BOOST_TEST(room.end().seal.empty());
}

BOOST_AUTO_TEST_CASE(another_header_can_name_the_campaign) {
  auto settings = settings_with_tenants();
  settings.milter.campaign_header = "X-Job";
  Room room(settings);
  room.from(inside, "shop@example.com");
  room.session.header("X-Mailpool-Campaign", "old");
  room.session.header("x-job", "new");
  auto const ending = room.end();
  BOOST_TEST(room.opened(ending) == "shop/new");
  BOOST_TEST(ending.deletions.size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_no_tenants_name_names_nobody) {
  Room room;
  for (auto const* value : {"", "a b", "sh\xc3\xb6p", "a\r\nX: y", "-"}) {
    room.from(inside);
    room.session.header("X-Mailpool-Tenant", value);
    BOOST_TEST(room.end().seal.empty(), value);
  }
}

BOOST_AUTO_TEST_CASE(a_hundred_copies_are_deleted_and_more_are_refused) {
  Room room;
  room.from(outside);
  for (std::size_t i = 0; i < Session::most_copies; ++i) room.session.header("X-Mailpool-Seal", "");
  BOOST_TEST((room.end().reply.kind == milter::Reply::Kind::Continue));
  room.from(outside);
  for (std::size_t i = 0; i <= Session::most_copies; ++i)
    room.session.header("X-Mailpool-Seal", "");
  BOOST_TEST((room.end().reply.kind == milter::Reply::Kind::Reject));
}

BOOST_AUTO_TEST_CASE(what_sendmail_handed_in_is_sealed_and_never_deferred) {
  Room room;
  room.gate.full = "a.test";
  room.from_sendmail();
  BOOST_TEST((room.session.recipient("<u@a.test>", "").kind == milter::Reply::Kind::Continue));
  room.session.header("X-Mailpool-Tenant", "shop");
  BOOST_TEST(room.sealed() == "shop");
  BOOST_TEST(room.gate.asked.empty());
}

BOOST_AUTO_TEST_CASE(nothing_of_a_message_is_left_for_the_next) {
  Room room;
  room.from(inside, "shop@example.com");
  room.session.recipient("<u@a.test>", "");
  room.session.header("X-Mailpool-Tenant", "news");
  room.session.abort();
  room.session.mail("<>", "");
  auto const ending = room.end();
  BOOST_TEST(ending.seal.empty());
  BOOST_TEST(ending.deletions.empty());
  BOOST_TEST(room.gate.asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_seal_is_for_the_envelopes_sender) {
  Room room;
  room.from(outside, "shop@example.com", "<>");
  auto const ending = room.end();
  BOOST_TEST(room.opened(ending, "") == "shop");
  BOOST_TEST(room.opened(ending, "a@shop.test").find("another sender") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(without_a_key_tenants_are_counted_and_not_handed_on) {
  Room room;
  room.shared.keys.reset();
  room.from(outside, "shop@example.com");
  room.session.recipient("<u@a.test>", "");
  BOOST_TEST(room.gate.asked.back() == "a.test/shop/1");
  BOOST_TEST(room.end().seal.empty());
}

BOOST_AUTO_TEST_SUITE_END()
