#include "core/tls/reports.h"

#include <boost/test/unit_test.hpp>
#include <optional>

#include "core/tls/memory.h"
#include "fakes/memory_store.h"

using namespace mailpool;
using namespace mailpool::tls;

namespace {

WallTime const noon = WallTime{} + std::chrono::hours(24 * 20'000 + 12);
constexpr Day today = 20'000;
PolicyText const dane{"tlsa", {"_25._tcp.mx.example.com. IN TLSA 3 1 1 00"}, "mx.example.com"};
SessionEnds const ends{"198.51.100.1", "mx.example.com", "192.0.2.1", "mx1.example.com"};

SessionResult good() {
  return {dane, std::nullopt, {}, ""};
}
SessionResult bad(std::string details = "no match") {
  return {dane, Failure::ValidationFailure, ends, std::move(details)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_reports)

BOOST_AUTO_TEST_CASE(sessions_are_counted_by_domain_and_day_and_policy) {
  state::ForgetfulStore store;
  Reports reports(store);
  reports.note("example.com", good(), noon);
  reports.note("example.com", good(), noon + std::chrono::hours(11));
  reports.note("example.com", good(), noon + std::chrono::hours(12));
  reports.note("example.org", {{}, std::nullopt, {}, ""}, noon);
  BOOST_TEST(reports.of("example.com", today).at(0).successes == 2U);
  BOOST_TEST(reports.of("example.com", today + 1).at(0).successes == 1U);
  BOOST_TEST(reports.of("example.org", today).at(0).policy.type == "no-policy-found");
  BOOST_TEST(reports.of("example.net", today).empty());
}

BOOST_AUTO_TEST_CASE(failures_of_one_kind_at_one_host_are_one_line) {
  state::ForgetfulStore store;
  Reports reports(store);
  reports.note("example.com", bad("first"), noon);
  reports.note("example.com", bad("second"), noon);
  auto other = bad();
  other.failure = Failure::CertificateExpired;
  reports.note("example.com", other, noon);
  auto const counts = reports.of("example.com", today);
  BOOST_REQUIRE(counts.size() == 1U);
  BOOST_TEST(counts[0].failures == 3U);
  auto elsewhere = bad();
  elsewhere.ends.sender = "198.51.100.2";
  reports.note("example.net", bad(), noon);
  reports.note("example.net", elsewhere, noon);
  BOOST_TEST(reports.of("example.net", today).at(0).details.size() == 2U, "from two addresses");
  BOOST_REQUIRE(counts[0].details.size() == 2U);
  BOOST_TEST(counts[0].details[0].sessions == 2U);
  BOOST_TEST(counts[0].details[0].details == "second");
}

BOOST_AUTO_TEST_CASE(counts_survive_a_restart_and_not_their_days) {
  fakes::MemoryStore store;
  {
    Reports reports(store);
    reports.note("example.com", good(), noon);
    reports.note("example.com", bad("a\ttab\nand a line"), noon);
  }
  store.restart(noon);
  Reports reports(store);
  auto const counts = reports.of("example.com", today);
  BOOST_REQUIRE(counts.size() == 1U);
  BOOST_TEST((counts[0].policy == dane));
  BOOST_TEST(counts[0].successes == 1U);
  BOOST_TEST(counts[0].failures == 1U);
  BOOST_REQUIRE(counts[0].details.size() == 1U);
  BOOST_TEST((counts[0].details[0].ends == ends));
  reports.note("example.com", good(), noon + std::chrono::hours(24 * days_kept));
  BOOST_TEST(reports.of("example.com", today).empty());
}

BOOST_AUTO_TEST_CASE(what_was_kept_and_is_damaged_is_passed_over) {
  BOOST_TEST(read_counts("nonsense").empty());
  BOOST_TEST(read_counts("P\tsts\t\tmany\t1\n").empty());
  BOOST_TEST(read_counts("F\tvalidation-failure\ts\ta\tb\th\t1\tc\n").empty());
  BOOST_TEST(read_counts("").empty());
}

BOOST_AUTO_TEST_CASE(a_day_begins_at_midnight_in_utc) {
  BOOST_TEST(day_of(WallTime{}) == 0);
  BOOST_TEST(day_of(WallTime{} + std::chrono::hours(24) - std::chrono::seconds(1)) == 0);
  BOOST_TEST(day_of(WallTime{} + std::chrono::hours(24)) == 1);
  BOOST_TEST(text_of_day(20'000) == "2024-10-04");
  BOOST_TEST(day_of_text("2024-10-04").value() == 20'000);
  for (auto const* bad : {"", "2024-02-30", "2024-1-1", "24-10-04", "2024/10/04", "today"})
    BOOST_TEST(!day_of_text(bad), bad);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tls_memory)

BOOST_AUTO_TEST_CASE(a_failed_handshake_is_remembered_for_a_while_and_over_a_restart) {
  fakes::MemoryStore store;
  {
    Memory memory(store);
    memory.handshake_failed("mx[192.0.2.1]:25", "no shared cipher", noon);
    BOOST_TEST(!memory.is_plain("mx[192.0.2.2]:25", noon));
  }
  store.restart(noon);
  Memory memory(store);
  BOOST_TEST(memory.is_plain("mx[192.0.2.1]:25", noon + plain_for - std::chrono::seconds(1)));
  BOOST_TEST(!memory.is_plain("mx[192.0.2.1]:25", noon + plain_for));
}

BOOST_AUTO_TEST_CASE(a_silence_counts_against_a_handshake_that_began_after_it_for_an_hour) {
  state::ForgetfulStore store;
  Memory memory(store);
  std::string const mx = "mx[192.0.2.1]:25";
  TimePoint const began{std::chrono::hours(1000)};
  auto const ended = began + std::chrono::minutes(5);
  BOOST_TEST(!memory.is_silent_again(mx, began, ended));
  BOOST_TEST(!memory.is_silent_again(mx, began, ended), "one that began with it");
  BOOST_TEST(!memory.is_silent_again("mx[192.0.2.2]:25", ended, ended));
  BOOST_TEST(memory.is_silent_again(mx, ended, ended + silence_counts_for - Duration(1)));
  BOOST_TEST(!memory.is_silent_again(mx, ended, ended + silence_counts_for));
  memory.handshake_succeeded(mx);
  BOOST_TEST(!memory.is_silent_again(mx, ended + silence_counts_for, never));
}

BOOST_AUTO_TEST_CASE(a_handshake_that_works_ends_the_memory) {
  fakes::MemoryStore store;
  Memory memory(store);
  memory.handshake_failed("mx[192.0.2.1]:25", "x", noon);
  memory.handshake_succeeded("mx[192.0.2.1]:25");
  BOOST_TEST(!memory.is_plain("mx[192.0.2.1]:25", noon));
  store.restart(noon);
  BOOST_TEST(Memory(store).size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
