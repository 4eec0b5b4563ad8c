#include "core/admission/protocol.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::admission;

namespace {

Question const question{7, 2, "example.org", "shop"};
Answer const full{7, Verdict::Full, 1500, "example.org: accept_rate reached (1/s), next in 1s"};

std::string why_not(std::string const& frame) {
  auto const parsed = parse_question(frame);
  return parsed ? "understood" : parsed.error().reason;
}

std::string with(std::string octets, std::size_t at, char octet) {
  octets[at] = octet;
  return octets;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(protocol)

BOOST_AUTO_TEST_CASE(what_is_written_reads_the_same) {
  BOOST_TEST((parse_question(to_octets(question)).value() == question));
  BOOST_TEST((parse_answer(to_octets(full)).value() == full));
  Question const bare{0, 1, "", ""};
  BOOST_TEST((parse_question(to_octets(bare)).value() == bare));
}

BOOST_AUTO_TEST_CASE(the_frame_is_the_documented_one) {
  auto const octets = to_octets(Question{0x0102, 3, "a.b", "t"});
  BOOST_TEST(octets == std::string("\0m\1\1\1\2\0\x08\0\3\3a.b\1t", 16));
}

BOOST_AUTO_TEST_CASE(a_frames_size_is_known_with_its_header_and_not_before) {
  auto const octets = to_octets(question);
  for (std::size_t n = 0; n < header_size; ++n)
    BOOST_TEST(!frame_size(octets.substr(0, n)).value().has_value());
  BOOST_TEST(frame_size(octets.substr(0, header_size)).value().value() == octets.size());
}

BOOST_AUTO_TEST_CASE(another_version_is_named) {
  auto const reason = frame_size(with(to_octets(question), 2, 9)).error().reason;
  BOOST_TEST(reason == "it speaks version 9 of the protocol, this is version 1");
}

BOOST_AUTO_TEST_CASE(what_is_no_frame_is_refused_at_its_first_wrong_octet) {
  BOOST_TEST(!frame_size("{").has_value());
  BOOST_TEST(!frame_size(std::string("\0x", 2)).has_value());
  BOOST_TEST(!frame_size(std::string("\0m\1\1\0\0\x04\x01", 8)).has_value());
  BOOST_TEST(frame_size(std::string("\0m\1\1\0\0\x04\0", 8)).value().value() == 1032U);
}

BOOST_AUTO_TEST_CASE(a_question_is_whole_and_plain_or_none) {
  auto const octets = to_octets(question);
  auto const odd = "the question is not what it should be";
  BOOST_TEST(why_not(octets.substr(0, octets.size() - 1)) == "it is no question");
  BOOST_TEST(why_not(octets + "x") == "it is no question");
  BOOST_TEST(why_not(to_octets(full)) == "it is no question");
  BOOST_TEST(why_not(with(octets, 9, 0)) == odd);     // no recipient
  BOOST_TEST(why_not(with(octets, 10, 120)) == odd);  // a domain beyond the payload
  BOOST_TEST(why_not(with(octets, 12, '\n')) == odd);
  BOOST_TEST(why_not(with(octets, 12, '\x80')) == odd);
}

BOOST_AUTO_TEST_CASE(an_answer_has_a_known_verdict_and_one_printable_line) {
  auto const octets = to_octets(full);
  BOOST_TEST(!parse_answer(with(octets, 8, 3)).has_value());
  BOOST_TEST(!parse_answer(with(octets, 15, '\r')).has_value());
  auto const hostile = to_octets(Answer{1, Verdict::Suspended, 0, "a\r\n250 ok"});
  BOOST_TEST(parse_answer(hostile).value().text == "a??250 ok");
  BOOST_TEST(parse_answer(not_understood()).error().reason == "it did not understand the question");
}

BOOST_AUTO_TEST_SUITE_END()
