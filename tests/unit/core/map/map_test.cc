#include <boost/test/unit_test.hpp>
#include <limits>
#include <random>
#include <set>

#include "core/map/reader.h"
#include "core/map/writer.h"

using namespace mailpool::map;

namespace {

constexpr std::int64_t noon = 43'200'000'000'000;
constexpr std::int64_t second = 1'000'000'000;

Content example() {
  Content content;
  content.named_sites = {"google", "bank"};
  content.domains = {
      {"gmail.com", Origin::Named, Fallback::Smtp, "google"},
      {"Bank.Example", Origin::Named, Fallback::Defer, "bank"},
      {"customer.example", Origin::Learned, Fallback::Smtp, "google"},
      {"club.example", Origin::Learned, Fallback::Smtp, "mx.provider.example"},
      {"shop.example", Origin::Learned, Fallback::Defer, "mx.provider.example"},
      {"intranet.example", Origin::Excluded, Fallback::Smtp, ""},
  };
  return content;
}

std::string file_of(Content const& content, std::uint64_t generation = 1) {
  auto const body = write_body(content);
  return octets_of(header_for(body, generation, State::Open, noon)) + body;
}

// What the table does with a file: header, freshness, body, policy.
struct Table {
  Header header{};
  HeaderFault fault;
  Reader reader;

  explicit Table(std::string_view file) : fault(read_header(file, header)) {
    if (fault == HeaderFault::None && !reader.open(header, file.substr(sizeof(Header))))
      fault = HeaderFault::Damaged;
  }
  Decision ask(std::string_view domain, std::int64_t now = noon + second) const {
    bool const is_here = fault == HeaderFault::None && presence_of(header, now) == Presence::Here;
    return decide(reader, is_here, FoldedDomain(domain).view());
  }
  std::string door(std::string_view domain, std::int64_t now = noon + second) const {
    return std::string(ask(domain, now).door.view());
  }
};

std::string hashed(std::string_view name) {
  return std::string(bucket_door(bucket_of(name)).view());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(map)

BOOST_AUTO_TEST_CASE(a_domain_of_a_named_site_gets_that_sites_door) {
  auto const file = file_of(example());
  Table const table(file);
  BOOST_TEST(table.door("gmail.com") == "google");
  BOOST_TEST(table.door("bank.example") == "bank");
  BOOST_CHECK(table.ask("gmail.com").reason == Reason::Named);
}

BOOST_AUTO_TEST_CASE(learned_domains_share_the_door_of_their_site) {
  auto const file = file_of(example());
  Table const table(file);
  BOOST_TEST(table.door("customer.example") == "google");
  BOOST_TEST(table.door("club.example") == hashed("mx.provider.example"));
  BOOST_TEST(table.door("club.example") == table.door("shop.example"));
  BOOST_CHECK(table.ask("club.example").reason == Reason::Learned);
}

BOOST_AUTO_TEST_CASE(an_unknown_domain_gets_the_door_of_its_hash) {
  auto const file = file_of(example());
  Table const table(file);
  BOOST_TEST(table.door("nobody.example") == hashed("nobody.example"));
  BOOST_CHECK(table.ask("nobody.example").reason == Reason::Hashed);
}

BOOST_AUTO_TEST_CASE(case_and_a_trailing_dot_do_not_matter) {
  auto const file = file_of(example());
  Table const table(file);
  BOOST_TEST(table.door("GMail.COM.") == "google");
  BOOST_TEST(table.door("BANK.EXAMPLE") == "bank");
  BOOST_TEST(table.door("Nobody.Example") == hashed("nobody.example"));
}

BOOST_AUTO_TEST_CASE(an_excluded_domain_is_not_found_even_if_a_site_names_it) {
  auto content = example();
  content.domains.push_back({"intranet.example", Origin::Named, Fallback::Defer, "google"});
  auto const file = file_of(content);
  Table const table(file);
  BOOST_TEST(!table.ask("intranet.example").is_found());
  BOOST_CHECK(table.ask("intranet.example").reason == Reason::Excluded);
}

BOOST_AUTO_TEST_CASE(what_is_no_domain_is_not_found) {
  auto const file = file_of(example());
  Table const table(file);
  for (std::string const& odd :
       {std::string(), std::string("."), std::string("[192.0.2.1]"), std::string(300, 'a'),
        std::string("a b"), std::string("a\0b", 3), std::string("a@b")})
    BOOST_CHECK(table.ask(odd).reason == Reason::NotADomain);
  BOOST_TEST(table.ask(std::string(253, 'a')).is_found());
  BOOST_TEST(!table.ask(std::string(254, 'a')).is_found());
}

BOOST_AUTO_TEST_CASE(a_heartbeat_is_fresh_for_three_seconds_and_never_from_the_future) {
  auto const file = file_of(example());
  Table const table(file);
  BOOST_CHECK(presence_of(table.header, noon) == Presence::Here);
  BOOST_CHECK(presence_of(table.header, noon + 3 * second) == Presence::Here);
  BOOST_CHECK(presence_of(table.header, noon + 3 * second + 1) == Presence::Stale);
  BOOST_CHECK(presence_of(table.header, noon - 1) == Presence::FromTheFuture);
}

BOOST_AUTO_TEST_CASE(what_has_limits_waits_for_a_short_absence_and_then_takes_smtp) {
  auto content = example();
  content.short_absence_s = 300;
  content.domains.push_back(
      {"limited.example", Origin::Learned, Fallback::Wait, "mx.limited.example"});
  auto const file = file_of(content);
  Table const table(file);
  auto const after_s = [&](std::int64_t seconds) {
    return decide(table.reader, false, "limited.example", seconds * second);
  };
  BOOST_TEST(table.ask("limited.example").is_found());
  BOOST_CHECK(after_s(299).reason == Reason::AwayWaits);
  BOOST_TEST(after_s(299).door.view() == hashed("mx.limited.example"));
  BOOST_CHECK(after_s(300).reason == Reason::AwayFallback);
  BOOST_TEST(!after_s(300).is_found());
  BOOST_TEST(!decide(table.reader, false, "limited.example").is_found());  // draining, or no file
  // The others do as they did.
  BOOST_TEST(!decide(table.reader, false, "gmail.com", second).is_found());
  BOOST_TEST(decide(table.reader, false, "bank.example", 1000 * second).is_found());
}

BOOST_AUTO_TEST_CASE(the_default_may_be_to_wait_too_and_every_pair_of_flags_is_read_as_written) {
  auto content = example();
  content.default_fallback = Fallback::Wait;
  content.short_absence_s = 10;
  auto const file = file_of(content);
  Table const table(file);
  BOOST_CHECK(decide(table.reader, false, "nobody.example", 9 * second).reason ==
              Reason::AwayWaits);
  BOOST_TEST(!decide(table.reader, false, "nobody.example", 10 * second).is_found());
  for (auto fallback : {Fallback::Smtp, Fallback::Defer, Fallback::Wait})
    for (auto origin : {Origin::Excluded, Origin::Named, Origin::Learned}) {
      for (bool const waits : {false, true}) {
        BOOST_CHECK(fallback_of(flags_of(fallback, origin, waits)) == fallback);
        BOOST_CHECK(origin_of(flags_of(fallback, origin, waits)) == origin);
        BOOST_TEST(has_backlog(flags_of(fallback, origin, waits)) == waits);
      }
    }
}

BOOST_AUTO_TEST_CASE(a_backlog_is_told_of_its_own_domains_while_the_manager_is_here) {
  auto content = example();
  content.domains[0].has_backlog = true;
  auto const file = file_of(content);
  Table const table(file);
  BOOST_TEST(table.ask("gmail.com").has_backlog);
  BOOST_TEST(table.door("gmail.com") == "google");
  for (auto const* other : {"bank.example", "customer.example", "nobody.example"})
    BOOST_TEST(!table.ask(other).has_backlog, other);
  // What waits for the manager then is not the backlog of a limit.
  BOOST_TEST(!decide(table.reader, false, "gmail.com", second).has_backlog);
}

BOOST_AUTO_TEST_CASE(while_the_manager_is_away_each_domain_takes_its_fallback) {
  auto const file = file_of(example());
  Table const table(file);
  auto const later = noon + 10 * second;
  BOOST_TEST(!table.ask("gmail.com", later).is_found());
  BOOST_CHECK(table.ask("gmail.com", later).reason == Reason::AwayFallback);
  BOOST_TEST(table.door("bank.example", later) == "bank");
  BOOST_CHECK(table.ask("bank.example", later).reason == Reason::AwayDefer);
  BOOST_TEST(!table.ask("club.example", later).is_found());
  BOOST_TEST(table.door("shop.example", later) == hashed("mx.provider.example"));
  BOOST_TEST(!table.ask("nobody.example", later).is_found());
}

BOOST_AUTO_TEST_CASE(the_default_fallback_holds_for_domains_that_no_entry_names) {
  auto content = example();
  content.default_fallback = Fallback::Defer;
  auto const file = file_of(content);
  Table const table(file);
  auto const later = noon + 10 * second;
  BOOST_TEST(table.door("nobody.example", later) == hashed("nobody.example"));
  BOOST_TEST(!table.ask("gmail.com", later).is_found());
  BOOST_TEST(!table.ask("intranet.example", later).is_found());
}

BOOST_AUTO_TEST_CASE(a_draining_manager_is_as_good_as_away) {
  auto const body = write_body(example());
  auto const file = octets_of(header_for(body, 1, State::Draining, noon)) + body;
  Table const table(file);
  BOOST_CHECK(presence_of(table.header, noon) == Presence::Draining);
  BOOST_TEST(!table.ask("gmail.com").is_found());
  BOOST_TEST(table.door("bank.example") == "bank");
}

BOOST_AUTO_TEST_CASE(equal_content_in_another_order_gives_equal_bytes) {
  auto content = example();
  auto const bytes = write_body(content);
  std::swap(content.named_sites[0], content.named_sites[1]);
  std::swap(content.domains[0], content.domains[4]);
  BOOST_TEST(write_body(content) == bytes);
}

BOOST_AUTO_TEST_CASE(buckets_are_1024_and_all_in_use) {
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 20'000; ++i)
    seen.insert(bucket_of("domain" + std::to_string(i) + ".example"));
  BOOST_TEST(seen.size() == 1024U);
  BOOST_TEST(*seen.rbegin() == 1023U);
  BOOST_TEST(bucket_door(0).view() == "h000");
  BOOST_TEST(bucket_door(0x3ff).view() == "h3ff");
  // Part of the format: manager and table of two versions must agree while one of them is being
  // upgraded.
  BOOST_TEST(hashed("example.com") == "h3ea");
}

BOOST_AUTO_TEST_CASE(a_door_name_is_safe_as_a_file_name_and_never_that_of_a_bucket) {
  for (auto good : {"google", "a", "h", "h00", "h0000", "hxyz", "site-2"})
    BOOST_TEST(is_door_name(good), good);
  for (auto bad : {"", "h000", "h3ff", "hfff", "..", ".", "a/b", "A", "a_b", "a b"})
    BOOST_TEST(!is_door_name(bad), bad);
  BOOST_TEST(!is_door_name(std::string(64, 'a')));
  BOOST_TEST(door_of_site("../x", true) == hashed("../x"));
  BOOST_TEST(door_of_site("google", false) == hashed("google"));
}

BOOST_AUTO_TEST_CASE(every_changed_octet_of_the_file_is_noticed) {
  auto const good = file_of(example());
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      auto file = good;
      file[at] = static_cast<char>(static_cast<unsigned char>(file[at]) ^ (1U << bit));
      Table const table(file);
      BOOST_REQUIRE_MESSAGE(!table.ask("gmail.com").is_found(), "octet " << at << " bit " << bit);
      BOOST_REQUIRE_MESSAGE(!table.ask("nobody.example").is_found(),
                            "octet " << at << " bit " << bit);
      BOOST_REQUIRE(!table.ask("bank.example", noon + 10 * second).is_found());
    }
}

BOOST_AUTO_TEST_CASE(every_truncation_and_every_extension_is_noticed) {
  auto const good = file_of(example());
  for (std::size_t size = 0; size < good.size(); ++size)
    BOOST_REQUIRE(!Table(std::string_view(good).substr(0, size)).ask("gmail.com").is_found());
  BOOST_TEST(!Table(good + '\0').ask("gmail.com").is_found());
  BOOST_TEST(Table(good).ask("gmail.com").is_found());
}

BOOST_AUTO_TEST_CASE(a_map_of_another_version_is_named_as_such) {
  auto file = file_of(example());
  file[8] = 2;
  BOOST_CHECK(Table(file).fault == HeaderFault::OtherVersion);
  file[0] = 'X';
  BOOST_CHECK(Table(file).fault == HeaderFault::NotAMap);
  BOOST_CHECK(Table(std::string_view()).fault == HeaderFault::TooShort);
}

// A forger who knows the checksum: nothing is out of bounds (ASan), nothing odd is answered.
BOOST_AUTO_TEST_CASE(well_sealed_garbage_never_leads_outside_the_file) {
  std::mt19937 random(3);
  auto const body = write_body(example());
  for (int round = 0; round < 20'000; ++round) {
    auto forged = body;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
      forged[random() % forged.size()] = static_cast<char>(random());
    Header const header = header_for(forged, 1, State::Open, noon);
    Reader reader;
    (void)reader.open(header, forged);
    for (auto domain : {"gmail.com", "bank.example", "nobody.example", "a", "zzz"}) {
      auto const decision = decide(reader, true, domain);
      if (decision.is_found())
        BOOST_REQUIRE(is_door_name(decision.door.view()) || decision.door.view().starts_with('h'));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_body_beyond_the_bound_is_refused_and_the_writer_stays_below_it) {
  Header header = header_for("", 1, State::Open, noon);
  header.body_size = most_body_octets + 1;
  renew(header, State::Open, noon);
  Header out{};
  BOOST_CHECK(read_header(octets_of(header), out) == HeaderFault::Damaged);

  Content content = example();
  for (int i = 0; i < 140'000; ++i)
    content.domains.push_back(
        {std::string(240, 'x') + std::to_string(i), Origin::Learned, Fallback::Smtp, "s"});
  auto const body = write_body(content);
  BOOST_TEST(body.size() <= most_body_octets);
  auto const file = octets_of(header_for(body, 1, State::Open, noon)) + body;
  Table const table(file);
  BOOST_TEST(table.door("gmail.com") == "google");
  BOOST_CHECK(table.ask("intranet.example").reason == Reason::Excluded);
}

BOOST_AUTO_TEST_CASE(sixty_five_thousand_domains_are_all_found) {
  Content content;
  for (int i = 0; i < 65'536; ++i)
    content.domains.push_back({"d" + std::to_string(i) + ".example", Origin::Learned,
                               Fallback::Smtp, std::to_string(i % 500)});
  auto const file = file_of(content);
  Table const table(file);
  for (int i = 0; i < 65'536; ++i)
    BOOST_REQUIRE(table.door("d" + std::to_string(i) + ".example") ==
                  hashed(std::to_string(i % 500)));
}

BOOST_AUTO_TEST_CASE(an_empty_configuration_gives_a_map_that_hashes_everything) {
  auto const file = file_of({});
  Table const table(file);
  BOOST_TEST(table.reader.has_map());
  BOOST_TEST(table.door("gmail.com") == hashed("gmail.com"));
}

BOOST_AUTO_TEST_SUITE_END()
