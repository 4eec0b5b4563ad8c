#include "core/message/address.h"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace mailpool;

namespace {

std::string canonical(std::string_view domain) {
  auto const c = canonical_domain(domain);
  return c ? *c : "!" + c.error().reason;
}

std::string domain(std::string_view mailbox) {
  auto const d = domain_of(mailbox);
  return d ? *d : "!" + d.error().reason;
}

std::string const label63(63, 'a');

}  // namespace

BOOST_AUTO_TEST_SUITE(address)

BOOST_AUTO_TEST_CASE(a_domain_is_lower_case_and_has_no_final_dot) {
  BOOST_TEST(canonical("Example.ORG") == "example.org");
  BOOST_TEST(canonical("example.org.") == "example.org");
  BOOST_TEST(canonical("localhost") == "localhost");
  BOOST_TEST(canonical("_odd_.but-real.example") == "_odd_.but-real.example");
}

BOOST_AUTO_TEST_CASE(u_labels_become_a_labels) {
  BOOST_TEST(canonical("b\xc3\xbc"
                       "cher.example") == "xn--bcher-kva.example");
  BOOST_TEST(canonical("B\xc3\x9c"
                       "cher.example") == "xn--bcher-kva.example");
  BOOST_TEST(canonical("xn--bcher-kva.example") == "xn--bcher-kva.example");
  BOOST_TEST(canonical("fa\xc3\x9f.example") == "xn--fa-hia.example");
  BOOST_TEST(canonical("\xe4\xbe\x8b\xe3\x80\x82"
                       "example") == "xn--fsq.example");
}

BOOST_AUTO_TEST_CASE(what_is_not_a_domain_is_refused_with_words) {
  BOOST_TEST(canonical("") == "!the domain is empty");
  BOOST_TEST(canonical("a..b") == "!the domain a..b has an empty label");
  BOOST_TEST(canonical("192.0.2.1") ==
             "!the domain 192.0.2.1 has digits only (an address stands in brackets)");
  for (auto const* bad :
       {".", "..", ".a", "a..", "-a.example", "a-.example", "a b.example", "a\tb.example", "a/b",
        "a@b", "a,b.example", "\xff.example", "a\r\n.example", "\xe2\x80\xae.example"})
    BOOST_TEST(canonical(bad).starts_with('!'), bad);
  BOOST_TEST(canonical(std::string_view("a\0b", 3)).starts_with('!'));
}

BOOST_AUTO_TEST_CASE(lengths_are_those_of_rfc_1035) {
  BOOST_TEST(canonical(label63 + ".example") == label63 + ".example");
  BOOST_TEST(canonical("a" + label63 + ".example").starts_with('!'));
  auto const longest = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  BOOST_TEST(canonical(longest) == longest);
  BOOST_TEST(canonical(longest + "b").starts_with('!'));
  BOOST_TEST(canonical(std::string(4000, '\xc3')).starts_with('!'));
}

BOOST_AUTO_TEST_CASE(address_literals_keep_their_brackets_and_take_one_form) {
  BOOST_TEST(canonical("[192.0.2.1]") == "[192.0.2.1]");
  BOOST_TEST(canonical("[ipv6:2001:DB8:0::1]") == "[IPv6:2001:db8::1]");
  for (auto const* bad : {"[", "[]", "[192.0.2]", "[192.0.2.1", "[2001:db8::1]", "[IPv6:192.0.2.1]",
                          "[x-tag:y]", "[192.0.2.1].example"})
    BOOST_TEST(canonical(bad).starts_with('!'), bad);
}

BOOST_AUTO_TEST_CASE(the_domain_is_behind_the_last_at_that_is_not_quoted) {
  BOOST_TEST(domain("u@Example.org") == "example.org");
  BOOST_TEST(domain(R"("a@b c"@example.org)") == "example.org");
  BOOST_TEST(domain(R"("a\"@b"@example.org)") == "example.org");
  BOOST_TEST(domain("a@b.example@example.org") == "example.org");
  BOOST_TEST(domain("nobody") == "!the address has no domain");
  BOOST_TEST(domain(R"("u@example.org)") == "!the address has no domain");
  BOOST_TEST(domain("u@") == "!the domain is empty");
}

BOOST_AUTO_TEST_CASE(mailboxes_are_those_of_rfc_5321_and_6531) {
  for (auto const* good :
       {"u@example.org", "a.b+c=d@example.org", "!#$%&'*+-/=?^_`{|}~@example.org",
        R"(""@example.org)", R"("a b"@example.org)", R"("a@b"@example.org)",
        R"("a\"b\\"@example.org)", "u@[192.0.2.1]", "u@[IPv6:2001:db8::1]",
        "gr\xc3\xbc\xc3\x9f"
        "e@example.org",
        "u@b\xc3\xbc"
        "cher.example"})
    BOOST_TEST(is_mailbox(good), good);
}

BOOST_AUTO_TEST_CASE(what_is_not_a_mailbox_is_not_taken_for_one) {
  for (auto const* bad : {"",
                          "@",
                          "u",
                          "u@",
                          "@example.org",
                          "a..b@example.org",
                          ".a@example.org",
                          "a.@example.org",
                          "a b@example.org",
                          "a@b@example.org",
                          R"("a@example.org)",
                          R"(a"b"@example.org)",
                          R"("a"b@example.org)",
                          R"("a"b"@example.org)",
                          R"("a\"@example.org)",
                          "<u@example.org>",
                          "u@example.org>",
                          "u@exa mple.org",
                          "a\r\nDATA@example.org",
                          "\"a\r\nb\"@example.org",
                          "\"a\tb\"@example.org",
                          "u\x7f@example.org",
                          "u@example.org\n",
                          "\xff@example.org",
                          "(c)u@example.org",
                          "a,b@example.org",
                          "u@example..org"})
    BOOST_TEST(!is_mailbox(bad), bad);
  BOOST_TEST(!is_mailbox(std::string_view("a\0b@example.org", 15)));
  BOOST_TEST(!is_mailbox(std::string_view("\"a\0b\"@example.org", 17)));
}

// What an MTA has taken: Sendmail hands local parts over as they came, Postfix quotes them itself.
BOOST_AUTO_TEST_CASE(what_an_mta_has_taken_is_spelt_as_a_server_can_read_it) {
  auto on_wire = [](std::string_view mailbox) {
    auto const m = mailbox_on_wire(mailbox);
    return m ? *m : "!" + m.error().reason;
  };
  struct Row {
    std::string_view given;
    std::string_view wire;
  };
  for (auto const& row : {
           Row{"u@example.org", "u@example.org"},
           Row{"u@Example.ORG.", "u@Example.ORG"},
           Row{"a..b@example.org", R"("a..b"@example.org)"},
           Row{".a@example.org", R"(".a"@example.org)"},
           Row{"a.@example.org", R"("a."@example.org)"},
           Row{".@example.org", R"("."@example.org)"},
           Row{"a b@example.org", R"("a b"@example.org)"},
           Row{"a@b@example.org", R"("a@b"@example.org)"},
           Row{"a,b;c@example.org", R"("a,b;c"@example.org)"},
           Row{"(c)u@example.org", R"("(c)u"@example.org)"},
           Row{R"(a\b@example.org)", R"("a\\b"@example.org)"},
           Row{R"("a b"@example.org)", R"("a b"@example.org)"},
           Row{R"(""@example.org)", R"(""@example.org)"},
           Row{R"("a"."b"@example.org)", "a.b@example.org"},
           Row{R"("a"b@example.org)", "ab@example.org"},
           Row{R"("a\"b"c d@example.org)", R"("a\"bc d"@example.org)"},
           Row{"u@[192.0.2.1]", "u@[192.0.2.1]"},
           Row{"gr\xc3\xbc..n@example.org", "\"gr\xc3\xbc..n\"@example.org"},
           Row{"u@\xf0\x9f\x92\x8c.example", "u@\xf0\x9f\x92\x8c.example"},
       }) {
    BOOST_TEST(on_wire(row.given) == row.wire, row.given);
    BOOST_TEST(is_mailbox(row.wire), row.wire);
    BOOST_TEST(on_wire(row.wire) == row.wire, row.wire);
  }
  for (auto const* bad :
       {"", "@", "u", "u@", "@example.org", R"("a@example.org)", R"(a"@example.org)",
        "u@exa mple.org", "u@example..org", "a\r\nDATA@example.org", "\"a\tb\"@example.org",
        "u\x7f@example.org", "u@example.org\n", "\xff@example.org"})
    BOOST_TEST(on_wire(bad).starts_with('!'), bad);
  BOOST_TEST(on_wire(std::string_view("a\0b@example.org", 15)).starts_with('!'));
  BOOST_TEST(on_wire(std::string(318, '.') + "@example.org").size() == 332U);
  for (auto const& local_part :
       {std::string(319, '.'), std::string(321, 'a'), std::string(4096, ' ')})
    BOOST_TEST(on_wire(local_part + "@example.org") == "!the local part is too long");
}

// As Postfix takes them.
BOOST_AUTO_TEST_CASE(domains_are_those_of_uts_46) {
  BOOST_TEST(canonical("\xf0\x9f\x92\x8c.example") == "xn--rr8h.example");
  BOOST_TEST(canonical("i\xe2\x9d\xa4.ws") == "xn--i-7iq.ws");
  BOOST_TEST(canonical("\xe2\x98\x83.example") == "xn--n3h.example");
  BOOST_TEST(canonical("STRA\xc3\x9f"
                       "E.example") == "xn--strae-oqa.example");
  for (auto const* bad : {"\xe2\x80\xae.example", "a\xe2\x80\xa8.example", "\xc3\xbc..example",
                          "\xef\xbf\xbd.example", "-\xc3\xbc.example", "xn--\xc3\xbc.example"})
    BOOST_TEST(canonical(bad).find("UTS 46") != std::string::npos, bad);
}

BOOST_AUTO_TEST_CASE(a_local_part_has_at_most_320_octets) {
  BOOST_TEST(is_mailbox(std::string(320, 'a') + "@example.org"));
  BOOST_TEST(!is_mailbox(std::string(321, 'a') + "@example.org"));
  BOOST_TEST(!is_mailbox(std::string(4096, 'a') + "@example.org"));
}

BOOST_AUTO_TEST_CASE(smtputf8_is_needed_for_a_local_part_only) {
  BOOST_TEST(needs_smtputf8("gr\xc3\xbc\xc3\x9f@example.org"));
  BOOST_TEST(
      !needs_smtputf8("u@b\xc3\xbc"
                      "cher.example"));
  BOOST_TEST(!needs_smtputf8("u@example.org"));
  BOOST_TEST(!needs_smtputf8(""));
}

BOOST_AUTO_TEST_SUITE_END()
