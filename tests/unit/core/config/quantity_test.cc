#include "core/config/quantity.h"

#include <boost/test/unit_test.hpp>

#include "core/config/host_port.h"
#include "core/config/rate.h"

using namespace mailpool;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(quantity)

BOOST_AUTO_TEST_CASE(durations_have_a_whole_number_and_one_unit) {
  BOOST_CHECK(parse_duration("500ms").value() == 500ms);
  BOOST_CHECK(parse_duration("30s").value() == 30s);
  BOOST_CHECK(parse_duration("5m").value() == 5min);
  BOOST_CHECK(parse_duration("2h").value() == 2h);
  BOOST_CHECK(parse_duration("3d").value() == 72h);
  BOOST_CHECK(parse_duration("10000d").value() == 240'000h);
  for (auto bad : {"", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "5min", "1h30m",
                   "5sec", "10001d", "99999999999999999999s", "18446744073709551615d", "0x5s"})
    BOOST_TEST(!parse_duration(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(a_duration_is_shown_in_the_largest_unit_that_loses_nothing) {
  for (auto text : {"0s", "1ms", "1500ms", "90s", "1m", "25h", "3d"})
    BOOST_TEST(duration_text(parse_duration(text).value()) == text);
  BOOST_TEST(duration_text(60s) == "1m");
}

BOOST_AUTO_TEST_CASE(sizes_count_in_powers_of_1024) {
  BOOST_TEST(parse_size("0B").value() == 0U);
  BOOST_TEST(parse_size("64KiB").value() == 65536U);
  BOOST_TEST(parse_size("16777215TiB").value() == 16777215ULL << 40U);
  for (auto bad : {"", "64", "64K", "64KB", "64kib", "1.5MiB", "-1B", "64 KiB", "16777216TiB"})
    BOOST_TEST(!parse_size(bad).has_value(), bad);
  for (auto text : {"0B", "1023B", "1KiB", "1536KiB", "50MiB", "2GiB"})
    BOOST_TEST(size_text(parse_size(text).value()) == text);
}

BOOST_AUTO_TEST_CASE(modes_are_three_octal_digits) {
  BOOST_TEST(parse_mode("0660").value() == 0660U);
  BOOST_TEST(parse_mode("777").value() == 0777U);
  BOOST_TEST(mode_text(0600) == "0600");
  for (auto bad : {"", "0", "66", "0668", "1660", "00660", "0x1", "rw-"})
    BOOST_TEST(!parse_mode(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(a_rate_has_a_burst_only_where_one_is_written) {
  BOOST_TEST(Rate::parse("100/s").value().burst == 0U);
  BOOST_TEST(Rate::parse("100000/d").value().burst == 0U);
  BOOST_TEST(Rate::parse("100/s").value().to_string() == "100/s");
  BOOST_CHECK(Rate::parse("600/min").value().per == 60s);
}

BOOST_AUTO_TEST_CASE(a_burst_is_what_stands_behind_the_word) {
  auto const rate = Rate::parse("600/min, burst 20").value();
  BOOST_TEST(rate.count == 600U);
  BOOST_TEST(rate.burst == 20U);
  BOOST_TEST(rate.to_string() == "600/min, burst 20");
  BOOST_TEST(Rate::parse("100/s, burst 100").value().to_string() == "100/s, burst 100");
}

BOOST_AUTO_TEST_CASE(no_rate_is_no_limit) {
  BOOST_TEST(!Rate::parse("").value().is_limited());
  BOOST_TEST(Rate{}.to_string() == "");
}

BOOST_AUTO_TEST_CASE(what_is_not_a_rate_is_refused) {
  for (auto bad : {"0/s", "100", "100/", "/s", "100/sec", "100 /s", "100/ s", "-1/s", "1.5/s",
                   "100/s,", "100/s, burst", "100/s, burst 0", "100/s, burst x", "100/s burst 5",
                   "100/s, 5", "1000000001/s", "100/s/s", "100, burst 5/s"})
    BOOST_TEST(!Rate::parse(bad).has_value(), bad);
  BOOST_TEST(Rate::parse("1000000000/s, burst 1000000000").has_value());
}

BOOST_AUTO_TEST_CASE(hosts_have_a_port) {
  auto same = [](char const* text) {
    BOOST_TEST(host_port_text(parse_host_port(text).value()) == text);
  };
  same("192.0.2.1:25");
  same("[2001:db8::1]:25");
  same("mx.example.com:65535");
  BOOST_TEST(parse_host_port("MX.Example.com.:25").value().host == "mx.example.com");
  for (auto bad : {"", ":25", "192.0.2.1", "mx.example.com", "2001:db8::1", "2001:db8::1:25",
                   "[2001:db8::1]", "[192.0.2.1]:25", "[mx.example.com]:25", "[2001:db8::1]25",
                   "[2001:db8::1", "mx.example.com:0", "mx.example.com:65536",
                   "mx.example.com:smtp", "mx..example.com:25", "/run/x.sock", "a b:25"})
    BOOST_TEST(!parse_host_port(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(addresses_of_servers_are_no_names) {
  BOOST_TEST(host_port_text(parse_address_port("127.0.0.1", 53).value()) == "127.0.0.1:53");
  BOOST_TEST(host_port_text(parse_address_port("::1", 53).value()) == "[::1]:53");
  BOOST_TEST(host_port_text(parse_address_port("[::1]", 53).value()) == "[::1]:53");
  BOOST_TEST(host_port_text(parse_address_port("[::1]:5353", 53).value()) == "[::1]:5353");
  for (auto bad :
       {"", "localhost", "localhost:53", "127.0.0.1", "127.0.0.1:", "[127.0.0.1]:53", "::1"})
    BOOST_TEST(!parse_address_port(bad).has_value(), bad);
}

BOOST_AUTO_TEST_SUITE_END()
