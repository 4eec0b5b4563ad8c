#include "manager/map_publisher.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "core/map/reader.h"

namespace fs = std::filesystem;
using namespace mailpool;
using manager::LearnedDomains;
using manager::MapDirectory;
using manager::MapPublisher;
using manager::MapSettings;

namespace {

TimePoint at(int seconds) {
  return TimePoint(std::chrono::seconds(1000 + seconds));
}

struct Spool {
  std::string root;
  Spool() {
    char name[] = "/tmp/mailpool-test-XXXXXX";
    BOOST_REQUIRE(mkdtemp(name) != nullptr);
    root = name;
  }
  ~Spool() { fs::remove_all(root); }
  Spool(Spool const&) = delete;
  Spool& operator=(Spool const&) = delete;
  std::string map() const { return root + "/map"; }
};

class Lines final : public Log {
 public:
  void write(LogLevel, std::string line) override {
    std::lock_guard const lock(mutex_);
    lines_.push_back(std::move(line));
  }
  bool is_on(LogLevel) const override { return true; }
  std::vector<std::string> lines() {
    std::lock_guard const lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// What Postfix's table would read.
struct Table {
  std::string octets;
  map::Header header{};
  map::Reader reader;

  explicit Table(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    octets.assign(std::istreambuf_iterator<char>(file), {});
    if (map::read_header(octets, header) == map::HeaderFault::None)
      (void)reader.open(header, std::string_view(octets).substr(sizeof header));
  }
  std::string door(std::string_view domain, bool is_here = true) const {
    return std::string(map::decide(reader, is_here, domain).door.view());
  }
  TimePoint heartbeat() const { return TimePoint(Duration(header.heartbeat_ns)); }
};

std::string hashed(std::string_view name) {
  return map::door_of_site(name, false);
}

MapSettings settings() {
  MapSettings it;
  it.sites = {{"google", map::Fallback::Smtp}, {"bank", map::Fallback::Defer}};
  it.named_domains = {{"gmail.com", "google"}, {"bank.example", "bank"}};
  it.excluded_domains = {"intranet.example"};
  return it;
}

void turn(MapPublisher& publisher, int second) {
  publisher.beat(at(second));
  publisher.settle();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(map_publisher)

BOOST_AUTO_TEST_CASE(a_domain_is_news_once_and_again_when_its_site_changes) {
  LearnedDomains learned(3);
  BOOST_TEST(learned.learn("a.example", "mx1", at(0)));
  BOOST_TEST(!learned.learn("a.example", "mx1", at(1)));
  BOOST_TEST(learned.learn("a.example", "mx2", at(2)));
  BOOST_TEST(learned.domains().size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_domain_makes_room) {
  LearnedDomains learned(2);
  learned.learn("a.example", "mx", at(0));
  learned.learn("b.example", "mx", at(1));
  learned.learn("a.example", "mx", at(2));
  learned.learn("c.example", "mx", at(3));
  BOOST_TEST(learned.domains().size() == 2U);
  BOOST_TEST(!learned.learn("a.example", "mx", at(4)));
  BOOST_TEST(learned.learn("b.example", "mx", at(5)));
}

BOOST_AUTO_TEST_CASE(a_domain_without_mail_for_a_day_is_forgotten) {
  LearnedDomains learned;
  learned.learn("a.example", "mx", at(0));
  BOOST_TEST(!learned.expire(at(24 * 3600 - 1)));
  BOOST_TEST(learned.expire(at(24 * 3600)));
  BOOST_TEST(learned.domains().empty());
  BOOST_TEST(learned.learn("a.example", "mx", at(24 * 3600)));
}

BOOST_AUTO_TEST_CASE(doors_are_relative_links_for_every_bucket_and_named_site) {
  Spool const spool;
  MapDirectory directory(spool.map(), "lmtp.sock");
  BOOST_REQUIRE(directory.make_doors({"google"}).has_value());
  for (auto door : {"h000", "h3ff", "google"})
    BOOST_TEST(fs::read_symlink(spool.root + "/d/" + door) == "../lmtp.sock");
  BOOST_TEST(std::distance(fs::directory_iterator(spool.root + "/d"), {}) == 1025);
}

BOOST_AUTO_TEST_CASE(doors_are_mended_but_never_removed) {
  Spool const spool;
  MapDirectory directory(spool.map(), "lmtp.sock");
  BOOST_REQUIRE(directory.make_doors({"google", "old"}).has_value());
  fs::remove(spool.root + "/d/h001");
  fs::remove(spool.root + "/d/google");
  fs::create_symlink("/etc/passwd", spool.root + "/d/google");
  BOOST_REQUIRE(directory.make_doors({"google"}).has_value());
  for (auto door : {"h001", "google", "old"})
    BOOST_TEST(fs::read_symlink(spool.root + "/d/" + door) == "../lmtp.sock");
}

BOOST_AUTO_TEST_CASE(a_site_whose_name_is_no_door_name_never_becomes_a_file_name) {
  Spool const spool;
  MapDirectory directory(spool.map(), "lmtp.sock");
  BOOST_REQUIRE(directory.make_doors({"../evil", "a/b", ""}).has_value());
  BOOST_TEST(std::distance(fs::directory_iterator(spool.root + "/d"), {}) == 1024);
  BOOST_TEST(!fs::exists(fs::symlink_status(spool.root + "/evil")));
}

BOOST_AUTO_TEST_CASE(the_heartbeat_changes_in_place_and_the_body_stays) {
  Spool const spool;
  MapDirectory directory(spool.map(), "lmtp.sock");
  BOOST_REQUIRE(directory.publish(map::write_body({}), map::State::Open, at(0)).has_value());
  struct stat before {};
  ::stat(spool.map().c_str(), &before);
  BOOST_TEST(directory.beat(map::State::Open, at(1)));
  struct stat after {};
  ::stat(spool.map().c_str(), &after);
  BOOST_TEST(before.st_ino == after.st_ino);
  Table const table(spool.map());
  BOOST_TEST(table.reader.has_map());
  BOOST_CHECK(table.heartbeat() == at(1));
}

BOOST_AUTO_TEST_CASE(a_map_that_was_removed_replaced_or_cut_is_noticed) {
  Spool const spool;
  MapDirectory directory(spool.map(), "lmtp.sock");
  auto const publish = [&] {
    BOOST_REQUIRE(directory.publish(map::write_body({}), map::State::Open, at(0)).has_value());
  };
  publish();
  fs::remove(spool.map());
  BOOST_TEST(!directory.beat(map::State::Open, at(1)));
  publish();
  fs::resize_file(spool.map(), 70);
  BOOST_TEST(!directory.beat(map::State::Open, at(1)));
  publish();
  fs::permissions(spool.map(), fs::perms(0));
  BOOST_TEST(!directory.beat(map::State::Open, at(1)));
  publish();
  fs::remove(spool.map());
  BOOST_REQUIRE(mkfifo(spool.map().c_str(), 0600) == 0);
  BOOST_TEST(!directory.beat(map::State::Open, at(1)));
  publish();
  BOOST_TEST(directory.beat(map::State::Open, at(1)));
}

BOOST_AUTO_TEST_CASE(the_first_map_names_sites_and_exclusions) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.map(), "lmtp.sock", log);
  publisher.beat(at(0));
  publisher.reconfigure(settings());
  publisher.settle();
  Table const table(spool.map());
  BOOST_TEST(table.door("gmail.com") == "google");
  BOOST_TEST(table.door("bank.example", false) == "bank");
  BOOST_TEST(table.door("intranet.example") == "");
  BOOST_TEST(fs::is_symlink(spool.root + "/d/google"));
  BOOST_CHECK(table.heartbeat() == at(0));
}

BOOST_AUTO_TEST_CASE(what_was_learned_is_told_at_most_every_five_seconds) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.map(), "lmtp.sock", log);
  publisher.beat(at(0));
  publisher.reconfigure(settings());
  publisher.settle();
  publisher.learn("club.example", "mx.provider.example");
  publisher.learn("customer.example", "google");
  turn(publisher, 1);
  BOOST_TEST(Table(spool.map()).door("club.example") == hashed("club.example"));
  turn(publisher, 4);
  BOOST_TEST(Table(spool.map()).door("club.example") == hashed("club.example"));
  turn(publisher, 5);
  BOOST_TEST(Table(spool.map()).door("club.example") == hashed("mx.provider.example"));
  BOOST_TEST(Table(spool.map()).door("customer.example") == "google");
}

BOOST_AUTO_TEST_CASE(a_suspended_sites_mail_waits_while_the_manager_is_away) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.map(), "lmtp.sock", log);
  publisher.beat(at(0));
  publisher.reconfigure(settings());
  publisher.learn("club.example", "mx.provider.example");
  turn(publisher, 1);
  turn(publisher, 6);
  BOOST_TEST(Table(spool.map()).door("gmail.com", false) == "");
  publisher.set_suspended({{"google", "mx.provider.example"}, {}});
  publisher.settle();
  BOOST_TEST(Table(spool.map()).door("gmail.com", false) == "google");
  BOOST_TEST(Table(spool.map()).door("club.example", false) == hashed("mx.provider.example"));
  publisher.set_suspended({});
  publisher.settle();
  BOOST_TEST(Table(spool.map()).door("gmail.com", false) == "");
  publisher.set_suspended({{}, {"club.example", "unseen.example"}});
  publisher.settle();
  BOOST_TEST(Table(spool.map()).door("club.example", false) == hashed("mx.provider.example"));
  BOOST_TEST(Table(spool.map()).door("unseen.example", false) == hashed("unseen.example"));
  BOOST_TEST(Table(spool.map()).door("gmail.com", false) == "");
}

BOOST_AUTO_TEST_CASE(no_beat_of_the_loop_means_no_heartbeat) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.map(), "lmtp.sock", log);
  turn(publisher, 0);
  publisher.reconfigure(settings());
  publisher.settle();
  publisher.set_suspended({{"google"}, {}});  // the thread works, the loop does not beat
  publisher.settle();
  BOOST_CHECK(Table(spool.map()).heartbeat() == at(0));
  turn(publisher, 2);
  BOOST_CHECK(Table(spool.map()).heartbeat() == at(2));
}

BOOST_AUTO_TEST_CASE(draining_is_told_with_the_next_beat_and_taken_back) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.map(), "lmtp.sock", log);
  turn(publisher, 0);
  publisher.reconfigure(settings());
  publisher.set_draining(true);
  turn(publisher, 1);
  BOOST_TEST(Table(spool.map()).header.state == static_cast<std::uint32_t>(map::State::Draining));
  publisher.set_draining(false);
  turn(publisher, 2);
  BOOST_TEST(Table(spool.map()).header.state == static_cast<std::uint32_t>(map::State::Open));
}

BOOST_AUTO_TEST_CASE(a_directory_that_does_not_exist_is_said_once_and_used_when_it_does) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.root + "/later/map", "lmtp.sock", log);
  turn(publisher, 0);
  publisher.reconfigure(settings());
  for (int second = 1; second < 5; ++second) turn(publisher, second);
  BOOST_TEST(log.lines().size() == 1U);
  fs::create_directory(spool.root + "/later");
  turn(publisher, 5);
  BOOST_TEST(Table(spool.root + "/later/map").door("gmail.com") == "google");
  BOOST_TEST(log.lines().size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_map_that_somebody_removes_is_back_within_a_beat) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.map(), "lmtp.sock", log);
  turn(publisher, 0);
  publisher.reconfigure(settings());
  publisher.settle();
  auto const generation = Table(spool.map()).header.generation;
  fs::remove(spool.map());
  turn(publisher, 1);
  BOOST_TEST(Table(spool.map()).door("gmail.com") == "google");
  BOOST_TEST(Table(spool.map()).header.generation > generation);
  BOOST_TEST(publisher.generation() == Table(spool.map()).header.generation);
}

BOOST_AUTO_TEST_CASE(a_site_with_a_promise_of_its_own_waits_by_itself) {
  Settings configured;
  configured.sites["plain"].name = "plain";
  configured.sites["tls"].settings.tls = TlsLevel::Encrypt;
  configured.sites["source"].settings.source = "second";
  configured.sites["said"].settings.fallback = Fallback::Defer;
  configured.sites["plain"].domains = {"plain.example"};
  auto const map = manager::map_settings(configured);
  BOOST_CHECK(map.default_fallback == map::Fallback::Smtp);
  BOOST_CHECK(map.sites.at("plain") == map::Fallback::Wait);
  for (auto name : {"tls", "source", "said"})
    BOOST_CHECK(map.sites.at(name) == map::Fallback::Defer);
  BOOST_TEST(map.named_domains.at("plain.example") == "plain");

  configured.postfix.fallback = Fallback::Defer;
  BOOST_CHECK(manager::map_settings(configured).default_fallback == map::Fallback::Defer);
  BOOST_CHECK(manager::map_settings(configured).sites.at("plain") == map::Fallback::Defer);
}

BOOST_AUTO_TEST_CASE(sites_that_may_have_less_than_ten_messages_a_second_are_slow) {
  Settings configured;
  auto const rate = [](std::uint64_t count, Duration per) { return Rate{count, per, count}; };
  configured.sites["quick"].settings.rate = rate(10, std::chrono::seconds(1));
  configured.sites["slow"].settings.rate = rate(9, std::chrono::seconds(1));
  configured.sites["by-recipients"].settings.recipient_rate = rate(100, std::chrono::minutes(1));
  configured.sites["together"].settings.site_rate = rate(1, std::chrono::seconds(1));
  configured.pools["both"].sources = {{"east", 1}, {"west", 1}};
  configured.sites["by-two"].settings.rate = rate(5, std::chrono::seconds(1));
  configured.sites["by-two"].settings.source = "both";
  configured.sites["by-one"].settings = configured.sites["by-two"].settings;
  configured.sites["by-one"].settings.per = CountedPer::Site;
  auto const slow = manager::map_settings(configured).slow_sites;
  BOOST_TEST(slow == (std::set<std::string>{"by-one", "by-recipients", "slow", "together"}),
             boost::test_tools::per_element());
  configured.smtp.rate = rate(1, std::chrono::seconds(1));
  BOOST_TEST(manager::map_settings(configured).slow_sites.contains(""));
}

BOOST_AUTO_TEST_CASE(what_has_limits_waits_for_a_short_absence) {
  auto const with = [](auto change) {
    Settings configured;
    change(configured);
    return manager::map_settings(configured);
  };
  Rate const rate{10, std::chrono::seconds(1), 10};
  auto const none = with([](Settings&) {});
  BOOST_CHECK(none.default_fallback == map::Fallback::Smtp);
  for (auto const& all : {with([&](Settings& s) { s.smtp.rate = rate; }),
                          with([&](Settings& s) { s.total.recipient_rate = rate; }),
                          with([&](Settings& s) { s.tenants["shop"].rate = rate; }),
                          with([&](Settings& s) { s.sender_domains["a.example"].rate = rate; })})
    BOOST_CHECK(all.default_fallback == map::Fallback::Wait);
  auto const one = with([&](Settings& s) { s.domains["a.example"].rate = rate; });
  BOOST_CHECK(one.default_fallback == map::Fallback::Smtp);
  BOOST_TEST(one.limited_domains.contains("a.example"));
  BOOST_CHECK(one.short_absence == std::chrono::minutes(5));
  BOOST_CHECK(with([](Settings& s) { s.postfix.short_absence = {}; }).short_absence ==
              mailpool::Duration{});
}

BOOST_AUTO_TEST_CASE(
    the_map_says_wait_where_there_are_limits_and_defer_for_all_while_all_is_suspended) {
  Spool const spool;
  Lines log;
  MapPublisher publisher(spool.map(), "lmtp.sock", log);
  auto with_limits = settings();
  with_limits.limited_domains = {"limited.example"};
  publisher.beat(at(0));
  publisher.reconfigure(with_limits);
  publisher.settle();
  auto const away = [&](std::string_view domain, std::int64_t seconds) {
    Table const table(spool.map());
    return map::decide(table.reader, false, domain, seconds * 1'000'000'000).is_found();
  };
  BOOST_TEST(away("limited.example", 299));
  BOOST_TEST(!away("limited.example", 300));
  BOOST_TEST(!away("gmail.com", 1));
  with_limits.short_absence = std::chrono::seconds(20);
  publisher.reconfigure(with_limits);
  turn(publisher, 1);
  BOOST_TEST(away("limited.example", 19));
  BOOST_TEST(!away("limited.example", 20));
  publisher.set_suspended({{}, {}, true});
  turn(publisher, 1);
  for (auto const* domain : {"limited.example", "gmail.com", "nobody.example"})
    BOOST_TEST(away(domain, 100'000), domain);
  BOOST_TEST(!away("intranet.example", 1));  // never goes through mailpool
  publisher.set_suspended({});
  turn(publisher, 2);
  BOOST_TEST(!away("gmail.com", 1));
}

BOOST_AUTO_TEST_SUITE_END()
