// Which rule meets a reply, and when a threshold is reached.

#include "core/rules/book.h"

#include <boost/test/unit_test.hpp>

#include "core/rules/window.h"

using namespace mailpool;
using namespace mailpool::rules;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{100h};

RuleSettings rule(std::string site, std::string reply, std::optional<Step> at = std::nullopt) {
  RuleSettings r;
  r.site = std::move(site);
  r.reply = std::move(reply);
  r.at = at;
  r.action = RuleAction::Suspend;
  return r;
}
RuleSettings domain_rule(std::string domain, std::string reply) {
  auto r = rule("", std::move(reply));
  r.domain = std::move(domain);
  return r;
}
Remark said(std::string line, Step at = Step::Mail) {
  return {at, 421, std::move(line), 0};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rule_book)

BOOST_AUTO_TEST_CASE(the_first_rule_of_the_site_that_meets_the_reply_counts) {
  Book const book({rule("yahoo", "TSS"), rule("google", "4\\.7\\.28"), rule("google", "421")});
  BOOST_TEST(book.find("google", "a.example", said("421 4.7.28 unusual rate")).value() == 1U);
  BOOST_TEST(book.find("google", "a.example", said("421 4.7.0 other")).value() == 2U);
  BOOST_TEST(!book.find("google", "a.example", said("451 4.3.0 other")).has_value());
  BOOST_TEST(!book.find("other", "a.example", said("421 4.7.28")).has_value());
}

BOOST_AUTO_TEST_CASE(a_rule_of_every_site_meets_all_and_one_of_a_domain_only_its_mail) {
  Book const book({domain_rule("a.example", "busy"), rule("*", "421")});
  BOOST_TEST(book.find("x", "a.example", said("421 busy")).value() == 0U);
  BOOST_TEST(book.find("x", "b.example", said("421 busy")).value() == 1U);
  BOOST_TEST(book.find("x", "", said("421 busy", Step::Connect)).value() == 1U);
}

BOOST_AUTO_TEST_CASE(each_word_of_at_meets_its_step_alone) {
  Step const steps[] = {Step::Connect, Step::Ehlo, Step::Mail, Step::Rcpt,
                        Step::Data,    Step::End,  Step::Idle};
  for (auto at : steps) {
    if (at == Step::Idle) continue;  // no word of the configuration
    Book const book({rule("s", "busy", at)});
    for (auto said_at : steps)
      BOOST_TEST(book.find("s", "d", said("421 busy", said_at)).has_value() == (at == said_at),
                 name_of(at) << " and " << name_of(said_at));
  }
  Book const anywhere({rule("s", "busy")});
  for (auto said_at : steps)
    BOOST_TEST(anywhere.find("s", "d", said("421 busy", said_at)).has_value());
}

BOOST_AUTO_TEST_CASE(a_pattern_is_found_anywhere_in_the_reply_with_case_as_written) {
  Book const book({rule("s", "Server busy"), rule("s", "(?i)later")});
  BOOST_TEST(book.find("s", "d", said("451 4.7.500 Server busy. x")).value() == 0U);
  BOOST_TEST(!book.find("s", "d", said("451 server Busy")).has_value());
  BOOST_TEST(book.find("s", "d", said("451 Try LATER")).value() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pattern_is_never_found_in_what_the_server_only_repeats) {
  Book const book({rule("s", "(?i)throttl")});
  auto remark = said("450 4.1.8 <throttle@a.example>: Domain throttle.example not found");
  BOOST_TEST(book.find("s", "d", remark).has_value());
  BOOST_TEST(book.find_anywhere("s", "d", remark.line).has_value());
  remark.said = {"throttle.example"};
  BOOST_TEST(!book.find("s", "d", remark).has_value());
  BOOST_TEST(!book.find_anywhere("s", "d", "450 <throttle@a.example>: no").has_value());
}

BOOST_AUTO_TEST_CASE(a_pattern_that_is_none_meets_nothing) {
  Book const book({rule("s", "["), rule("s", "x")});
  BOOST_TEST(book.find("s", "d", said("421 [x")).value() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pattern_that_would_hang_others_is_answered_at_once) {
  Book const book({rule("s", "(a+)+$")});
  BOOST_TEST(!book.find("s", "d", said("421 " + std::string(500, 'a') + "!")).has_value());
}

BOOST_AUTO_TEST_CASE(a_threshold_is_reached_by_the_last_reply_within_its_time_and_not_before) {
  Windows windows;
  Threshold const after{3, 1h};
  BOOST_TEST(!windows.met(0, "", after, start));
  BOOST_TEST(!windows.met(0, "", after, start + 30min));
  BOOST_TEST(windows.count(0, "", after, start + 30min) == 2U);
  BOOST_TEST(windows.met(0, "", after, start + 1h - 1ns));
  BOOST_TEST(!windows.met(0, "", after, start + 1h));  // the counting began anew
}

BOOST_AUTO_TEST_CASE(what_is_older_than_the_time_does_not_count) {
  Windows windows;
  Threshold const after{3, 1h};
  windows.met(0, "", after, start);
  windows.met(0, "", after, start + 30min);
  BOOST_TEST(!windows.met(0, "", after, start + 1h));
  BOOST_TEST(windows.count(0, "", after, start + 1h) == 2U);
  BOOST_TEST(windows.met(0, "", after, start + 90min - 1ns));
}

BOOST_AUTO_TEST_CASE(once_is_enough_without_a_threshold_and_takes_no_memory) {
  Windows windows;
  BOOST_TEST(windows.met(0, "", Threshold{}, start));
  BOOST_TEST(windows.size() == 0U);
}

BOOST_AUTO_TEST_CASE(rules_and_scopes_are_counted_apart) {
  Windows windows;
  Threshold const after{2, 1h};
  BOOST_TEST(!windows.met(0, "a.example", after, start));
  BOOST_TEST(!windows.met(0, "b.example", after, start));
  BOOST_TEST(!windows.met(1, "a.example", after, start));
  BOOST_TEST(windows.met(0, "a.example", after, start));
}

BOOST_AUTO_TEST_CASE(windows_stay_bounded_and_the_oldest_makes_room) {
  Windows windows;
  Threshold const after{2, 24h};
  for (std::size_t i = 0; i <= Windows::most_windows; ++i)
    windows.met(i, "", after, start + std::chrono::seconds(i));
  BOOST_TEST(windows.size() == Windows::most_windows);
  BOOST_TEST(windows.met(1, "", after, start + 1h));
  BOOST_TEST(!windows.met(0, "", after, start + 1h));
}

BOOST_AUTO_TEST_SUITE_END()
