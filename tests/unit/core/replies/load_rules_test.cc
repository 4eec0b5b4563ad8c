// Rules of an operator: every mistake at once, with its line; the first that holds counts.

#include <boost/test/unit_test.hpp>

#include "core/replies/load_rules.h"

using namespace mailpool::replies;

namespace {

std::string mistakes_of(std::string_view text) {
  std::string all;
  for (auto const& mistake : load_rules(text, "r.toml").mistakes) all += mistake.to_line() + '\n';
  return all;
}

ReplyClass asked(std::string_view rules, Said const& said) {
  auto loaded = load_rules(rules, "r.toml");
  BOOST_TEST(loaded.mistakes.empty());
  return Classifier(std::move(loaded.rules)).classify(said).is;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(load_rules_of_classes)

BOOST_AUTO_TEST_CASE(every_mistake_is_named_with_its_line_and_what_would_be_right) {
  auto const all = mistakes_of(
      "[[reply]]\nclass = 'no_such_usr'\ntext = ['(']\n[[reply]]\ncode = ['9']\nstage = ['dot']\n"
      "[[reply]]\nclass = 'unknown'\n[[reply]]\nclass = 'unknown'\nenhanced = ['5.y']\nwords = 1\n"
      "[other]\n");
  for (auto const* part :
       {"r.toml:2: class: there is no class \"no_such_usr\"; right would be \"no_such_user\"",
        "r.toml:3: text: ", "r.toml:4: [[reply]] has no class", "r.toml:5: code: \"9\"",
        "r.toml:6: stage: \"dot\"", "r.toml:7: [[reply]] would meet every reply",
        "r.toml:11: enhanced: \"5.y\"", "r.toml:12: \"words\" is no key", "r.toml:13: \"other\""})
    BOOST_TEST(all.find(part) != std::string::npos, part << " is not in:\n" << all);
}

BOOST_AUTO_TEST_CASE(what_is_no_toml_and_what_is_no_list_are_mistakes) {
  BOOST_TEST(!mistakes_of("[[reply").empty());
  BOOST_TEST(mistakes_of("[[reply]]\nclass = 'unknown'\ntext = 'x'\n").find("no list of strings") !=
             std::string::npos);
  BOOST_TEST(mistakes_of(std::string(2U << 20U, '#')).find("at most") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_condition_is_looked_at) {
  auto const* const rule =
      "[[reply]]\nclass = 'greylisted'\ntext = ['wait']\ncode = ['45']\nenhanced = ['x.7.1']\n"
      "stage = ['rcpt']\nsite = ['a']\n";
  auto said = said_of(Stage::Rcpt, "451 4.7.1 please WAIT");
  said.site = "a";
  BOOST_TEST(name_of(asked(rule, said)) == "greylisted");
  auto const is_missed = [&](auto&& change) {
    auto other = said;
    change(other);
    BOOST_TEST(name_of(asked(rule, other)) == "unknown");
  };
  is_missed([](Said& s) { s.text = "go"; });
  is_missed([](Said& s) { s.code = "421"; });
  is_missed([](Said& s) { s.enhanced = Enhanced{4, 7, 10}; });
  is_missed([](Said& s) { s.enhanced.reset(); });
  is_missed([](Said& s) { s.stage = Stage::Mail; });
  is_missed([](Said& s) { s.site = "b"; });
}

BOOST_AUTO_TEST_CASE(none_is_a_reply_without_an_enhanced_code) {
  auto const* const rule = "[[reply]]\nclass = 'server_fault'\nenhanced = ['none']\n";
  BOOST_TEST(name_of(asked(rule, said_of(Stage::Mail, "451 x"))) == "server_fault");
  BOOST_TEST(name_of(asked(rule, said_of(Stage::Mail, "451 4.0.0 x"))) == "unknown");
}

BOOST_AUTO_TEST_CASE(the_first_rule_that_holds_counts) {
  auto const* const rules =
      "[[reply]]\nclass = 'rate_limited'\ntext = ['slow']\n[[reply]]\nclass = 'unknown'\ntext = "
      "['slow']\n";
  BOOST_TEST(name_of(asked(rules, said_of(Stage::Mail, "421 slow down"))) == "rate_limited");
}

BOOST_AUTO_TEST_SUITE_END()
