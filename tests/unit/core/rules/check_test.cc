// Rules that can never match: each kind by its words, and what looks alike and is right.

#include "core/rules/check.h"

#include <boost/test/unit_test.hpp>

#include "core/config/included.h"

using namespace mailpool;

namespace {

std::string const site = "[site.a]\nmx = ['.a.example']\n";  // rules from line 3

std::string lines(std::string const& rules) {
  auto const loaded = load_settings(site + rules, "f");
  std::string all;
  for (auto const& mistake : loaded.mistakes) all += mistake.to_line() + "\n";
  for (auto const& mistake : rules::mistakes_in(loaded.settings.rules))
    all += mistake.to_line() + "\n";
  return all;
}
std::string rule(std::string const& reply, std::string const& more = "site = 'a'") {
  return "[[rule]]\nreply = '" + reply + "'\ndo = 'suspend'\n" + more + "\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rule_check)

BOOST_AUTO_TEST_CASE(a_pattern_that_is_none_is_named_in_its_line) {
  BOOST_TEST(
      lines(rule("[TSS04"))
          .find(
              "f:4: [[rule]] reply is no regular expression: missing ]: [TSS04; right would be") ==
      0U);
}

BOOST_AUTO_TEST_CASE(a_doubled_backslash_cannot_be_meant) {
  BOOST_TEST(lines(rule(R"(\\[HCM1\\] Message)")) ==
             "f:4: [[rule]] reply looks for a backslash, which no reply has: in single quotes one "
             "backslash is enough; right would be '\\[HCM1\\] Message'\n");
}

BOOST_AUTO_TEST_CASE(a_pattern_that_is_found_in_everything_is_none) {
  for (auto pattern : {".*", "x*", "busy|"})
    BOOST_TEST(lines(rule(pattern)).find("f:4: [[rule]] reply is found in every reply") == 0U,
               pattern);
}

BOOST_AUTO_TEST_CASE(replies_that_are_not_looked_at_never_match) {
  BOOST_TEST(lines(rule("^250 OK")) ==
             "f:4: [[rule]] reply begins with 2, but only replies of 4xx and 5xx are looked at; "
             "right would be '^4..' or '^5..'\n");
  BOOST_TEST(lines(rule(R"(a\nb)")).find("looks for a line end") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_rule_behind_one_with_the_same_pattern_is_hidden) {
  BOOST_TEST(
      lines(rule("Server busy") + rule("Server busy")) ==
      "f:7: [[rule]] can never match: the rule in line 3 meets the same replies first; right "
      "would be this rule before that one, or only one of the two\n");
}

BOOST_AUTO_TEST_CASE(a_rule_behind_one_that_meets_its_text_is_hidden) {
  for (auto earlier : {"busy", "Server", "Serv.r", "^421 Serv", "(?i)SERVER"}) {
    std::string const later =
        std::string(earlier).starts_with('^') ? "^421 Server busy" : "Server busy";
    BOOST_TEST(lines(rule(earlier) + rule(later)).find("f:7: [[rule]] can never match") == 0U,
               earlier);
  }
}

BOOST_AUTO_TEST_CASE(a_rule_of_every_site_hides_those_behind_it_and_not_the_other_way) {
  BOOST_TEST(lines(rule("busy", "site = '*'") + rule("busy")).find("f:7:") == 0U);
  BOOST_TEST(
      lines(rule("busy", "site = '*'") + rule("busy", "domain = 'b.example'")).find("f:7:") == 0U);
  BOOST_TEST(lines(rule("busy") + rule("busy", "site = '*'")) == "");
}

BOOST_AUTO_TEST_CASE(a_rule_at_one_step_hides_only_rules_at_that_step) {
  auto const at_mail = "site = 'a'\nat = 'mail'";
  auto const at_rcpt = "site = 'a'\nat = 'rcpt'";
  BOOST_TEST(lines(rule("busy", at_mail) + rule("busy")) == "");
  BOOST_TEST(lines(rule("busy", at_mail) + rule("busy", at_rcpt)) == "");
  BOOST_TEST(lines(rule("busy", at_mail) + rule("busy", at_mail)) != "");
  BOOST_TEST(lines(rule("busy") + rule("busy", at_mail)) != "");
}

BOOST_AUTO_TEST_CASE(rules_that_share_only_some_replies_are_both_good) {
  BOOST_TEST(lines(rule("Server busy now") + rule("Server busy")) == "");
  BOOST_TEST(lines(rule("^421 busy") + rule("busy")) == "");
  BOOST_TEST(lines(rule("busy$") + rule("busy")) == "");
  BOOST_TEST(lines(rule("TS0[34]") + rule("TS02")) == "");
  BOOST_TEST(lines(rule("busy") + rule("busy", "domain = 'b.example'")) == "");
}

BOOST_AUTO_TEST_CASE(an_included_rule_may_be_hidden_by_the_operators_own) {
  auto const loaded =
      load_settings(site + rule("busy"), "f",
                    std::vector<ConfigurationText>{{"providers.toml", rule("Server busy")}});
  BOOST_REQUIRE(loaded.is_good());
  BOOST_TEST(rules::mistakes_in(loaded.settings.rules).empty());
}

BOOST_AUTO_TEST_SUITE_END()
