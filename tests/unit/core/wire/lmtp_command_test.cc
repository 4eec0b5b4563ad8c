#include "core/wire/lmtp_command.h"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace mailpool;
using namespace mailpool::wire;

namespace {

// "mailbox|NAME=VALUE|NAME", or "!" and why not.
std::string path(std::string_view argument, std::string_view keyword = "TO:") {
  auto const parsed = parse_path(argument, keyword);
  if (!parsed) return "!" + parsed.error().reason;
  std::string out(parsed->mailbox);
  for (auto const& p : parsed->parameters)
    out += "|" + std::string(p.name) + (p.has_value ? "=" + std::string(p.value) : "");
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lmtp_command)

BOOST_AUTO_TEST_CASE(verbs_are_known_in_any_case_and_arguments_lose_their_blanks) {
  auto const c = parse_command("mAiL  FROM:<a@b> ");
  BOOST_TEST((c.verb == Verb::Mail));
  BOOST_TEST(c.argument == "FROM:<a@b>");
  BOOST_TEST((parse_command("DATA").verb == Verb::Data));
  BOOST_TEST((parse_command("DATAX").verb == Verb::Unknown));
  BOOST_TEST((parse_command(" DATA").verb == Verb::Unknown));
  BOOST_TEST((parse_command("").verb == Verb::Unknown));
  BOOST_TEST(name_of(Verb::Xforward) == "XFORWARD");
}

BOOST_AUTO_TEST_CASE(a_path_is_what_stands_between_the_angle_brackets) {
  BOOST_TEST(path("TO:<u@example.org>") == "u@example.org");
  BOOST_TEST(path("to: <u@example.org>") == "u@example.org");
  BOOST_TEST(path("TO:<>") == "");
  BOOST_TEST(path("TO:<u@example.org>  A=1 b") == "u@example.org|A=1|b");
  BOOST_TEST(path("FROM:<u@example.org> SIZE=10 BODY=8BITMIME", "FROM:") ==
             "u@example.org|SIZE=10|BODY=8BITMIME");
}

BOOST_AUTO_TEST_CASE(a_quoted_local_part_may_hold_brackets_blanks_and_quotes) {
  BOOST_TEST(path(R"(TO:<"a>b c"@example.org> X)") == R"("a>b c"@example.org|X)");
  BOOST_TEST(path(R"(TO:<"a\">"@example.org>)") == R"("a\">"@example.org)");
}

BOOST_AUTO_TEST_CASE(a_source_route_is_taken_off) {
  BOOST_TEST(path("TO:<@a.example,@b.example:u@example.org>") == "u@example.org");
}

BOOST_AUTO_TEST_CASE(what_is_not_a_path_is_refused) {
  for (auto const* bad :
       {"", "TO", "TO:", "TO:u@example.org", "TO:<u@example.org", "FROM:<u@example.org>",
        R"(TO:<"u@example.org>)", "TO:<u@example.org>X=1"})
    BOOST_TEST(path(bad).starts_with('!'), bad);
}

BOOST_AUTO_TEST_CASE(what_is_not_a_parameter_is_refused) {
  for (auto const* bad : {"TO:<u@b> =1", "TO:<u@b> -A=1", "TO:<u@b> A_B=1", "TO:<u@b> A="})
    BOOST_TEST(path(bad).starts_with('!'), bad);
  std::string many = "TO:<u@b>";
  for (int i = 0; i < 16; ++i) many += " A=1";
  BOOST_TEST(!path(many).starts_with('!'));
  BOOST_TEST(path(many + " A=1") == "!too many parameters");
}

BOOST_AUTO_TEST_CASE(xtext_is_decoded_strictly) {
  BOOST_TEST(decode_xtext("a+2Bb+3dc").value() == "a+b=c");
  BOOST_TEST(decode_xtext("").value() == "");
  for (auto const* bad : {"+", "+2", "+2G", "a b", "a=b", "\x7f", "\xc3\xbc"})
    BOOST_TEST(!decode_xtext(bad).has_value(), bad);
}

BOOST_AUTO_TEST_SUITE_END()
