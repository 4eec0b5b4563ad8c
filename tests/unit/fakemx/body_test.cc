#include "fakemx/body.h"

#include <boost/test/unit_test.hpp>

#include "fakemx/command.h"

using namespace mailpool;
using namespace mailpool::fakemx;

namespace {

struct Read {
  std::string content;
  std::string rest;
  bool ended = false;
  BodyFaults faults;
  std::string traceless;
};

/// Gives `wire` to the readers in pieces of `piece` octets.
Read read_dots(std::string_view wire, std::size_t piece) {
  BodyReader body;
  DotReader dots;
  body.restart(true, true);
  dots.restart();
  std::size_t at = 0;
  while (at < wire.size() && !dots.at_end()) at += dots.take(wire.substr(at, piece), body);
  body.finish();
  return {body.content(), std::string(wire.substr(at)), dots.at_end(), body.faults(),
          net::hex(body.digest_without_received())};
}

/// The same, however it is cut.
Read read_dots(std::string_view wire) {
  auto const whole = read_dots(wire, wire.size());
  for (std::size_t piece = 1; piece < wire.size(); ++piece) {
    auto const cut = read_dots(wire, piece);
    BOOST_TEST(cut.content == whole.content, "in pieces of " << piece);
    BOOST_TEST(cut.ended == whole.ended);
    BOOST_TEST(cut.faults.bare_cr == whole.faults.bare_cr);
    BOOST_TEST(cut.faults.bare_lf == whole.faults.bare_lf);
    BOOST_TEST(cut.faults.nul == whole.faults.nul);
    BOOST_TEST(cut.traceless == whole.traceless);
  }
  return whole;
}

std::string digest(std::string_view text) {
  net::Sha256 sha;
  sha.add(text);
  return net::hex(sha.finish());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fakemx_body)

BOOST_AUTO_TEST_CASE(dots_are_taken_from_the_start_of_lines_alone) {
  auto const read = read_dots("..a\r\nb.\r\n...\r\n..\r\n.\r\nQUIT\r\n");
  BOOST_TEST(read.content == ".a\r\nb.\r\n..\r\n.\r\n");
  BOOST_TEST(read.rest == "QUIT\r\n");
  BOOST_TEST(read.faults.unstuffed_dots == 0);
}

BOOST_AUTO_TEST_CASE(an_empty_content_is_empty) {
  auto const read = read_dots(".\r\n");
  BOOST_TEST(read.ended);
  BOOST_TEST(read.content == "");
}

BOOST_AUTO_TEST_CASE(only_crlf_dot_crlf_ends_the_content) {
  for (auto const* const wire : {"a\n.\nb\r\n", "a\r\n.\nb\r\n", "a\n.\r\nb\r\n", "a\r.\r\nb\r\n",
                                 "a\r\n.\rb\r\n", "a\r\n.\r\r\nb\r\n", "a\r\r\n.b\r\n"}) {
    auto const read = read_dots(std::string(wire) + ".\r\n");
    BOOST_TEST(read.ended, wire);
    BOOST_TEST(read.rest == "", wire);
    BOOST_TEST(read.content.ends_with("b\r\n"), wire);
    auto const& faults = read.faults;
    BOOST_TEST(faults.bare_cr + faults.bare_lf + faults.unstuffed_dots > 0, wire);
  }
}

BOOST_AUTO_TEST_CASE(bare_line_ends_and_nul_are_counted) {
  auto const read = read_dots(std::string_view("a\rb\nc\r\r\nd\n\0\0\r\n.\r\n", 16));
  BOOST_TEST(read.faults.bare_cr == 2);
  BOOST_TEST(read.faults.bare_lf == 2);
  BOOST_TEST(read.faults.nul == 2);
  BOOST_TEST(!read.faults.eight_bit);
}

BOOST_AUTO_TEST_CASE(eight_bit_content_is_noticed_wherever_it_stands) {
  for (std::size_t at = 0; at < 20; ++at) {
    std::string content(20, 'x');
    content[at] = '\xe4';
    BOOST_TEST(read_dots(content + "\r\n.\r\n").faults.eight_bit, at);
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_stuff_dots_is_noticed) {
  BOOST_TEST(read_dots(".a\r\n.\r\n").faults.unstuffed_dots == 1);
}

BOOST_AUTO_TEST_CASE(received_fields_at_the_top_do_not_count) {
  std::string const message =
      "Subject: x\r\nReceived: not a trace here\r\n\r\nReceived: nor here\r\n";
  auto const plain = digest(message);
  for (auto const* const trace : {"", "Received: a\r\n", "received: a\r\n\tb\r\n c\r\n",
                                  "RECEIVED: a\r\nReceived: b\r\n  c\r\n"})
    BOOST_TEST(read_dots(trace + message + ".\r\n").traceless == plain, trace);
}

BOOST_AUTO_TEST_CASE(what_only_begins_like_a_received_field_counts) {
  for (std::string const text : {"Receive: x\r\n", "Rec\r\n", " folded\r\n", "Received\r\n", "R"}) {
    BodyReader body;
    body.restart(false, true);
    for (auto const c : text) body.add({&c, 1});
    body.finish();
    BOOST_TEST(net::hex(body.digest_without_received()) == digest(text), text);
  }
}

BOOST_AUTO_TEST_CASE(the_whole_digest_is_that_of_the_content) {
  BodyReader body;
  DotReader dots;
  body.restart(false, false);
  dots.restart();
  dots.take("..a\r\n.\r\n", body);
  body.finish();
  BOOST_TEST(net::hex(body.digest()) == digest(".a\r\n"));
  BOOST_TEST(body.size() == 4);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(fakemx_command)

BOOST_AUTO_TEST_CASE(paths_are_taken_apart) {
  auto const path =
      parse_path("FROM:<\"a>b c\"@d.example> SIZE=10 BODY=8BITMIME SMTPUTF8", "FROM:");
  BOOST_REQUIRE(path.has_value());
  BOOST_TEST(path->address == "\"a>b c\"@d.example");
  BOOST_REQUIRE_EQUAL(path->parameters.size(), 3);
  BOOST_TEST(path->parameters[0].keyword == "SIZE");
  BOOST_TEST(path->parameters[0].value == "10");
  BOOST_TEST(path->parameters[2].keyword == "SMTPUTF8");
  BOOST_TEST(parse_path("from:<>", "FROM:")->address == "");
}

BOOST_AUTO_TEST_CASE(what_is_no_path_is_refused) {
  for (auto const* const text :
       {"FROM:a@b", "FROM:<a@b", "FROM:<a b@c>", "FROM:<a@b>x", "TO:<a@b>", "FROM:<a\tb@c>",
        "FROM:<\"a@b>", "FROM: <a@b>", "FROM:<a@b>  SIZE=1"})
    BOOST_TEST(!parse_path(text, "FROM:").has_value(), text);
}

BOOST_AUTO_TEST_CASE(chunks_have_a_size_and_may_be_the_last) {
  BOOST_TEST(parse_bdat("0 LAST")->last);
  BOOST_TEST(parse_bdat("100")->size == 100);
  BOOST_TEST(!parse_bdat("100")->last);
  for (auto const* const text : {"", "x", "-1", "5 FIRST", "5LAST", "99999999999999999999"})
    BOOST_TEST(!parse_bdat(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
