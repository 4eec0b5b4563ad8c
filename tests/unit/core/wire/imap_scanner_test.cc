#include "core/wire/imap_scanner.h"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace mailpool::wire;
using Kind = ImapPiece::Kind;

namespace {

// Feeds a stream in steps of `step` octets and tells what was cut: F, L, = for a first line, a
// further one, a literal; a stop after what ends a response.
template <class Scanner>
std::string cut(Scanner scanner, std::string_view stream, std::size_t step) {
  std::string shape;
  std::string input;
  while (true) {
    auto const piece = scanner.next(input);
    if (piece.kind == Kind::Malformed) return shape + "!";
    if (piece.kind == Kind::TooLong) return shape + ">";
    if (piece.kind == Kind::Nothing) {
      if (stream.empty()) return shape;
      auto const n = std::min(step, stream.size());
      input += stream.substr(0, n);
      stream.remove_prefix(n);
      continue;
    }
    char const letter = piece.kind == Kind::First ? 'F' : piece.kind == Kind::Line ? 'L' : '=';
    if (shape.empty() || shape.back() != letter || letter == 'F') shape += letter;
    if (piece.ends) shape += '.';
    input.erase(0, piece.octets);
  }
}

void expect_response(std::string_view stream, std::string_view shape) {
  for (std::size_t step = 1; step <= 9; ++step)
    BOOST_TEST(cut(ImapResponseScanner(), stream, step) == shape, stream << " by " << step);
  BOOST_TEST(cut(ImapResponseScanner(), stream, stream.size()) == shape, stream);
}

void expect_command(std::string_view stream, std::string_view shape) {
  for (std::size_t step = 1; step <= 9; ++step)
    BOOST_TEST(cut(ImapCommandScanner(100), stream, step) == shape, stream << " by " << step);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_scanner)

BOOST_AUTO_TEST_CASE(a_mail_body_cannot_pretend_to_be_a_response) {
  expect_response("* 1 FETCH (BODY[] {7}\r\n\r\nA1 OK)\r\nA1 OK done\r\n", "F=L.F.");
  using namespace std::string_view_literals;
  expect_response("* 1 FETCH (B ~{3}\r\na\0b C {0}\r\n)\r\n"sv, "F=L.");
}

BOOST_AUTO_TEST_CASE(the_text_of_a_status_is_no_literal) {
  expect_response("* OK found {5}\r\nA1 OK {3}\r\n+ go {1}\r\n", "F.F.F.");
  expect_response("* BYE {5}\r\n", "F.");
  expect_response("* LIST () \"/\" {5}\r\nINBOX\r\n", "F=L.");
}

BOOST_AUTO_TEST_CASE(lines_end_at_crlf_alone) {
  expect_response("* OK a\nb\r\n", "!");
  expect_response("* OK a\rb\r\n", "!");
  expect_response(std::string_view("* OK a\0b\r\n", 10), "!");
  expect_command("A NOOP\nB NOOP\r\n", "!");
}

BOOST_AUTO_TEST_CASE(a_server_may_not_announce_what_it_cannot_mean) {
  expect_response("* LIST () \"/\" {5+}\r\nINBOX\r\n", "!");
  expect_response("* LIST () \"/\" {99999999999999999999}\r\n", "!");
}

BOOST_AUTO_TEST_CASE(a_long_data_response_is_passed_on_before_its_end) {
  ImapResponseScanner scanner;
  std::string const head = "* SEARCH " + std::string(ImapResponseScanner::longest_held, '1');
  auto piece = scanner.next(head);
  BOOST_TEST((piece.kind == Kind::First));
  BOOST_TEST(piece.octets == head.size());
  BOOST_TEST(!piece.ends);
  piece = scanner.next(" 2 3\r\n");
  BOOST_TEST((piece.kind == Kind::Line));
  BOOST_TEST(piece.ends);
  BOOST_TEST(scanner.is_between());
}

BOOST_AUTO_TEST_CASE(a_literal_is_seen_at_the_end_of_a_long_line_too) {
  auto const stream = "* 1 FETCH (X " + std::string(ImapResponseScanner::longest_held, 'x') +
                      " BODY[] {4}\r\na\r\nb)\r\n";
  for (std::size_t step : {1UL, 7UL, 100UL})
    BOOST_TEST(cut(ImapResponseScanner(), stream, step) == "FL=L.");
}

BOOST_AUTO_TEST_CASE(a_status_is_held_until_its_end_and_has_a_limit) {
  std::string const line = "* OK " + std::string(20'000, 'x');
  BOOST_TEST((ImapResponseScanner().next(line).kind == Kind::Nothing));
  BOOST_TEST((ImapResponseScanner().next("* CAPABILITY " + line).kind == Kind::Nothing));
  std::string const endless(ImapResponseScanner::longest_status, 'x');
  BOOST_TEST((ImapResponseScanner().next("* OK " + endless).kind == Kind::TooLong));
}

BOOST_AUTO_TEST_CASE(commands_are_cut_at_their_literals) {
  expect_command("A LOGIN {1}\r\nu {2+}\r\npw\r\nB NOOP\r\n", "F=L=L.F.");
  expect_command("A LOGIN {0}\r\n {0+}\r\n\r\n", "FL.");
  expect_command("A X " + std::string(100, 'x'), ">");
  expect_command("A APPEND x {99999999999999999999}\r\n", "!");
}

BOOST_AUTO_TEST_CASE(tags_and_marks) {
  for (auto good : {"a", "A0001", "x.y-z]"}) BOOST_TEST(is_tag(good), good);
  for (auto bad : {"", "a b", "a+", "a*", "a(", "a\"b", "a{1}", "a\x80"})
    BOOST_TEST(!is_tag(bad), bad);
  BOOST_TEST(!is_tag(std::string(65, 'a')));
  BOOST_TEST(literal_at_end("x {12}")->octets == 12U);
  BOOST_TEST(literal_at_end("x {12}")->waits);
  BOOST_TEST(!literal_at_end("x ~{12+}")->waits);
  BOOST_TEST(literal_at_end("x ~{12+}")->length == 6U);
  BOOST_TEST(literal_at_end("{4294967295}")->octets == 4294967295U);
  for (auto none : {"x", "{}", "{+}", "{1", "{1}x", "{-1}", "{1 }", ""})
    BOOST_TEST(!literal_at_end(none), none);
}

BOOST_AUTO_TEST_CASE(quoted_strings_are_read_and_written) {
  ImapWords words(R"(LOGIN "a \"b\\" c)");
  BOOST_TEST(words.atom() == "LOGIN");
  BOOST_TEST(words.take_blank());
  BOOST_TEST(words.astring().value() == R"(a "b\)");
  BOOST_TEST(words.take_blank());
  BOOST_TEST(words.astring().value() == "c");
  BOOST_TEST(words.is_at_end());
  BOOST_TEST(!ImapWords("\"open").astring().has_value());
  BOOST_TEST(!ImapWords(R"("\x")").astring().has_value());
  BOOST_TEST(as_quoted(R"(a"\)").value() == R"("a\"\\")");
  BOOST_TEST(!as_quoted("a\r\n").has_value());
  BOOST_TEST(!as_quoted("\xc3\xa9").has_value());
  BOOST_TEST(has_open_quote(R"(A "b)"));
  BOOST_TEST(!has_open_quote(R"(A "b\"" c)"));
}

BOOST_AUTO_TEST_SUITE_END()
