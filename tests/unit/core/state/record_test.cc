// Records as text, and the times in them.
#include <boost/test/unit_test.hpp>

#include <set>
#include <string>
#include <vector>

#include "core/state/record.h"
#include "core/state/store.h"
#include "fakes/memory_store.h"

namespace mailpool::state {
namespace {

using namespace std::chrono_literals;
using Fields = std::vector<std::string>;

TimePoint const now{1000s};
WallTime const wall_now{std::chrono::seconds(1'764'000'000)};

BOOST_AUTO_TEST_CASE(fields_come_back_as_they_were_whatever_is_in_them) {
  for (auto const& fields : {Fields{"a", "b"}, Fields{""}, Fields{"", "", ""},
                             Fields{"tab\there", "line\nend", "back\\slash", "\\t", "\\"}}) {
    std::string value;
    if (fields.size() == 1) value = join({fields[0]});
    if (fields.size() == 2) value = join({fields[0], fields[1]});
    if (fields.size() == 3) value = join({fields[0], fields[1], fields[2]});
    if (fields.size() == 5) value = join({fields[0], fields[1], fields[2], fields[3], fields[4]});
    BOOST_TEST(value.find('\n') == std::string::npos);
    BOOST_TEST(fields_of(value) == fields, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_value_cut_inside_an_escape_is_still_read) {
  BOOST_TEST(fields_of("a\tb\\") == (Fields{"a", "b\\"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(wall_times_come_back_and_nonsense_does_not) {
  BOOST_CHECK(wall_time(wall_text(wall_now)) == wall_now);
  BOOST_CHECK(wall_time(wall_text(no_expiry)) == no_expiry);
  BOOST_TEST(wall_text(WallTime{}) == "0");
  for (auto const* text : {"", "-1", "soon", "99999999999999999999", "9223372036854775807", "1.5"})
    BOOST_TEST(!wall_time(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(a_moment_follows_the_wall_clock_and_never_lies_in_the_past) {
  BOOST_CHECK(moment_of(wall_now + 90s, wall_now, now) == now + 90s);
  BOOST_CHECK(moment_of(wall_now - 90s, wall_now, now) == now);
  BOOST_CHECK(moment_of(no_expiry, wall_now, now) == never);
  BOOST_CHECK(wall_of(now + 90s, wall_now, now) == wall_now + 90s);
  BOOST_CHECK(wall_of(never, wall_now, now) == no_expiry);
}

BOOST_AUTO_TEST_CASE(every_kind_has_a_word_of_its_own) {
  std::set<std::string_view> words;
  for (auto const kind : kinds) {
    BOOST_CHECK(kind_of(name_of(kind)) == kind);
    words.insert(name_of(kind));
    BOOST_CHECK(longest_delay(kind) <= 5s);
    BOOST_TEST(most_records(kind) > 0U);
  }
  BOOST_TEST(words.size() == kinds.size());
  BOOST_TEST(!kind_of("suspensions").has_value());
}

BOOST_AUTO_TEST_CASE(what_somebody_decided_is_written_at_once) {
  BOOST_CHECK(longest_delay(Kind::Suspension) == 0s);
}

BOOST_AUTO_TEST_CASE(the_fake_hands_out_what_was_kept_once_after_each_start) {
  fakes::MemoryStore store;
  store.put(Kind::Suspension, "b", "2", no_expiry);
  store.put(Kind::Suspension, "a", "1", wall_now + 10s);
  store.put(Kind::Suspension, "old", "3", wall_now - 1s);
  BOOST_TEST(store.take_loaded(Kind::Suspension).empty());
  store.restart(wall_now);
  auto const loaded = store.take_loaded(Kind::Suspension);
  BOOST_TEST_REQUIRE(loaded.size() == 2U);
  BOOST_TEST(loaded[0].key == "a");
  BOOST_TEST(loaded[1].value == "2");
  BOOST_TEST(store.take_loaded(Kind::Suspension).empty());
}

}  // namespace
}  // namespace mailpool::state
