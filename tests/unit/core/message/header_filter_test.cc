// What is removed of a passing message: every copy of the fields that tell tenant and campaign, and
// nothing else.

#include "core/message/header_filter.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;

namespace {

struct Filtered final : FilteredSink {
  std::string kept;
  TenantMarks marks;
  void on_kept(std::string_view octets) override { kept += octets; }
};

Filtered filtered(std::string_view content, std::size_t piece,
                  std::string_view campaign = campaign_header) {
  Filtered result;
  HeaderFilter filter(campaign);
  for (std::size_t at = 0; at < content.size(); at += piece)
    filter.feed(content.substr(at, piece), result);
  filter.finish(result);
  result.marks = filter.take_marks();
  return result;
}

// In one piece, octet by octet, and in pieces between: the same.
void expect(std::string_view content, std::string_view kept, std::vector<std::string> names = {},
            std::vector<std::string> seals = {}) {
  for (std::size_t piece : {content.size() + 1, std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
    auto const result = filtered(content, piece);
    BOOST_TEST(result.kept == kept, content << " in pieces of " << piece);
    BOOST_TEST(result.marks.names == names, boost::test_tools::per_element());
    BOOST_TEST(result.marks.seals == seals, boost::test_tools::per_element());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(header_filter)

BOOST_AUTO_TEST_CASE(both_fields_go_and_all_others_stay_as_they_are) {
  expect(
      "Subject: x\r\nX-Mailpool-Tenant: acme\r\nX-Mailpool-Seal: v=1; mac=2\r\nTo: y\r\n\r\nhi\r\n",
      "Subject: x\r\nTo: y\r\n\r\nhi\r\n", {"acme"}, {"v=1; mac=2"});
}

BOOST_AUTO_TEST_CASE(fields_of_a_campaign_go_under_both_names) {
  std::string_view const text =
      "X-Mailpool-Campaign: spring\r\nX-Job: b\r\nSubject: x\r\nx-job:\r\n c\r\n\r\n";
  for (std::size_t piece : {text.size() + 1, std::size_t{1}, std::size_t{5}}) {
    auto const usual = filtered(text, piece);
    BOOST_TEST(usual.kept == text.substr(text.find("X-Job")));
    BOOST_TEST(usual.marks.campaigns == std::vector<std::string>{"spring"},
               boost::test_tools::per_element());
    auto const other = filtered(text, piece, "X-Job");
    BOOST_TEST(other.kept == "Subject: x\r\n\r\n");
    BOOST_TEST(other.marks.campaigns == (std::vector<std::string>{"spring", "b", "c"}),
               boost::test_tools::per_element());
    BOOST_TEST(other.marks.names.empty());
  }
}

BOOST_AUTO_TEST_CASE(every_copy_goes_in_any_case_wherever_it_stands) {
  expect(
      "x-mailpool-tenant: a\r\nSubject: x\r\nX-MAILPOOL-TENANT:b\r\nX-Mailpool-tenant: c\r\n\r\n",
      "Subject: x\r\n\r\n", {"a", "b", "c"});
}

BOOST_AUTO_TEST_CASE(a_folded_field_goes_with_all_its_lines_and_is_read_unfolded) {
  expect("X-Mailpool-Seal: v=1;\r\n\ttenant=a;\r\n mac=b\r\nSubject: x\r\n y\r\n\r\n",
         "Subject: x\r\n y\r\n\r\n", {}, {"v=1;\ttenant=a; mac=b"});
  expect("X-Mailpool-Tenant:\r\n acme\r\n\r\n", "\r\n", {"acme"});
}

BOOST_AUTO_TEST_CASE(blanks_before_the_colon_do_not_hide_a_field) {
  expect("X-Mailpool-Tenant \t: acme\r\n\r\n", "\r\n", {"acme"});
}

BOOST_AUTO_TEST_CASE(names_that_only_begin_alike_stay) {
  for (std::string_view text :
       {"X-Mailpool-Tenants: a\r\n\r\n", "X-Mailpool: a\r\n\r\n", "X-Mailpool-Tenant a\r\n\r\n",
        "X-Mailpool-Tenant\r\n\r\n", "X-Mailpool-Sea: a\r\n\r\n", "X\r\n\r\n",
        " X-Mailpool-Tenant: a\r\n\r\n"})
    expect(text, text);
}

BOOST_AUTO_TEST_CASE(the_body_is_not_looked_into) {
  std::string_view const text = "Subject: x\r\n\r\nX-Mailpool-Tenant: in the body\r\n";
  expect(text, text);
  expect("\r\nX-Mailpool-Tenant: a\r\n", "\r\nX-Mailpool-Tenant: a\r\n");
}

BOOST_AUTO_TEST_CASE(a_line_that_is_no_field_does_not_end_the_search) {
  expect(">From somebody\r\nX-Mailpool-Tenant: a\r\n\r\n", ">From somebody\r\n\r\n", {"a"});
}

BOOST_AUTO_TEST_CASE(a_message_may_end_within_its_header) {
  expect("", "");
  expect("X-Mailpool-Tenant: a\r\n", "", {"a"});
  expect("Subject: x\r\nX-Mail", "Subject: x\r\nX-Mail");
}

BOOST_AUTO_TEST_CASE(what_is_kept_of_hostile_fields_is_bounded) {
  auto const many = [] {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "X-Mailpool-Tenant: " + std::string(5000, 'a') + "\r\n";
    return text + "\r\nbody\r\n";
  }();
  auto const result = filtered(many, 4096);
  BOOST_TEST(result.kept == "\r\nbody\r\n");
  BOOST_TEST(result.marks.names.size() <= 8U);
  for (auto const& name : result.marks.names) BOOST_TEST(name.size() <= 2048U);
  // Blanks without end before the colon are not gathered without end, and hide nothing.
  auto const blanks = "X-Mailpool-Tenant" + std::string(100'000, ' ') + ": a\r\nTo: x\r\n\r\n";
  BOOST_TEST(filtered(blanks, 1000).kept == "To: x\r\n\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
