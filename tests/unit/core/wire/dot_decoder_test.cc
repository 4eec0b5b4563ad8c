#include "core/wire/dot_decoder.h"

#include <boost/test/unit_test.hpp>
#include <ostream>
#include <string>
#include <vector>

using namespace mailpool::wire;

namespace {

struct Collector final : ContentSink {
  std::string content;
  std::size_t pieces = 0;
  void on_content(std::string_view octets) override {
    content += octets;
    ++pieces;
  }
};

struct Decoded {
  std::string content;
  std::size_t taken = 0;
  bool finished = false;
  bool leading_dot = false;
  bool nul = false;
  bool operator==(Decoded const&) const = default;
};

std::ostream& operator<<(std::ostream& out, Decoded const& d) {
  for (char const c : d.content) c == '\r' ? out << "\\r" : c == '\n' ? out << "\\n" : out << c;
  return out << " taken=" << d.taken << " finished=" << d.finished << " dot=" << d.leading_dot
             << " nul=" << d.nul;
}

// Decodes `wire` cut at the given places.
Decoded decode(std::string_view wire, std::vector<std::size_t> cuts = {}) {
  DotDecoder decoder;
  Collector sink;
  std::size_t taken = 0;
  cuts.push_back(wire.size());
  for (auto const cut : cuts)
    if (!decoder.is_finished()) taken += decoder.decode(wire.substr(taken, cut - taken), sink);
  return {sink.content, taken, decoder.is_finished(), decoder.has_leading_dot(), decoder.has_nul()};
}

using namespace std::string_view_literals;

struct Row {
  std::string_view wire;
  std::string_view content;
  bool finished;
  bool leading_dot = false;
};

// What ends the data, what does not, and what becomes of it.
constexpr Row rows[]{
    {".\r\n"sv, ""sv, true},
    {"\r\n.\r\n"sv, "\r\n"sv, true},
    {"a\r\n.\r\n"sv, "a\r\n"sv, true},
    {"a\r\n.\r\nMAIL FROM:<x@y>\r\n"sv, "a\r\n"sv, true},
    {"..\r\n.\r\n"sv, ".\r\n"sv, true, true},
    {"...a\r\n.\r\n"sv, "..a\r\n"sv, true, true},
    {".a\r\n.\r\n"sv, "a\r\n"sv, true},
    {"a.\r\n.b\r\n..c\r\n.\r\n"sv, "a.\r\nb\r\n.c\r\n"sv, true, true},
    // Smuggling: every neighbour of CRLF.CRLF is content.
    {"a\n.\nb"sv, "a\r\n.\r\nb"sv, false, true},
    {"a\n.\r\nb"sv, "a\r\n.\r\nb"sv, false, true},
    {"a\r\n.\nb"sv, "a\r\n\r\nb"sv, false},
    {"a\r.\rb"sv, "a\r\n.\r\nb"sv, false, true},
    {"a\r.\r\nb"sv, "a\r\n.\r\nb"sv, false, true},
    {"a\r\n.\rb"sv, "a\r\n\r\nb"sv, false},
    {"a\n.\rb"sv, "a\r\n.\r\nb"sv, false, true},
    {"a\r.\nb"sv, "a\r\n.\r\nb"sv, false, true},
    {"a\r\n.\r\r\nb"sv, "a\r\n\r\nb"sv, false},
    {"a\r\r\n.\r\nb"sv, "a\r\n"sv, true},
    {"a\n\r.\r\nb"sv, "a\r\n\r\n.\r\nb"sv, false, true},
    {"a\r\n\0.\r\nb"sv, "a\r\n\0.\r\nb"sv, false},
    {"a\r\n.\0\r\nb"sv, "a\r\n\0\r\nb"sv, false},
    {"a\r\n. \r\nb"sv, "a\r\n \r\nb"sv, false},
    {"\n.\r\n"sv, "\r\n.\r\n"sv, false, true},
    {"\r.\r\n"sv, "\r\n.\r\n"sv, false, true},
    // Line ends are mended.
    {"a\nb\r\n"sv, "a\r\nb\r\n"sv, false},
    {"a\rb\r\n"sv, "a\r\nb\r\n"sv, false},
    {"a\r\r\nb\r\n"sv, "a\r\nb\r\n"sv, false},
    {"a\r\r\r\nb\r\n"sv, "a\r\nb\r\n"sv, false},
    {"a\r\rb\r\n"sv, "a\r\nb\r\n"sv, false},
    {"a\n\nb\r\n"sv, "a\r\n\r\nb\r\n"sv, false},
    {"a\n\r\nb\r\n"sv, "a\r\n\r\nb\r\n"sv, false},
    // After a line end of our making a dot is content, stuffed or not.
    {"a\n..b\r\n"sv, "a\r\n..b\r\n"sv, false, true},
    {"a\r..b\r\n"sv, "a\r\n..b\r\n"sv, false, true},
    // Half of a terminator is nothing yet.
    {"a\r\n.\r"sv, "a\r\n"sv, false},
    {"a\r\n."sv, "a\r\n"sv, false},
    {"a\r"sv, "a"sv, false},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dot_decoder)

BOOST_AUTO_TEST_CASE(only_crlf_dot_crlf_ends_the_data_and_every_line_end_becomes_crlf) {
  for (auto const& row : rows) {
    auto const d = decode(row.wire);
    BOOST_TEST_CONTEXT(d) {
      BOOST_TEST(d.content == row.content);
      BOOST_TEST(d.finished == row.finished);
      BOOST_TEST(d.leading_dot == row.leading_dot);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_way_of_cutting_the_input_gives_the_same_result) {
  for (auto const& row : rows) {
    auto const whole = decode(row.wire);
    for (std::size_t a = 0; a <= row.wire.size(); ++a)
      for (std::size_t b = a; b <= row.wire.size(); ++b)
        BOOST_TEST(decode(row.wire, {a, b}) == whole);
    std::vector<std::size_t> every;
    for (std::size_t i = 1; i < row.wire.size(); ++i) every.push_back(i);
    BOOST_TEST(decode(row.wire, every) == whole);
  }
}

BOOST_AUTO_TEST_CASE(what_follows_the_final_dot_is_left_alone) {
  auto const d = decode("x\r\n.\r\nNOOP\r\n");
  BOOST_TEST(d.taken == 6U);
}

BOOST_AUTO_TEST_CASE(nul_is_reported_but_only_inside_the_data) {
  BOOST_TEST(decode("a\0b\r\n.\r\n"sv).nul);
  BOOST_TEST(!decode("ab\r\n.\r\n\0"sv).nul);
}

BOOST_AUTO_TEST_CASE(clean_content_passes_in_one_piece) {
  std::string wire;
  for (int i = 0; i < 60; ++i) wire += std::string(70, 'x') + "\r\n";
  DotDecoder decoder;
  Collector sink;
  decoder.decode(wire + ".\r\n", sink);
  BOOST_TEST(sink.pieces == 1U);
  BOOST_TEST((sink.content == wire));
}

BOOST_AUTO_TEST_CASE(a_line_may_be_of_any_length) {
  std::string const line(1 << 20, 'y');
  auto const d = decode(line + "\r\n.\r\n", {1000, 70000});
  BOOST_TEST((d.content == line + "\r\n"));
  BOOST_TEST(d.finished);
}

BOOST_AUTO_TEST_SUITE_END()
