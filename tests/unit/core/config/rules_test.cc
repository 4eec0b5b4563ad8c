// [[rule]] as it is written, and what is wrong with one before its pattern is looked at.

#include <boost/test/unit_test.hpp>

#include "core/config/load.h"

using namespace mailpool;
using namespace std::chrono_literals;

namespace {

std::string const google = "[site.google]\nmx = ['.google.com']\n[[rule]]\n";  // rules from line 3

std::string lines(std::string_view text) {
  std::string all;
  for (auto const& mistake : load_settings(text, "f").mistakes) all += mistake.to_line() + "\n";
  return all;
}
void one(std::string const& rule, std::string_view line) {
  BOOST_TEST(lines(google + rule) == std::string(line) + "\n");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rules)

BOOST_AUTO_TEST_CASE(a_rule_is_read_with_all_it_can_say) {
  auto const loaded = load_settings(google + R"(site = "google"
reply = '^421 4\.7\.28'
at = "mail"
after = "3/h"
do = "set"
for = "30m"
set = { rate = "10/min", max_connections = 1, max_messages = 2 }
reason = "Google asks"
[[rule]]
domain = "Example.ORG"
reply = 'x'
do = "suspend"
)",
                                    "/etc/f");
  BOOST_REQUIRE(loaded.is_good());
  BOOST_REQUIRE(loaded.settings.rules.size() == 2U);
  auto const& rule = loaded.settings.rules[0];
  BOOST_TEST(rule.site == "google");
  BOOST_TEST(rule.reply == "^421 4\\.7\\.28");
  BOOST_TEST((rule.at == Step::Mail));
  BOOST_TEST((rule.after == Threshold{3, 1h}));
  BOOST_TEST((rule.action == RuleAction::Set));
  BOOST_TEST((rule.how_long == 30min));
  BOOST_TEST(rule.set.rate.to_string() == "10/min");
  BOOST_TEST(rule.set.max_connections.value() == 1U);
  BOOST_TEST(rule.set.max_messages.value() == 2U);
  BOOST_TEST(rule.reason == "Google asks");
  BOOST_TEST(rule.where() == "/etc/f:3");
  BOOST_TEST(rule.place.reply_line == 5U);
  auto const& other = loaded.settings.rules[1];
  BOOST_TEST(other.domain == "example.org");
  BOOST_TEST((other.after == Threshold{1, 1h}));
  BOOST_TEST((other.how_long == 1h));
  BOOST_TEST(!other.at.has_value());
  BOOST_TEST((other.scope == RuleScope::Path));
}

BOOST_AUTO_TEST_CASE(what_a_rule_lacks_is_named_in_its_line) {
  one("reply = 'x'\ndo = 'suspend'\n",
      "f:3: [[rule]] has neither site nor domain; right would be site = \"google\" or domain = "
      "\"example.org\"");
  one("site = 'google'\ndo = 'suspend'\n",
      "f:3: [[rule]] has no reply; right would be a pattern such as reply = '^421 4\\.7\\.28'");
  one("site = 'google'\nreply = 'x'\n",
      "f:3: [[rule]] does not say what to do; right would be do = \"suspend\", \"back_off\" or "
      "\"set\"");
}

BOOST_AUTO_TEST_CASE(what_contradicts_itself_is_named_in_its_line) {
  one("site = 'google'\ndomain = 'a.example'\nreply = 'x'\ndo = 'suspend'\n",
      "f:5: [[rule]] has a site and a domain; right would be one of them");
  one("site = 'google'\nreply = 'x'\ndo = 'set'\n",
      "f:6: [[rule]] do = \"set\" sets nothing; right would be set = { rate = \"10/min\" }");
  one("site = 'google'\nreply = 'x'\ndo = 'suspend'\nset = { max_messages = 1 }\n",
      "f:7: [[rule]] set: do = \"suspend\" sets no limits; right would be do = \"set\", or no set");
  one("domain = 'a.example'\nreply = 'x'\ndo = 'set'\nset = { max_messages = 1 }\n",
      "f:6: [[rule]] do = \"set\": limits are set for a site, not for a domain; right would be "
      "site instead of domain, or do = \"suspend\"");
  one("site = 'google'\nreply = 'x'\ndo = 'back_off'\nscope = 'source'\n",
      "f:7: [[rule]] scope: a source can be suspended, not back_off; right would be do = "
      "\"suspend\", or scope = \"path\" or \"site\"");
  one("domain = 'a.example'\nreply = 'x'\ndo = 'suspend'\nscope = 'sender_domain'\n",
      "f:7: [[rule]] scope: a rule of a domain concerns the domain; right would be site instead of "
      "domain, or no scope");
}

BOOST_AUTO_TEST_CASE(a_rule_of_an_unknown_site_would_never_match_and_the_nearest_is_named) {
  one("site = 'gogle'\nreply = 'x'\ndo = 'suspend'\n",
      "f:4: [[rule]] site: there is no [site.gogle], so it would never match; right would be "
      "google");
  one("site = 'hotmail'\nreply = 'x'\ndo = 'suspend'\n",
      "f:4: [[rule]] site: there is no [site.hotmail], so it would never match; right would be a "
      "section [site.hotmail], or domain instead of site");
  BOOST_TEST(lines(google + "site = '*'\nreply = 'x'\ndo = 'suspend'\n") == "");
}

BOOST_AUTO_TEST_CASE(a_single_bracket_and_an_unknown_key_are_mistakes) {
  BOOST_TEST(lines("[rule]\nsite = '*'\n") ==
             "f:1: rule is a section, not a list; right would be [[rule]] before each rule\n");
  one("site = 'google'\nreplay = 'x'\nreply = 'x'\ndo = 'suspend'\n",
      "f:5: [[rule]] replay is not an option; right would be reply");
}

BOOST_AUTO_TEST_SUITE_END()
