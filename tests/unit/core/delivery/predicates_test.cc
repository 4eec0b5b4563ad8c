// What a message requires is asked of a connection before each MAIL: where an answer has become
// false, or is false for this domain, an idle connection that others go on using gets no MAIL.

#include <boost/test/unit_test.hpp>

#include <functional>

#include "fakes/mx_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct PredicateLab : MxLab {
  /// The first connection is there, idle, and took a message.
  void warm_up(std::string const& recipient = "u@a.test") {
    BOOST_TEST_REQUIRE(deliver(recipient).is_delivered());
    BOOST_TEST_REQUIRE(mails_at_first() == 1U);
  }
  /// Whether this message was offered to the first connection.
  bool offers_to_first(std::string const& recipient) {
    auto const before = mails_at_first();
    last = &deliver(recipient);
    return mails_at_first() != before;
  }
  bool offers_to_first(std::function<void(Message&)> const& change) {
    auto const before = mails_at_first();
    Message message;
    message.envelope.sender = sender;
    message.envelope.queue_id = "Q";
    message.envelope.recipients = {{"u@a.test", "a.test"}};
    message.body.storage = std::make_unique<StringStorage>("Subject: x\r\n\r\nhello\r\n");
    change(message);
    auto& a = answers.emplace_back(1);
    a.delivery = dispatcher->submit(std::move(message), a, clock.now_);
    settle();
    last = &a;
    return mails_at_first() != before;
  }
  [[nodiscard]] bool says(std::string_view words) const {
    auto const line = last->line();
    BOOST_TEST_INFO(line);
    return line.find(words) != std::string::npos;
  }

  Answers* last = nullptr;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(predicates, PredicateLab)

// --- The level, for this domain.

BOOST_AUTO_TEST_CASE(a_connection_without_tls_gets_no_mail_that_must_be_encrypted) {
  network.behaviour.ehlo = "250 mx\r\n";
  require("b.test", TlsLevel::Encrypt);
  warm_up();
  BOOST_TEST(!offers_to_first("u@b.test"));
  BOOST_TEST(says("451 4.7.5"));
  BOOST_TEST(offers_to_first("u@a.test"));
}

BOOST_AUTO_TEST_CASE(a_connection_to_an_untrusted_server_gets_no_mail_that_needs_a_trusted_one) {
  certificates[mx]->is_trusted = false;
  require("b.test", TlsLevel::Verify);
  warm_up();
  BOOST_TEST(!offers_to_first("u@b.test"));
  BOOST_TEST(says("tls = \"verify\" requires a trusted certificate"));
  BOOST_TEST(offers_to_first("u@a.test"));
}

BOOST_AUTO_TEST_CASE(a_certificate_of_one_domain_proves_nothing_to_another) {
  certificates[mx] = {{"a.test"}};
  require("a.test", TlsLevel::Secure);
  require("b.test", TlsLevel::Secure);
  warm_up();
  BOOST_TEST(!offers_to_first("u@b.test"));
  BOOST_TEST(says("requires a certificate of b.test or .b.test"));
  BOOST_TEST(offers_to_first("u@a.test"));
}

BOOST_AUTO_TEST_CASE(a_certificate_of_the_domain_is_none_of_the_mx_host) {
  certificates[mx] = {{"a.test"}};
  require("b.test", TlsLevel::Verify);
  warm_up();
  BOOST_TEST(!offers_to_first("u@b.test"));
  BOOST_TEST(says("requires a certificate of mx.example.com"));
}

BOOST_AUTO_TEST_CASE(
    a_certificate_that_expires_while_the_connection_lives_proves_nothing_any_more) {
  require("b.test", TlsLevel::Verify);
  certificates[mx]->lasts = 1h;
  warm_up("u@b.test");
  pass(1h - 1s);
  BOOST_TEST(offers_to_first("u@b.test"));
  pass(2s);
  BOOST_TEST(!offers_to_first("u@b.test"));
  BOOST_TEST(last->is_delivered());
  BOOST_TEST(opened() == 2U);
}

// --- DANE: by MX host, and by the records of now.

struct DaneLab : PredicateLab {
  DaneLab() {
    dns.is_signed = true;
    for (auto const* domain : {"a.test", "b.test"}) names_mx(domain, {mx});
    dns.host(mx, {"192.0.2.1"}, ttl);
    site().tls = TlsLevel::Auto;
  }
};

BOOST_FIXTURE_TEST_CASE(tlsa_records_that_changed_are_not_proved_by_a_match_of_the_old_ones,
                        DaneLab) {
  publish_tlsa(mx, "k");
  warm_up();
  BOOST_TEST(offers_to_first("u@b.test"));
  publish_tlsa(mx, "n");
  certificates[mx]->key = 'n';
  let_ttl_end();
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(last->is_delivered());
  BOOST_TEST(opened() == 2U);
}

BOOST_FIXTURE_TEST_CASE(tlsa_records_that_appear_ask_for_a_handshake_that_tried_them, DaneLab) {
  warm_up();
  publish_tlsa(mx, "k");
  let_ttl_end();
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(last->is_delivered());
}

BOOST_FIXTURE_TEST_CASE(tlsa_records_that_become_bogus_stop_the_connection_that_matched_them,
                        DaneLab) {
  publish_tlsa(mx, "k");
  warm_up();
  dns.record_fails("_25._tcp.mx.example.com", route::type_tlsa, route::DnsStatus::Bogus);
  let_ttl_end();
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(says("could not be validated"));
}

BOOST_FIXTURE_TEST_CASE(without_tlsa_records_any_more_what_matched_them_is_good_enough, DaneLab) {
  publish_tlsa(mx, "k");
  warm_up();
  publish_tlsa(mx, "");
  let_ttl_end();
  BOOST_TEST(offers_to_first("u@a.test"));
}

BOOST_FIXTURE_TEST_CASE(a_certificate_below_a_dane_authority_expires_like_any_other, DaneLab) {
  publish_tlsa(mx, "k", 2);
  certificates[mx]->usage = 2;
  certificates[mx]->lasts = 1h;
  warm_up();
  pass(1h - 1s);
  BOOST_TEST(offers_to_first("u@a.test"));
  pass(2s);
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(last->is_delivered());
}

BOOST_FIXTURE_TEST_CASE(the_date_of_a_certificate_that_tlsa_names_itself_means_nothing, DaneLab) {
  publish_tlsa(mx, "k");
  certificates[mx]->lasts = 1h;
  warm_up();
  pass(2h);
  BOOST_TEST(offers_to_first("u@a.test"));
}

BOOST_FIXTURE_TEST_CASE(a_domain_on_the_same_host_shares_what_dane_proved_for_another, DaneLab) {
  publish_tlsa(mx, "k");
  certificates[mx]->is_trusted = false;
  require("b.test", TlsLevel::DaneOnly);
  warm_up();
  BOOST_TEST(offers_to_first("u@b.test"));
  BOOST_TEST(opened() == 1U);
}

BOOST_FIXTURE_TEST_CASE(dane_of_one_host_says_nothing_of_another_at_the_same_address, DaneLab) {
  publish_tlsa(mx, "k");
  names_mx("b.test", {"mx2.example.com"});
  dns.host("mx2.example.com", {"192.0.2.1"}, ttl);
  certificates["mx2.example.com"] = certificates[mx];
  warm_up();
  BOOST_TEST(!offers_to_first("u@b.test"));
  BOOST_TEST(last->is_delivered());
}

// --- MTA-STS: by domain.

struct StsLab : PredicateLab {
  StsLab() {
    site().tls = TlsLevel::Auto;
    certificates["mx2.example.com"] = certificates[mx];
  }
};

BOOST_FIXTURE_TEST_CASE(a_policy_that_comes_into_force_asks_for_what_was_not_proved, StsLab) {
  certificates[mx]->is_trusted = false;
  warm_up();
  publish_sts("a.test", tls::StsMode::Enforce, {mx});
  let_ttl_end();
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(says("the MTA-STS policy of a.test"));
  BOOST_TEST(offers_to_first("u@b.test"));
}

BOOST_FIXTURE_TEST_CASE(a_policy_that_lists_the_host_no_more_forbids_its_connection, StsLab) {
  publish_sts("a.test", tls::StsMode::Enforce, {mx});
  warm_up();
  publish_sts("a.test", tls::StsMode::Enforce, {"other.example.com"});
  let_ttl_end();
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(says("it does not list mx.example.com"));
  BOOST_TEST(offers_to_first("u@b.test"));
}

BOOST_FIXTURE_TEST_CASE(a_policy_takes_an_alternative_name_alone, StsLab) {
  certificates[mx] = {{"a.test"}};
  publish_sts("a.test", tls::StsMode::Enforce, {mx});
  warm_up("u@b.test");
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(says("requires a certificate of mx.example.com"));
}

BOOST_FIXTURE_TEST_CASE(domains_share_a_host_that_is_verified_and_listed_by_each, StsLab) {
  publish_sts("a.test", tls::StsMode::Enforce, {mx});
  publish_sts("b.test", tls::StsMode::Enforce, {"*.example.com"});
  warm_up();
  BOOST_TEST(offers_to_first("u@b.test"));
  BOOST_TEST(opened() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_connection_made_without_a_policy_serves_one_by_what_it_proved, StsLab) {
  warm_up();
  publish_sts("b.test", tls::StsMode::Enforce, {mx});
  BOOST_TEST(offers_to_first("u@b.test"));
}

BOOST_FIXTURE_TEST_CASE(a_host_that_one_policy_lists_is_not_listed_by_another, StsLab) {
  publish_sts("a.test", tls::StsMode::Enforce, {mx});
  publish_sts("b.test", tls::StsMode::Enforce, {"mx2.example.com"});
  warm_up();
  BOOST_TEST(!offers_to_first("u@b.test"));
  BOOST_TEST(offers_to_first("u@a.test"));
}

// --- The domain is still this host's.

BOOST_AUTO_TEST_CASE(a_domain_that_moved_leaves_the_connection_when_its_answers_ttl_ends) {
  warm_up();
  names_mx("a.test", {"mx2.example.com"});
  dns.host("mx2.example.com", {"192.0.2.2"}, ttl);
  certificates["mx2.example.com"] = certificates[mx];
  pass(ttl - 1s);
  BOOST_TEST(offers_to_first("u@a.test"));
  pass(2s);
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(last->is_delivered());
  BOOST_TEST(network.servers.back()->address.host == "mx2.example.com");
  BOOST_TEST(offers_to_first("u@b.test"));
}

BOOST_AUTO_TEST_CASE(a_host_that_became_the_worse_one_is_left_for_the_better) {
  warm_up();
  dns.mx("a.test", {{10, "mx2.example.com"}, {20, mx}}, ttl);
  dns.host("mx2.example.com", {"192.0.2.2"}, ttl);
  certificates["mx2.example.com"] = certificates[mx];
  let_ttl_end();
  BOOST_TEST(!offers_to_first("u@a.test"));
  BOOST_TEST(last->is_delivered());
}

// --- What the server can.

BOOST_AUTO_TEST_CASE(an_international_address_is_not_offered_to_a_server_without_smtputf8) {
  warm_up();
  BOOST_TEST(!offers_to_first([](Message& m) {
    m.envelope.smtputf8 = true;
    m.envelope.recipients = {{"\xc3\xbc@a.test", "a.test"}};
  }));
  BOOST_TEST(says("550 5.6.7"));
  BOOST_TEST(offers_to_first("u@a.test"));
}

BOOST_AUTO_TEST_CASE(an_international_header_is_not_offered_to_a_server_without_smtputf8) {
  warm_up();
  BOOST_TEST(!offers_to_first([](Message& m) {
    m.envelope.smtputf8 = true;
    m.body.has_utf8_header = true;
  }));
  BOOST_TEST(says("550 5.6.7"));
}

BOOST_AUTO_TEST_CASE(eight_bit_content_is_not_offered_to_a_server_without_8bitmime_if_refused) {
  site().eight_bit = EightBit::Refuse;
  warm_up();
  BOOST_TEST(!offers_to_first([](Message& m) { m.body.has_eight_bit = true; }));
  BOOST_TEST(says("554 5.6.3"));
  BOOST_TEST(offers_to_first("u@a.test"));
}

BOOST_AUTO_TEST_CASE(a_message_above_the_servers_size_is_not_offered) {
  network.behaviour.ehlo = "250-mx\r\n250 SIZE 100\r\n";
  warm_up();
  auto const of_size = [](std::size_t size) {
    return [size](Message& m) {
      m.body.storage = std::make_unique<StringStorage>(std::string(size - 2, 'x') + "\r\n");
    };
  };
  BOOST_TEST(!offers_to_first(of_size(101)));
  BOOST_TEST(says("552 5.3.4"));
  BOOST_TEST(offers_to_first(of_size(100)));
}

BOOST_AUTO_TEST_SUITE_END()
