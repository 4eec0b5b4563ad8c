#include "core/tls/tlsa.h"

#include <array>
#include <boost/test/unit_test.hpp>

using namespace mailpool::tls;

BOOST_AUTO_TEST_SUITE(tlsa_records)

BOOST_AUTO_TEST_CASE(usages_two_and_three_are_usable_and_zero_and_one_are_not) {
  std::string const hash(32, 'h');
  for (auto const usage : std::array<std::uint8_t, 4>{0, 1, 4, 255})
    BOOST_TEST(!is_usable({usage, 1, 1, hash}));
  for (auto const usage : std::array<std::uint8_t, 2>{2, 3})
    BOOST_TEST(is_usable({usage, 1, 1, hash}));
}

BOOST_AUTO_TEST_CASE(selectors_and_matching_types_must_exist_and_data_must_have_their_size) {
  BOOST_TEST(is_usable({3, 0, 1, std::string(32, 'h')}));
  BOOST_TEST(!is_usable({3, 2, 1, std::string(32, 'h')}));
  BOOST_TEST(!is_usable({3, 1, 1, std::string(31, 'h')}));
  BOOST_TEST(is_usable({3, 1, 2, std::string(64, 'h')}));
  BOOST_TEST(!is_usable({3, 1, 2, std::string(32, 'h')}));
  BOOST_TEST(!is_usable({3, 1, 3, std::string(32, 'h')}));
  BOOST_TEST(is_usable({3, 0, 0, "\x30\x03\x02\x01\x01"}));
  BOOST_TEST(!is_usable({3, 0, 0, ""}));
  BOOST_TEST(!is_usable({3, 0, 0, "no DER"}));
}

BOOST_AUTO_TEST_CASE(the_digest_is_of_the_set_of_usable_records) {
  TlsaRecord const a{3, 1, 1, std::string(32, 'a')};
  TlsaRecord const b{2, 1, 1, std::string(32, 'b')};
  TlsaRecord const useless{1, 1, 1, std::string(32, 'c')};
  BOOST_TEST(digest_of(usable({a, b})) == digest_of(usable({b, useless, a, a})));
  BOOST_TEST(digest_of(usable({a})) != digest_of(usable({b})));
  BOOST_TEST(digest_of(usable({a})) != digest_of(usable({a, b})));
  BOOST_TEST(digest_of(usable({useless})).empty());
}

BOOST_AUTO_TEST_SUITE_END()
