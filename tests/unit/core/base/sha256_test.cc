#include "core/base/sha256.h"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace mailpool;

namespace {

std::string hex(Sha256Digest const& digest) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (auto const octet : digest) {
    text += digits[octet >> 4U];
    text += digits[octet & 15U];
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sha256_and_hmac)

BOOST_AUTO_TEST_CASE(digests_are_those_of_fips_180_4) {
  BOOST_TEST(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(hex(sha256("abc")) ==
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  BOOST_TEST(sha256_hex(std::string(1'000'000, 'a'), 64) ==
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_CASE(authentication_codes_are_those_of_rfc_4231) {
  BOOST_TEST(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
             "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  BOOST_TEST(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  BOOST_TEST(hex(hmac_sha256(std::string(131, '\xaa'),
                             "Test Using Larger Than Block-Size Key - Hash Key First")) ==
             "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

BOOST_AUTO_TEST_CASE(texts_are_equal_in_every_octet_or_not_at_all) {
  BOOST_TEST(equal_in_constant_time("", ""));
  BOOST_TEST(equal_in_constant_time("abc", "abc"));
  BOOST_TEST(!equal_in_constant_time("abc", "abd"));
  BOOST_TEST(!equal_in_constant_time("Abc", "abc"));
  BOOST_TEST(!equal_in_constant_time("abc", "abcd"));
}

BOOST_AUTO_TEST_CASE(a_digest_does_not_depend_on_how_the_data_came_in_pieces) {
  std::string const data(300, 'x');
  for (std::size_t piece = 1; piece <= data.size(); ++piece) {
    Sha256 hash;
    for (std::size_t at = 0; at < data.size(); at += piece)
      hash.add(std::string_view(data).substr(at, piece));
    BOOST_REQUIRE(hash.finish() == sha256(data));
  }
}

BOOST_AUTO_TEST_SUITE_END()
