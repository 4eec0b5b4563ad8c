#include "core/tls/sts_policy.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::tls;

namespace {

std::string policy_text(std::string const& more) {
  return "version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\n" + more;
}

std::string why(std::string const& text) {
  auto const parsed = parse_sts_policy(text);
  return parsed ? "" : parsed.error().reason;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mta_sts_policies)

BOOST_AUTO_TEST_CASE(a_policy_is_read_with_either_line_end_and_unknown_keys) {
  auto const policy = parse_sts_policy(
      "version: STSv1\nmode: testing\r\nx-new: whatever\nmx: MX1.example.com\n"
      "mx: *.example.net\nmax_age: 604800\n");
  BOOST_REQUIRE(policy);
  BOOST_TEST((policy->mode == StsMode::Testing));
  BOOST_TEST(policy->mx.size() == 2U);
  BOOST_TEST(policy->mx[0] == "mx1.example.com");
  BOOST_TEST((policy->max_age == std::chrono::seconds(604800)));
}

BOOST_AUTO_TEST_CASE(max_age_ends_at_the_longest_that_the_rfc_allows) {
  auto const policy =
      parse_sts_policy("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9999999999\n");
  BOOST_REQUIRE(policy);
  BOOST_TEST((policy->max_age == longest_max_age));
}

BOOST_AUTO_TEST_CASE(what_a_policy_lacks_is_named) {
  BOOST_TEST(why("mode: enforce\nmx: a.example\nmax_age: 1\n") == "no version");
  BOOST_TEST(why("version: STSv1\nmx: a.example\nmax_age: 1\n") == "no mode");
  BOOST_TEST(why("version: STSv1\nmode: enforce\nmx: a.example\n") == "no max_age");
  BOOST_TEST(why(policy_text("")) == "no mx");
  BOOST_TEST(why("version: STSv1\nmode: none\nmax_age: 1\n").empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_policy_is_refused) {
  BOOST_TEST(!parse_sts_policy(""));
  BOOST_TEST(!parse_sts_policy("<html>"));
  BOOST_TEST(!parse_sts_policy("version: STSv2\nmode: none\nmax_age: 1\n"));
  BOOST_TEST(!parse_sts_policy("version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1\n"));
  BOOST_TEST(!parse_sts_policy("version: STSv1\nmode: none\nmax_age: -1\n"));
  BOOST_TEST(!parse_sts_policy(policy_text("mx: a b.example\n")));
  BOOST_TEST(!parse_sts_policy(policy_text("mx: *.*.example\n")));
  BOOST_TEST(!parse_sts_policy(policy_text("mx: mx1..example\n")));
  BOOST_TEST(!parse_sts_policy(policy_text(std::string("mx: a\0.example\n", 15))));
  BOOST_TEST(
      !parse_sts_policy(policy_text("mx: a.example\n") + std::string(longest_sts_policy, '\n')));
}

BOOST_AUTO_TEST_CASE(a_wildcard_of_a_policy_lists_one_label) {
  StsPolicy const policy{StsMode::Enforce, {"mx.example.com", "*.example.net"}, {}, ""};
  BOOST_TEST(lists(policy, "mx.example.com"));
  BOOST_TEST(lists(policy, "mx.example.net"));
  BOOST_TEST(!lists(policy, "a.mx.example.net"));
  BOOST_TEST(!lists(policy, "example.net"));
  BOOST_TEST(!lists(policy, "mx.example.org"));
}

BOOST_AUTO_TEST_CASE(the_record_of_a_policy_has_one_id) {
  BOOST_TEST(parse_sts_record("v=STSv1; id=20160831085700Z;").value_or("") == "20160831085700Z");
  BOOST_TEST(parse_sts_record("v=STSv1;id=1").value_or("") == "1");
  BOOST_TEST(parse_sts_record("v=STSv1; x=y; id=1;").value_or("") == "1");
  BOOST_TEST(!parse_sts_record("v=STSv1;"));
  BOOST_TEST(!parse_sts_record("id=1; v=STSv1;"));
  BOOST_TEST(!parse_sts_record("v=STSv1; id=1; id=2;"));
  BOOST_TEST(!parse_sts_record("v=STSv1; id=a-b;"));
  BOOST_TEST(!parse_sts_record("v=STSv1; id=" + std::string(33, 'a') + ";"));
}

BOOST_AUTO_TEST_CASE(of_several_txt_records_exactly_one_must_announce_a_policy) {
  BOOST_TEST(sts_id_of({"v=spf1 -all", "v=STSv1; id=7;"}).value_or("") == "7");
  BOOST_TEST(!sts_id_of({"v=STSv1; id=7;", "v=STSv1; id=8;"}));
  BOOST_TEST(!sts_id_of({"v=spf1 -all"}));
  BOOST_TEST(!sts_id_of({}));
}

BOOST_AUTO_TEST_SUITE_END()
