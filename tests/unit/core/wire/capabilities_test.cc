#include "core/wire/capabilities.h"

#include <boost/test/unit_test.hpp>
#include <initializer_list>

using namespace mailpool::wire;

namespace {

Capabilities learnt(std::initializer_list<std::string_view> lines) {
  Capabilities has;
  for (auto line : lines) has.learn(line);
  return has;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(capabilities)

BOOST_AUTO_TEST_CASE(keywords_are_known_in_any_case) {
  auto const has =
      learnt({"PIPELINING", "Chunking", "8bitmime", "SMTPUTF8", "EnhancedStatusCodes", "StartTLS"});
  BOOST_TEST((has.pipelining && has.chunking && has.eight_bit_mime && has.smtputf8 &&
              has.enhanced_status_codes && has.starttls));
}

BOOST_AUTO_TEST_CASE(mechanisms_are_known_once_in_either_form) {
  BOOST_TEST(learnt({"AUTH plain LOGIN", "AUTH=PLAIN LOGIN CRAM-MD5"}).auth ==
             "PLAIN LOGIN CRAM-MD5");
  BOOST_TEST(learnt({"AUTH"}).auth == "");
  BOOST_TEST(learnt({"AUTH " + std::string(600, 'X')}).auth == "");
}

BOOST_AUTO_TEST_CASE(only_whole_words_count) {
  BOOST_TEST((learnt({"PIPELININGX", "XPIPELINING", "X PIPELINING", "CHUNKING=1", "", " ",
                      "XAUTH PLAIN"}) == Capabilities{}));
}

BOOST_AUTO_TEST_CASE(size_has_a_limit_or_none) {
  BOOST_TEST(learnt({"SIZE 52428800"}).size_limit == 52428800U);
  for (auto line : {"SIZE", "SIZE 0", "SIZE many", "SIZE -1", "SIZE 99999999999999999999999"}) {
    BOOST_TEST(learnt({line}).size, line);
    BOOST_TEST(learnt({line}).size_limit == 0U, line);
  }
}

BOOST_AUTO_TEST_CASE(limits_are_numbers_greater_than_zero) {
  auto const has = learnt({"LIMITS MAILMAX=20 rcptmax=100 RCPTDOMAINMAX=1 OTHER=5"});
  BOOST_TEST(has.mail_max.value() == 20U);
  BOOST_TEST(has.rcpt_max.value() == 100U);
  BOOST_TEST(has.rcpt_domain_max.value() == 1U);
  for (auto line : {"LIMITS MAILMAX=0", "LIMITS MAILMAX=", "LIMITS MAILMAX", "LIMITS MAILMAX=x",
                    "LIMITS =5", "LIMITS"})
    BOOST_TEST(!learnt({line}).mail_max.has_value(), line);
  BOOST_TEST(learnt({"LIMITS MAILMAX=99999999999"}).mail_max.value() == UINT32_MAX);
}

BOOST_AUTO_TEST_SUITE_END()
