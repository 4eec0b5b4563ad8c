// poolctl test-reply: which rule a reply would meet, said for people and for scripts.

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "poolctl/run.h"
#include "unit/manager/scratch.h"

using namespace mailpool;

namespace {

struct Asked {
  int exit;
  std::string out;
  std::string err;
};

Asked ask(std::vector<char const*> more) {
  tests::Scratch const place;
  std::string const file = place / "mailpool.toml";
  std::ofstream(file) << "[site.google]\nmx = ['.google.com']\n[[rule]]\nsite = 'google'\n"
                         "reply = '4\\.7\\.28'\nat = 'mail'\nafter = '3/h'\ndo = 'suspend'\n"
                         "for = '1h'\nreason = 'they ask'\n";
  std::vector<char const*> words{"poolctl", "test-reply", "--config", file.c_str()};
  words.insert(words.end(), more.begin(), more.end());
  std::ostringstream out;
  std::ostringstream err;
  auto const exit = poolctl::run(static_cast<int>(words.size()), words.data(), out, err);
  return {exit, out.str(), err.str()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(test_reply)

BOOST_AUTO_TEST_CASE(the_rule_is_named_with_what_it_would_do) {
  auto const asked = ask({"421 4.7.28 unusual", "--site", "google"});
  BOOST_TEST(asked.exit == 0);
  BOOST_TEST(asked.out.find("mailpool.toml:3: 4\\.7\\.28\n  suspends the path (this site, from the "
                            "source that hears it) for 1h after 3/h\n") != std::string::npos,
             asked.out);
  BOOST_TEST(asked.out.find("adaptive: a throttling reply") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(at_another_step_no_rule_meets_it) {
  auto const asked = ask({"421 4.7.28 unusual", "--site", "google", "--at", "rcpt"});
  BOOST_TEST(asked.out.find("no rule meets this reply\n") == 0U);
}

BOOST_AUTO_TEST_CASE(for_scripts_the_rule_is_an_object_or_null) {
  auto const met = ask({"421 4.7.28 unusual", "--site", "google", "--json"});
  BOOST_TEST(met.out.find("\"do\": \"suspend\"") != std::string::npos, met.out);
  auto const none = ask({"451 4.3.0 later", "--site", "google", "--json"});
  BOOST_TEST(none.out.find("\"rule\": null") != std::string::npos, none.out);
}

BOOST_AUTO_TEST_CASE(what_is_no_reply_and_what_is_no_site_are_said) {
  BOOST_TEST(ask({"250 ok", "--site", "google"}).exit == 2);
  BOOST_TEST(ask({"hello", "--site", "google"}).exit == 2);
  auto const asked = ask({"421 x", "--site", "gogle"});
  BOOST_TEST(asked.exit == 1);
  BOOST_TEST(asked.err.find("google is meant, perhaps") != std::string::npos, asked.err);
}

BOOST_AUTO_TEST_CASE(the_class_is_said_with_the_line_that_says_so) {
  auto const rules = std::string(MAILPOOL_SOURCE_DIR) + "/conf/replies.toml";
  auto const asked = ask({"450 4.2.0 greylisted", "--at", "rcpt", "--replies", rules.c_str()});
  BOOST_TEST(asked.out.find("class: greylisted (" + rules + ":") != std::string::npos, asked.out);
  auto const json = ask({"552 Hm", "--at", "mail", "--json", "--replies", rules.c_str()});
  for (auto const* part : {"\"class\": \"message_too_big\"", "\"when\": \"never\"",
                           "\"whose\": \"message\"", "\"by\": \""})
    BOOST_TEST(json.out.find(part) != std::string::npos, part << " is not in " << json.out);
}

BOOST_AUTO_TEST_CASE(each_row_of_a_table_has_its_class) {
  tests::Scratch const place;
  std::string const file = place / "replies.tsv";
  std::string const rules = place / "rules.toml";
  std::ofstream(rules) << "[[reply]]\nclass = 'greylisted'\ntext = ['wait']\n";
  std::ofstream(file)
      << "text\tcode\tstage\tother\nplease wait\t451\trcpt\tx\r\n\nno\t550\tany\t\n";
  auto const asked = ask({"--file", file.c_str(), "--replies", rules.c_str()});
  BOOST_TEST(asked.exit == 0);
  BOOST_TEST(asked.out == "greylisted\t" + rules + ":1\nunknown\t-\n");
  auto const json = ask({"--file", file.c_str(), "--replies", rules.c_str(), "--json"});
  BOOST_TEST(json.out.find("\"class\": \"greylisted\"") != std::string::npos, json.out);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_table_is_said_with_its_line) {
  tests::Scratch const place;
  std::string const file = place / "replies.tsv";
  auto const says = [&](char const* text, char const* what) {
    std::ofstream(file, std::ios::trunc) << text;
    auto const asked = ask({"--file", file.c_str()});
    BOOST_TEST(asked.exit == 1);
    BOOST_TEST(asked.err.find(what) != std::string::npos, asked.err);
  };
  says("", "cannot be read, or is empty");
  says("stage\tcode\n", "names no column text");
  says("stage\tcode\ttext\nsoon\t450\tx\n", ":2: there is no stage soon");
  says("stage\tcode\ttext\nrcpt\t45\tx\n", ":2: 45 is no code of a reply");
}

BOOST_AUTO_TEST_CASE(a_mistake_in_the_rules_of_classes_is_said) {
  tests::Scratch const place;
  std::string const rules = place / "rules.toml";
  std::ofstream(rules) << "[[reply]]\nclass = 'gone'\n";
  auto const asked = ask({"450 x", "--replies", rules.c_str()});
  BOOST_TEST(asked.exit == 1);
  BOOST_TEST(asked.err.find("rules.toml:2: class: there is no class") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
