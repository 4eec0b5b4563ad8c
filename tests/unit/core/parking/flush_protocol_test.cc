// What is said to flush(8) and showq(8), octet by octet as Postfix 3.5 to 3.11 say it.

#include "core/parking/flush_protocol.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "core/parking/queue_list.h"

using namespace mailpool::parking;
using namespace std::literals;

BOOST_AUTO_TEST_SUITE(flush_protocol)

BOOST_AUTO_TEST_CASE(a_request_is_what_postqueue_sends) {
  BOOST_TEST(wake_request("4ED10A9055E") == "request\0send_file\0queue_id\0004ED10A9055E\0\0"s);
}

BOOST_AUTO_TEST_CASE(an_answer_is_read_with_the_greeting_and_without) {
  auto const greeting = "protocol\0queue_flush_protocol\0\0"s;
  auto const done = "status\0000\0\0"s;
  BOOST_TEST((read_wake_answer(done) == WakeAnswer::Done));
  BOOST_TEST((read_wake_answer(greeting + done) == WakeAnswer::Done));
  BOOST_TEST((read_wake_answer(greeting + "status\0003\0\0"s) == WakeAnswer::Refused));
  auto const whole = greeting + done;
  for (std::size_t n = 0; n < whole.size(); ++n)
    BOOST_TEST((read_wake_answer(whole.substr(0, n)) == WakeAnswer::Incomplete), n);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_told_from_one) {
  for (auto const& octets :
       {"220 mail ESMTP\r\n"s, "protocol\0smtp\0\0"s, "status\0x\0\0"s, "status\0000\0more\0\0"s,
        "status\0\0\0"s, "\0"s, "status\00012345678901\0\0"s, std::string(5000, 's')})
    BOOST_TEST((read_wake_answer(octets) == WakeAnswer::Garbage), octets);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(queue_list)

namespace {

struct Seen {
  std::vector<std::string> all;
  QueueListReader reader{[this](QueuedRecipient const& one) {
    all.push_back(std::string(one.queue) + " " + std::string(one.queue_id) + " " +
                  std::to_string(one.arrived) + " " + std::string(one.sender) + " " +
                  std::string(one.recipient) + " " + std::string(one.reason));
  }};
};

auto const listing =
    "protocol\0mail_queue_listing\0\0"
    "queue_name\0deferred\0queue_id\0AAAAAA\0time\000100\0size\0005\0forced_expire\0000\0sender\0s@"
    "x\0"
    "original_recipient\0r@y\0recipient\0r@y\0reason\0too slow\0"
    "original_recipient\0q@y\0recipient\0q@y\0log_class\0defer\0reason\0slower\0\0"
    "queue_name\0active\0queue_id\0BBBBBB\0time\000200\0size\0005\0sender\0t@x\0"
    "original_recipient\0r@z\0recipient\0r@z\0reason\0\0\0\0"s;

}  // namespace

BOOST_AUTO_TEST_CASE(a_list_is_read_in_pieces_of_any_size) {
  for (std::size_t size : {1U, 2U, 7U, 100'000U}) {
    Seen seen;
    for (std::size_t at = 0; at < listing.size(); at += size)
      BOOST_REQUIRE(seen.reader.feed(std::string_view(listing).substr(at, size)));
    BOOST_TEST(seen.reader.is_over());
    BOOST_REQUIRE(seen.all.size() == 3U);
    BOOST_TEST(seen.all[0] == "deferred AAAAAA 100 s@x r@y too slow");
    BOOST_TEST(seen.all[1] == "deferred AAAAAA 100 s@x q@y slower");
    BOOST_TEST(seen.all[2] == "active BBBBBB 200 t@x r@z ");
  }
}

BOOST_AUTO_TEST_CASE(an_empty_queue_and_an_older_server_without_greeting) {
  Seen empty;
  BOOST_TEST(empty.reader.feed("protocol\0mail_queue_listing\0\0\0"s));
  BOOST_TEST(empty.reader.is_over());
  Seen older;
  BOOST_TEST(older.reader.feed(std::string_view(listing).substr(29)));
  BOOST_TEST(older.all.size() == 3U);
}

BOOST_AUTO_TEST_CASE(garbage_and_endless_values_end_it) {
  Seen http;
  BOOST_TEST(!http.reader.feed("HTTP/1.1 400 Bad Request\r\n\0x"s));
  Seen endless;
  BOOST_TEST(endless.reader.feed("queue_name\0"s));
  BOOST_TEST(!endless.reader.feed(std::string(70'000, 'a')));
}

BOOST_AUTO_TEST_CASE(our_own_words_are_known_again) {
  auto const told = [](std::string const& words) {
    return why_told("host mail.example.com[mailpool/d/h003] said: " + words +
                    " (in reply to end of DATA command)");
  };
  BOOST_TEST((told("451 4.7.1 google: rate reached (20/min), next in 3s") == Why::Limit));
  BOOST_TEST(
      (told("451 4.7.1 tenant acme: recipient_rate reached (5/s), next in 3s") == Why::Limit));
  BOOST_TEST(
      (told("451 4.7.1 google: slots reached (250 of 500 wait, 90 of them here)") == Why::Limit));
  BOOST_TEST((told("451 4.4.1 google: no connection within max_wait (30s)") == Why::Limit));
  BOOST_TEST((told("451 4.7.1 google: suspended until further notice: audit") == Why::Suspended));
  BOOST_TEST((told("451 4.4.1 x (backing_off, next attempt in 2s)") == Why::BackingOff));
  BOOST_TEST((told("451 4.3.2 mailpool is draining: try again later") == Why::Draining));
  BOOST_TEST((told("450 mx.x[192.0.2.1]:25 said: 450 4.2.0 greylisted (in reply to RCPT TO)") ==
              Why::Remote));
  BOOST_TEST((why_told("connect to mail.example.com[mailpool/lmtp.sock]: Connection refused") ==
              Why::Draining));
  BOOST_TEST((why_told("lost connection with mail.example.com[mailpool/d/h003] while sending "
                       "message body") == Why::Draining));
  BOOST_TEST(
      !why_told("connect to mx.example.org[192.0.2.1]:25: Connection timed out").has_value());
  BOOST_TEST(!why_told("").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
