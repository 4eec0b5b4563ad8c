// conf/providers.toml as it is installed: it has no mistakes, and its rules meet what the providers
// say.

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "core/config/included.h"
#include "core/config/load.h"
#include "core/rules/book.h"
#include "core/rules/check.h"

using namespace mailpool;

namespace {

Loaded providers(std::string_view own = "") {
  std::ifstream file(MAILPOOL_SOURCE_DIR "/conf/providers.toml");
  std::stringstream text;
  text << file.rdbuf();
  return load_settings(own, "mailpool.toml",
                       std::vector<ConfigurationText>{{"providers.toml", text.str()}});
}

struct Said {
  std::string site;
  std::string line;
  RuleAction action;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(providers_file)

BOOST_AUTO_TEST_CASE(it_has_no_mistakes_and_no_rule_that_can_never_match) {
  auto const loaded = providers();
  for (auto const& mistake : loaded.mistakes) BOOST_TEST(false, mistake.to_line());
  for (auto const& mistake : rules::mistakes_in(loaded.settings.rules))
    BOOST_TEST(false, mistake.to_line());
  BOOST_TEST(loaded.settings.sites.size() >= 23U);
}

BOOST_AUTO_TEST_CASE(every_section_and_every_rule_says_whose_matter_it_is) {
  std::ifstream file(MAILPOOL_SOURCE_DIR "/conf/providers.toml");
  std::string line;
  std::string section;  // while nothing has said it
  std::size_t sections = 0;
  while (std::getline(file, line)) {
    if (line.starts_with('[')) {
      BOOST_TEST(section.empty(), section);
      section = line;
      ++sections;
    }
    auto const wanted = section.starts_with("[[rule]]") ? "scope = \"" : "per = \"";
    if (line.starts_with(wanted)) section.clear();
  }
  BOOST_TEST(section.empty(), section);
  BOOST_TEST(sections > 50U);
}

BOOST_AUTO_TEST_CASE(
    every_site_keeps_idle_connections_for_less_than_five_minutes_and_none_at_rest) {
  for (auto const& [name, site] : providers().settings.sites) {
    BOOST_TEST((site.settings.idle_timeout <= std::chrono::seconds(60)), name);
    BOOST_TEST(site.settings.min_idle == 0U, name);
  }
}

BOOST_AUTO_TEST_CASE(what_the_providers_say_meets_a_rule) {
  auto const settings = providers().settings;
  rules::Book const book(settings.rules);
  std::vector<Said> const replies{
      {"google", "421 4.7.28 Our system has detected an unusual rate of mail", RuleAction::Set},
      {"google", "421 4.7.0 Our system has detected that this message is likely spam",
       RuleAction::Suspend},
      {"yahoo", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
       RuleAction::Suspend},
      {"yahoo", "421 4.7.1 [TS03] All messages deferred", RuleAction::Set},
      {"yahoo", "553 5.7.1 [BL21] Connections will not be accepted", RuleAction::Suspend},
      {"outlook", "451 4.7.652 The mail server has exceeded the maximum number of connections",
       RuleAction::Set},
      {"outlook", "451 4.7.650 The mail server has been temporarily rate limited",
       RuleAction::Suspend},
      {"office365", "451 4.7.500 Server busy. Please try again later", RuleAction::Set},
      {"apple", "450 [HCM1] Message was deferred", RuleAction::Suspend},
      {"comcast", "421 4.1.0 192.0.2.1 RL000010", RuleAction::Suspend},
      {"comcast", "421 4.1.0 192.0.2.1 RL000001", RuleAction::Set},
      {"gmx", "421 Too many connections", RuleAction::Set},
      {"orange", "421 mwinf5c Trop de connexions", RuleAction::Set},
      {"mimecast", "451 Internal resource temporarily unavailable", RuleAction::Suspend},
      {"qq", "550 Ip frequency limited", RuleAction::Suspend},
      {"netease", "554 DT:SPM 163 smtp1", RuleAction::Set},
      {"netvigator", "451 Too many messages for this session", RuleAction::Suspend},
      {"naver", "421 4.3.1 You send too many messages.", RuleAction::Suspend},
      {"naver",
       "421 4.3.2 Your IP(192.0.2.10) is filtered and this connection will be closed. You must "
       "register your IP to http://realip.naver.com",
       RuleAction::Suspend},
  };
  for (auto const& said : replies) {
    auto const number = book.find_anywhere(said.site, "customer.example", said.line);
    BOOST_REQUIRE_MESSAGE(number.has_value(), said.line);
    BOOST_TEST((book[*number].action == said.action), said.line);
  }
}

BOOST_AUTO_TEST_CASE(what_speaks_of_a_senders_domain_touches_no_other_sender) {
  auto const settings = providers().settings;
  rules::Book const book(settings.rules);
  auto const scope_of = [&](std::string_view line) {
    return book[*book.find_anywhere("google", "customer.example", line)].scope;
  };
  BOOST_TEST(
      (scope_of("421 4.7.28 Gmail has detected an unusual rate of unsolicited mail "
                "originating from your DKIM domain [shop.example]") == RuleScope::SenderDomain));
  BOOST_TEST((scope_of("421 4.7.28 Gmail has detected an unusual rate of unsolicited mail "
                       "originating from your IP address") == RuleScope::Path));
}

BOOST_AUTO_TEST_CASE(an_operator_changes_one_number_and_keeps_the_rest) {
  auto const settings = providers("[site.google]\nmax_connections = 20\n").settings;
  BOOST_TEST(settings.sites.at("google").settings.max_connections == 20U);
  BOOST_TEST(settings.sites.at("google").settings.max_messages == 50U);
}

BOOST_AUTO_TEST_SUITE_END()
