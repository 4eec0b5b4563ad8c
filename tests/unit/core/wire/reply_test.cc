// SMTP replies in every chunking, and what is not one.
#include "core/wire/reply.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::wire;
using Progress = ReplyParser::Progress;

namespace {

// All replies of `octets`, each as "250 2.0.0 text", or "BROKEN: why" at the end; fed `step` octets
// at a time.
std::vector<std::string> replies_of(std::string_view octets, std::size_t step) {
  ReplyParser parser;
  std::vector<std::string> out;
  while (!octets.empty()) {
    auto chunk = octets.substr(0, step);
    octets.remove_prefix(chunk.size());
    while (!chunk.empty()) {
      auto const progress = parser.feed(chunk);
      if (progress == Progress::Broken) {
        out.push_back("BROKEN: " + parser.fault());
        return out;
      }
      if (progress == Progress::Complete) out.push_back(parser.reply().to_string());
    }
  }
  if (!parser.is_between_replies()) out.emplace_back("...");
  return out;
}

std::vector<std::string> replies_of(std::string_view octets) {
  return replies_of(octets, octets.size());
}

bool is_broken(std::string_view octets) {
  auto const replies = replies_of(octets);
  return !replies.empty() && replies.back().starts_with("BROKEN");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reply)

BOOST_AUTO_TEST_CASE(a_reply_split_at_every_octet_is_the_same_reply) {
  std::string_view const octets =
      "220 mx ready\r\n250-mx\r\n250-SIZE 1000\r\n250 HELP\r\n250 2.1.0 Ok\r\n354\r\n421-4.7.0 "
      "a\r\n421 4.7.0 b\r\n250-x\r\n550 y\r\n";
  auto const whole = replies_of(octets);
  BOOST_TEST(whole.size() == 6U);
  BOOST_TEST(whole[1] == "250 mx SIZE 1000 HELP");
  BOOST_TEST(whole[4] == "421 4.7.0 a b");
  BOOST_TEST(whole[5] == "BROKEN: different codes in one reply: 550 y");
  for (std::size_t step = 1; step < octets.size(); ++step)
    BOOST_TEST(replies_of(octets, step) == whole);
}

BOOST_AUTO_TEST_CASE(a_code_alone_and_a_bare_lf_are_tolerated) {
  BOOST_TEST(replies_of("250\r\n") == std::vector<std::string>{"250"});
  BOOST_TEST(replies_of("250 ok\n221 bye\n") == (std::vector<std::string>{"250 ok", "221 bye"}));
  BOOST_TEST(replies_of("250-\r\n250\r\n") == std::vector<std::string>{"250  "});
}

BOOST_AUTO_TEST_CASE(what_is_not_a_reply_breaks_the_parser_for_ever) {
  for (auto bad :
       {"ok\r\n", "25\r\n", "2500 ok\r\n", "250ok\r\n", "25x ok\r\n", " 250 ok\r\n", "\r\n",
        "150 wait\r\n", "199 x\r\n", "600 x\r\n", "999 x\r\n", "000 x\r\n", "250-a\r\n251 b\r\n",
        "250-a\r\nb\r\n", "250_ok\r\n", "+OK\r\n", "* OK IMAP\r\n"})
    BOOST_TEST(is_broken(bad), bad);
  ReplyParser parser;
  std::string_view garbage = "what?\r\n";
  BOOST_TEST((parser.feed(garbage) == Progress::Broken));
  std::string_view good = "250 ok\r\n";
  BOOST_TEST((parser.feed(good) == Progress::Broken));
}

BOOST_AUTO_TEST_CASE(a_refusal_behind_other_lines_counts_only_where_it_may) {
  auto read = [](std::string_view octets, Mixed mixed) {
    ReplyParser parser;
    return parser.feed(octets, mixed) == ReplyParser::Progress::Complete
               ? parser.reply().to_string()
               : parser.fault();
  };
  constexpr auto broken = "different codes in one reply: ";
  for (auto const* reply :
       {"220-a\r\n521 5.3.2 no\r\n", "250-a\r\n250-b\r\n521-5.3.2 n\r\n521 5.3.2 o\r\n"})
    BOOST_TEST(read(reply, Mixed::Broken).starts_with(broken));
  BOOST_TEST(read("220-a\r\n521 5.3.2 no\r\n", Mixed::Refusal) == "521 5.3.2 no");
  BOOST_TEST(read("250-2.0.0 a\r\n250-b\r\n421-4.3.2 x\r\n421 4.3.2 y\r\n", Mixed::Refusal) ==
             "421 4.3.2 x y");
  BOOST_TEST(read("220-a\r\n521\r\n", Mixed::Refusal) == "521");
  for (auto const* reply : {"220-a\r\n250 b\r\n", "521-a\r\n220 b\r\n", "421-a\r\n521 b\r\n",
                            "220-a\r\n521-b\r\n220 c\r\n"})
    BOOST_TEST(read(reply, Mixed::Refusal).starts_with(broken), reply);
}

BOOST_AUTO_TEST_CASE(what_has_come_of_a_reply_tells_which_it_may_become) {
  for (auto const& [octets, may] :
       std::initializer_list<std::pair<std::string_view, bool>>{{"", true},
                                                                {"4", true},
                                                                {"42", true},
                                                                {"421 x", true},
                                                                {"421-x\r\n", true},
                                                                {"421-x\r\n2", true},
                                                                {"2", false},
                                                                {"45", false},
                                                                {"250-x\r\n421", false}}) {
    ReplyParser parser;
    auto rest = octets;
    BOOST_TEST((parser.feed(rest) == ReplyParser::Progress::NeedsMore));
    BOOST_TEST(parser.may_become(421) == may, octets);
  }
}

BOOST_AUTO_TEST_CASE(nul_and_controls_are_text_and_never_reach_a_log) {
  using namespace std::string_view_literals;
  BOOST_TEST(replies_of("250 a\0b\x1b[31m\xff\rc\r\n"sv) ==
             std::vector<std::string>{"250 a?b?[31m??c"});
  BOOST_TEST(
      is_broken("\0"
                "250 ok\r\n"sv));
  BOOST_TEST(is_broken("25\0 ok\r\n"sv));
}

BOOST_AUTO_TEST_CASE(a_carriage_return_alone_ends_nothing) {
  BOOST_TEST(replies_of("250 ok\r250 ok\r") == std::vector<std::string>{"..."});
}

BOOST_AUTO_TEST_CASE(a_line_of_2048_octets_is_taken_and_one_more_is_not) {
  std::string const longest = "250 " + std::string(ReplyParser::longest_line - 6, 'x') + "\r\n";
  std::string const too_long = "250 " + std::string(ReplyParser::longest_line - 5, 'x') + "\r\n";
  for (std::size_t step : {1U, 7U, 100000U}) {
    BOOST_TEST(replies_of(longest, step).size() == 1U);
    BOOST_TEST(!replies_of(longest, step)[0].starts_with("BROKEN"));
    BOOST_TEST(replies_of(too_long, step)[0] == "BROKEN: a reply line of more than 2048 octets");
  }
  BOOST_TEST(replies_of(std::string(10 << 20, 'x'), 65536)[0] ==
             "BROKEN: a reply line of more than 2048 octets");
}

BOOST_AUTO_TEST_CASE(a_reply_of_128_lines_is_taken_and_one_more_is_not) {
  std::string lines;
  for (std::size_t i = 1; i < ReplyParser::most_lines; ++i) lines += "250-x\r\n";
  BOOST_TEST(!is_broken(lines + "250 x\r\n"));
  BOOST_TEST(replies_of(lines + "250-x\r\n250 x\r\n")[0] ==
             "BROKEN: a reply of more than 128 lines");
}

BOOST_AUTO_TEST_CASE(a_reply_of_more_than_16_kib_is_not_taken) {
  std::string lines;
  for (int i = 0; i < 16; ++i) lines += "250-" + std::string(1023, 'x') + "\r\n";
  BOOST_TEST(!is_broken(lines + "250 \r\n"));
  BOOST_TEST(replies_of(lines + "250 xx\r\n")[0] == "BROKEN: a reply of more than 16 KiB");
}

BOOST_AUTO_TEST_CASE(an_enhanced_code_is_read_where_it_is_one) {
  auto code_of = [](std::string_view text, std::uint16_t klass) {
    auto const code = take_enhanced_code(text, klass);
    return code.to_string() + "|" + std::string(text);
  };
  BOOST_TEST(code_of("5.7.1 no", 5) == "5.7.1|no");
  BOOST_TEST(code_of("5.7.1", 5) == "5.7.1|");
  BOOST_TEST(code_of("4.123.999 x", 4) == "4.123.999|x");
  for (auto bad : {"5.7 x", "5.7.1x", "5..1 x", "5.1234.1 x", "5.7.1.2 x", "57.1 x", "x", "",
                   "5.7.", "4.7.1 other class", "192.0.2.1 x"})
    BOOST_TEST(code_of(bad, 5) == "0.0.0|" + std::string(bad), bad);
}

BOOST_AUTO_TEST_CASE(an_enhanced_code_in_every_line_is_said_once) {
  BOOST_TEST(replies_of("550-5.7.1 a\r\n550 5.7.1 b\r\n") ==
             std::vector<std::string>{"550 5.7.1 a b"});
  BOOST_TEST(replies_of("550-a\r\n550 5.7.1 b\r\n") == std::vector<std::string>{"550 a 5.7.1 b"});
}

BOOST_AUTO_TEST_SUITE_END()
