// The table of throttling replies: each row by a reply as servers say it, and what is none.

#include <boost/test/unit_test.hpp>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "core/site/throttling.h"

using namespace mailpool;
using namespace mailpool::site;

namespace {

Remark said(std::string_view line, Step at = Step::Mail) {
  return {at, static_cast<std::uint16_t>(std::stoi(std::string(line.substr(0, 3)))),
          std::string(line), 0};
}

// One reply for each row, in the order of the table; taking a row out, or its text apart, makes its
// reply mean something else.
constexpr auto examples = std::to_array<std::pair<std::string_view, Meaning>>({
    {"450 4.2.0 Greylisted, rate limit is not meant", Meaning::Nothing},
    {"451 4.7.1 Graylisted: too many connections is another thing", Meaning::Nothing},
    {"450 4.7.1 Grey-listing in action, slow down and come back", Meaning::Nothing},
    {"450 4.7.1 Gray-listing in action, slow down and come back", Meaning::Nothing},
    {"450 4.7.1 grey list: please slow down", Meaning::Nothing},
    {"450 4.2.0 Postgrey says: too fast", Meaning::Nothing},
    {"452 4.5.3 Too many recipients, slow down", Meaning::Nothing},
    {"452 4.2.2 Mailbox full, too many messages", Meaning::Nothing},
    {"452 4.2.2 over quota: too many messages", Meaning::Nothing},
    {"452 4.2.2 Quota exceeded: too many messages", Meaning::Nothing},
    {"450 4.2.1 The user you are trying to contact is receiving mail at a rate limit",
     Meaning::Nothing},
    {"421 Max message per connection reached, closing transmission channel",
     Meaning::ConnectionCap},
    {"421 4.7.0 has exceeded maximum number of messages per connection", Meaning::ConnectionCap},
    {"451 Too many messages for this session", Meaning::ConnectionCap},
    {"421 4.4.5 at most 20 messages per connection", Meaning::ConnectionCap},
    {"421 at most 20 messages per session", Meaning::ConnectionCap},
    {"452 4.3.2 enough messages in this session", Meaning::ConnectionCap},
    {"452 4.3.2 enough messages on this connection", Meaning::ConnectionCap},
    {"421 4.7.0 too many transactions per connection", Meaning::ConnectionCap},
    {"421 too many messages in one connection", Meaning::ConnectionCap},
    {"421 4.7.28 Gmail has detected something", Meaning::Throttle},
    {"421 4.7.0 Our system has detected an unusual rate of mail", Meaning::Throttle},
    {"451 4.7.650 The mail server is not welcome now", Meaning::Throttle},
    {"451 4.7.652 The mail server is not welcome now", Meaning::Throttle},
    {"451 The mail server has been temporarily rate limited due to IP reputation",
     Meaning::Throttle},
    {"421 RP-002 has exceeded the rate limit allowed", Meaning::Throttle},
    {"451 has exceeded the maximum number of connections", Meaning::Throttle},
    {"421 exceed max concurrent connections. IB007", Meaning::Throttle},
    {"451 4.7.500 Server busy. Please try again later from [192.0.2.1]", Meaning::Throttle},
    {"421 4.7.0 Messages from 192.0.2.1 temporarily deferred", Meaning::Throttle},
    {"421 4.7.1 [TS03] All messages will be deferred", Meaning::Throttle},
    {"421 4.7.0 [TSS04] Messages will be deferred", Meaning::Throttle},
    {"421 [IPTS04] Messages will be deferred", Meaning::Throttle},
    {"421 4.7.0 Service unavailable - try again later", Meaning::Throttle},
    {"421 4.1.0 192.0.2.1 RL000010", Meaning::Throttle},
    {"421 Trop de connexions, veuillez verifier votre configuration", Meaning::Throttle},
    {"550 Sender frequency limited", Meaning::Throttle},
    {"421 4.3.2 The maximum number of concurrent connections has exceeded a limit",
     Meaning::Throttle},
    {"450 4.7.1 Error: too much mail from 192.0.2.1", Meaning::Throttle},
    {"421 4.7.0 Error: too many connections from 192.0.2.1", Meaning::Throttle},
    {"421 Too many concurrent SMTP connections", Meaning::Throttle},
    {"421 too many simultaneous transfers", Meaning::Throttle},
    {"421 too many sessions from this host", Meaning::Throttle},
    {"451 4.7.1 too many messages, come back in an hour", Meaning::Throttle},
    {"421 Connection limit exceeded", Meaning::Throttle},
    {"421 4.7.0 connection rate of your network", Meaning::Throttle},
    {"451 4.7.1 Rate limit reached", Meaning::Throttle},
    {"451 4.7.1 Rate-limited", Meaning::Throttle},
    {"450 4.7.1 ratelimited", Meaning::Throttle},
    {"421 4.7.0 Throttled", Meaning::Throttle},
    {"421 Please slow down", Meaning::Throttle},
    {"421 You are sending too fast", Meaning::Throttle},
});

}  // namespace

BOOST_AUTO_TEST_SUITE(throttling)

BOOST_AUTO_TEST_CASE(each_row_has_a_reply_that_only_it_explains) {
  auto const rows = throttling_rows();
  BOOST_REQUIRE(rows.size() == examples.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto const& [line, meaning] = examples[i];
    BOOST_TEST_CONTEXT(line) {
      auto const* row = row_for(said(line));
      BOOST_REQUIRE(row != nullptr);
      BOOST_TEST(row->text == rows[i].text);
      BOOST_TEST((row->meaning == meaning));
    }
  }
}

// Every word of the table, in each place where it is an address's or ours.
BOOST_AUTO_TEST_CASE(no_word_counts_that_the_server_only_repeats) {
  for (auto const& row : throttling_rows()) {
    std::string const word(row.text);
    for (auto const& line :
         {"450 4.1.8 <" + word + "@corp.test>: Sender address rejected",
          "450 4.1.8 <\"" + word + "\"@corp.test>: Sender address rejected",
          "450 4.1.1 <u@" + word + ".test> unverified", "450 4.1.8 <" + word + ">: unknown"}) {
      BOOST_TEST(row_for(said(line)) == nullptr, line);
      BOOST_TEST(row_for(said("450 4.7.1 " + word + " " + line.substr(10))) != nullptr, line);
    }
    auto echo = said("450 4.1.8 " + word + ".corp.test is unknown here");
    echo.said = {word + ".corp.test"};
    BOOST_TEST(row_for(echo) == nullptr, echo.line);
  }
}

BOOST_AUTO_TEST_CASE(the_manual_lists_every_row) {
  std::ifstream file(MAILPOOL_SOURCE_DIR "/conf/mailpool.toml.5");
  std::stringstream text;
  text << file.rdbuf();
  auto manual = text.str();
  std::erase(manual, '\\');
  for (auto const& row : throttling_rows())
    BOOST_TEST(manual.find(".It " + std::string(row.who) + " Ta " + std::string(row.text)) !=
                   std::string::npos,
               row.text);
}

BOOST_AUTO_TEST_CASE(rows_are_in_small_letters_since_replies_are_compared_so) {
  for (auto const& row : throttling_rows())
    for (char c : row.text) BOOST_TEST((c < 'A' || c > 'Z'), row.text);
}

BOOST_AUTO_TEST_CASE(no_row_hides_a_later_one) {
  auto const rows = throttling_rows();
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      BOOST_TEST((rows[i].text.find(rows[j].text) == std::string_view::npos), rows[i].text);
}

BOOST_AUTO_TEST_CASE(an_ordinary_deferral_or_refusal_is_no_throttling) {
  for (auto line :
       {"451 4.3.0 Temporary local problem", "450 4.2.1 mailbox busy",
        "452 4.3.1 Insufficient system storage", "421 4.4.2 Idle timeout", "550 5.1.1 no such user",
        "550 5.7.1 rate limit exceeded", "451 4.7.5 TLS required", "421 4.3.2 shutting down"})
    BOOST_TEST((meaning_of(said(line)) == Meaning::Nothing), line);
}

BOOST_AUTO_TEST_SUITE_END()
