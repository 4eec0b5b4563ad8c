#include "core/route/dns_wire.h"

#include <boost/test/unit_test.hpp>

#include "core/route/host_name.h"
#include "fakes/dns_reply.h"

using namespace mailpool;
using namespace mailpool::route;
using namespace std::chrono_literals;
using fakes::DnsReply;

BOOST_AUTO_TEST_SUITE(dns_wire)

BOOST_AUTO_TEST_CASE(mx_records_are_read_with_the_smallest_ttl_in_lower_case) {
  auto const answer = parse_mx_answer(DnsReply("example.org", type_mx)
                                          .mx("example.org", 300, 10, "MX1.Example.org")
                                          .mx("example.org", 200, 20, "mx2.example.org")
                                          .octets());
  BOOST_TEST((answer.status == DnsStatus::Answer));
  BOOST_TEST(answer.records.size() == 2U);
  BOOST_TEST(answer.records[0].host == "mx1.example.org");
  BOOST_TEST(answer.records[0].preference == 10);
  BOOST_TEST((answer.ttl == 200s));
}

BOOST_AUTO_TEST_CASE(the_root_as_mx_is_an_empty_host) {
  auto const answer =
      parse_mx_answer(DnsReply("example.org", type_mx).mx("example.org", 300, 0, "").octets());
  BOOST_TEST(answer.records.size() == 1U);
  BOOST_TEST(answer.records[0].host == "");
}

BOOST_AUTO_TEST_CASE(f8_names_with_crlf_nul_or_a_dot_inside_a_label_are_rejected) {
  using namespace std::string_literals;
  for (auto const& label : {"m\r\nx"s, "m\0x"s, "m.x"s, "m x"s, "-mx"s, "m\xc3\xbc"s}) {
    DnsReply message("example.org", type_mx);
    message.mx_of_labels("example.org", 300, 10, {label, "example", "org"});
    auto const answer = parse_mx_answer(message.octets());
    BOOST_TEST((answer.status == DnsStatus::Answer));
    BOOST_TEST(answer.records.empty());
    BOOST_TEST(answer.rejected == 1U);
  }
}

BOOST_AUTO_TEST_CASE(cnames_are_followed_in_any_order_and_their_ttl_counts) {
  DnsReply message("www.example.org", type_mx);
  message.mx("c.example.org", 300, 10, "mx.example.org")
      .cname("b.example.org", 50, "c.example.org")
      .cname("www.example.org", 100, "b.example.org");
  auto const answer = parse_mx_answer(message.octets());
  BOOST_TEST(answer.records.size() == 1U);
  BOOST_TEST((answer.ttl == 50s));
}

BOOST_AUTO_TEST_CASE(f7_a_cname_loop_is_a_failure) {
  DnsReply message("a.example.org", type_a);
  message.cname("a.example.org", 50, "b.example.org").cname("b.example.org", 50, "a.example.org");
  auto const answer = parse_address_answer(message.octets(), IpAddress::Family::V4);
  BOOST_TEST((answer.status == DnsStatus::Failure));
  BOOST_TEST(answer.why == "CNAME loop");
}

BOOST_AUTO_TEST_CASE(records_of_other_owners_and_types_are_ignored) {
  DnsReply message("a.example.org", type_a);
  message.a("evil.example.org", 60, "192.0.2.66")
      .a("a.example.org", 60, "192.0.2.1")
      .mx("a.example.org", 60, 5, "x.example.org");
  auto const answer = parse_address_answer(message.octets(), IpAddress::Family::V4);
  BOOST_TEST(answer.addresses.size() == 1U);
  BOOST_TEST(answer.addresses.front().to_string() == "192.0.2.1");
}

BOOST_AUTO_TEST_CASE(aaaa_records_are_read) {
  DnsReply message("a.example.org", type_aaaa);
  message.aaaa("a.example.org", 60, "2001:db8::1");
  BOOST_TEST(
      parse_address_answer(message.octets(), IpAddress::Family::V6).addresses.at(0).to_string() ==
      "2001:db8::1");
}

BOOST_AUTO_TEST_CASE(negative_answers_live_as_long_as_their_soa_says) {
  auto const none =
      parse_mx_answer(DnsReply("example.org", type_mx).soa("example.org", 300, 60).octets());
  BOOST_TEST((none.status == DnsStatus::NoData));
  BOOST_TEST((none.ttl == 60s));
  auto const missing =
      parse_mx_answer(DnsReply("example.org", type_mx, 3).soa("example.org", 30, 60).octets());
  BOOST_TEST((missing.status == DnsStatus::NoName));
  BOOST_TEST((missing.ttl == 30s));
  BOOST_TEST((parse_mx_answer(DnsReply("example.org", type_mx).octets()).ttl == 0s));
}

BOOST_AUTO_TEST_CASE(other_rcodes_are_failures_in_words) {
  BOOST_TEST(parse_mx_answer(DnsReply("example.org", type_mx, 2).octets()).why == "SERVFAIL");
  BOOST_TEST(parse_mx_answer(DnsReply("example.org", type_mx, 5).octets()).why == "REFUSED");
  BOOST_TEST(
      (parse_mx_answer(DnsReply("example.org", type_mx, 5).octets()).status == DnsStatus::Failure));
}

BOOST_AUTO_TEST_CASE(a_message_cut_anywhere_is_a_failure) {
  auto const whole =
      DnsReply("example.org", type_mx).mx("example.org", 300, 10, "mx1.example.org").octets();
  for (std::size_t n = 0; n < whole.size(); ++n)
    BOOST_TEST((parse_mx_answer(Octets(whole).first(n)).status == DnsStatus::Failure));
}

BOOST_AUTO_TEST_CASE(compression_pointers_go_backwards_only) {
  auto message = DnsReply("example.org", type_mx).octets();
  message[7] = 1;  // one answer
  auto const own = message.size();
  message.push_back(0xc0);
  message.push_back(static_cast<std::uint8_t>(own));
  for (int octet : {0, 15, 0, 1, 0, 0, 0, 1, 0, 4, 0, 1, 0xc0, 0x0c})
    message.push_back(static_cast<std::uint8_t>(octet));
  BOOST_TEST((parse_mx_answer(message).status == DnsStatus::Failure));
  message[own + 1] = 12;  // the question's name
  auto const good = parse_mx_answer(message);
  BOOST_TEST(good.records.size() == 1U);
  BOOST_TEST(good.records.front().host == "example.org");
}

BOOST_AUTO_TEST_CASE(an_over_long_name_is_malformed) {
  std::vector<std::string> labels(4, std::string(63, 'a'));
  DnsReply message("example.org", type_mx);
  message.mx_of_labels("example.org", 60, 10, labels);
  BOOST_TEST(parse_mx_answer(message.octets()).rejected == 1U);
}

BOOST_AUTO_TEST_CASE(host_names_are_letters_digits_hyphens_and_dots) {
  for (auto const* good :
       {"mx.example.org", "a", "mx_1.example.org", "1.example", "xn--bcher-kva.example"})
    BOOST_TEST(is_host_name(good), good);
  for (auto const& bad :
       {std::string(), std::string("."), std::string("a..b"), std::string("a."),
        std::string("-a.b"), std::string("a-.b"), std::string("192.0.2.1"), std::string("a b"),
        std::string(64, 'a') + ".example", std::string("a\n.b")})
    BOOST_TEST(!is_host_name(bad), bad);
}

BOOST_AUTO_TEST_SUITE_END()
