// Taking a reply apart: codes, and what is only an echo of ours.

#include <boost/test/unit_test.hpp>

#include "core/replies/said.h"

using namespace mailpool::replies;

BOOST_AUTO_TEST_SUITE(said)

BOOST_AUTO_TEST_CASE(the_enhanced_code_stands_behind_the_code) {
  auto const it = said_of(Stage::Rcpt, "550 5.1.1 no such user");
  BOOST_TEST(it.code == "550");
  BOOST_TEST((it.enhanced == Enhanced{5, 1, 1}));
  BOOST_TEST(it.text == "no such user");
}

BOOST_AUTO_TEST_CASE(one_that_stands_within_the_words_counts_too) {
  auto const it = said_of(Stage::Rcpt, "550 cuda_nsu 5.1.1 unknown");
  BOOST_TEST((it.enhanced == Enhanced{5, 1, 1}));
  BOOST_TEST(it.text == "cuda_nsu 5.1.1 unknown");
}

BOOST_AUTO_TEST_CASE(one_of_another_class_is_none) {
  BOOST_TEST(!said_of(Stage::Rcpt, "450 5.1.1 unknown").enhanced.has_value());
  BOOST_TEST(!said_of(Stage::Rcpt, "450", "5.1.1", "unknown").enhanced.has_value());
}

BOOST_AUTO_TEST_CASE(addresses_of_hosts_and_versions_are_no_enhanced_codes) {
  for (auto const* line : {"550 from 5.6.7.8 refused", "550 Exim 5.19.11.2", "550 15.7.1",
                           "550 5.7.1234", "550 5.7.", "550 5"})
    BOOST_TEST(!said_of(Stage::Mail, line).enhanced.has_value(), line);
}

BOOST_AUTO_TEST_CASE(echoes_are_cut_out) {
  BOOST_TEST(without_echoes("<greylist@example.com>: rejected") == "<>: rejected");
  BOOST_TEST(without_echoes("user dmarc-reports@example.com unknown") == "user @ unknown");
  BOOST_TEST(without_echoes("<mail.spam.example[192.0.2.1]>: no") == "<>: no");
  BOOST_TEST(without_echoes("from: <x> or a@ or @b stays") == "from: <x> or a@ or @b stays");
  BOOST_TEST(without_echoes("open <a@b and no end") == "open <@ and no end");
}

BOOST_AUTO_TEST_CASE(a_reply_without_words_is_one_too) {
  BOOST_TEST(said_of(Stage::Connect, "554").text.empty());
  BOOST_TEST(said_of(Stage::Connect, "").code.empty());
}

BOOST_AUTO_TEST_SUITE_END()
