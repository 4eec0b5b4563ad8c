// The database of what survives a restart: what it keeps, and that no damage stops anything.
#include "manager/state_database.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "scratch.h"

namespace mailpool::manager {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using mailpool::tests::Scratch;
using state::Kind;
using state::no_expiry;

WallTime wall_now() {
  return std::chrono::system_clock::now();
}

class SharedLog final : public Log {
 public:
  void write(LogLevel, std::string line) override {
    std::lock_guard const lock(mutex_);
    lines_ += line + "\n";
  }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
  [[nodiscard]] std::string text() const {
    std::lock_guard const lock(mutex_);
    return lines_;
  }
  [[nodiscard]] bool has(std::string_view words) const {
    return text().find(words) != std::string::npos;
  }

 private:
  mutable std::mutex mutex_;
  std::string lines_;
};

struct House {
  Scratch scratch;
  std::string file = scratch / "state.db";
  std::string directory = fs::path(file).parent_path().string();
  std::string wal = file + "-wal";
  SharedLog log;
  std::unique_ptr<StateDatabase> database;

  void start() {
    database.reset();
    database = std::make_unique<StateDatabase>(directory, log, 20ms);
  }
  void put(Kind kind, std::string key, std::string value, WallTime expires = no_expiry) const {
    database->put(kind, std::move(key), std::move(value), expires);
  }
  [[nodiscard]] std::size_t set_aside() const {
    std::size_t n = 0;
    for (auto const& entry : fs::directory_iterator(directory)) {
      auto const name = entry.path().filename().string();
      if (name.find(".damaged-") != std::string::npos && !name.ends_with("-wal")) ++n;
    }
    return n;
  }
  // As kill -9 leaves it: whatever is in the files at this moment is what the next start finds.
  void be_killed() {
    auto const dead = scratch / "dead";
    fs::remove_all(dead);
    fs::create_directory(dead);
    for (auto const& name : {"state.db", "state.db-wal"})
      if (fs::exists(directory + "/" + name))
        fs::copy_file(directory + "/" + name, dead + "/" + name);
    database.reset();
    for (auto const& name : {"state.db", "state.db-wal"}) {
      fs::remove(directory + "/" + name);
      if (fs::exists(dead + "/" + name)) fs::rename(dead + "/" + name, directory + "/" + name);
    }
    start();
  }
};

void overwrite(std::string const& path, std::string_view octets) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << octets;
}

void run_sql(std::string const& path, char const* sql) {
  sqlite3* db = nullptr;
  BOOST_REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

BOOST_AUTO_TEST_CASE(what_is_put_is_there_after_the_next_start) {
  House h;
  h.start();
  auto const until = std::chrono::floor<std::chrono::milliseconds>(wall_now() + 1h);
  for (auto const kind : state::kinds) h.put(kind, "key", std::string(state::name_of(kind)), until);
  h.put(Kind::Suspension, "a key\twith \"anything\"", "value\n\0x");
  h.put(Kind::Suspension, "gone", "x");
  h.database->erase(Kind::Suspension, "gone");
  h.database->erase(Kind::Suspension, "never was");
  h.start();
  for (auto const kind : state::kinds) {
    auto const loaded = h.database->take_loaded(kind);
    BOOST_TEST_REQUIRE(loaded.size() == (kind == Kind::Suspension ? 2U : 1U));
    BOOST_TEST(loaded.back().key == "key");
    BOOST_TEST(loaded.back().value == state::name_of(kind));
    BOOST_CHECK(loaded.back().expires == until);
    BOOST_TEST(h.database->take_loaded(kind).empty());
  }
  BOOST_TEST(h.log.text() == "");
}

BOOST_AUTO_TEST_CASE(a_kill_loses_nothing_that_was_written) {
  House h;
  h.start();
  for (int i = 0; i < 50; ++i) {
    h.put(Kind::Suspension, "site " + std::to_string(i), "why");
    h.database->flush();
  }
  h.be_killed();
  BOOST_TEST(h.database->take_loaded(Kind::Suspension).size() == 50U);
  BOOST_TEST(h.log.text() == "");
}

BOOST_AUTO_TEST_CASE(a_suspension_is_written_without_being_asked_to) {
  House h;
  h.start();
  h.put(Kind::Counter, "late", "1");
  h.put(Kind::Suspension, "at once", "why");
  for (int i = 0; i < 20000 && h.database->figures().written < 2; ++i)
    std::this_thread::sleep_for(1ms);
  BOOST_TEST(h.database->figures().written == 2U);
  BOOST_TEST(h.database->figures().waiting == 0U);
}

BOOST_AUTO_TEST_CASE(of_many_changes_to_a_record_only_the_last_is_written) {
  House h;
  h.start();
  for (int i = 0; i <= 1000; ++i) h.put(Kind::Counter, "google", std::to_string(i));
  h.database->flush();
  BOOST_TEST(h.database->figures().written == 1U);
  h.start();
  BOOST_TEST(h.database->take_loaded(Kind::Counter).at(0).value == "1000");
}

BOOST_AUTO_TEST_CASE(nobody_else_may_read_it) {
  House h;
  auto const before = ::umask(0);
  h.start();
  h.put(Kind::Suspension, "a", "b");
  h.database->flush();
  ::umask(before);
  for (auto const& path : {h.file, h.wal}) {
    struct stat status {};
    BOOST_REQUIRE(::stat(path.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0600U, path);
  }
}

BOOST_AUTO_TEST_CASE(what_has_expired_is_not_handed_out_and_deleted) {
  House h;
  h.start();
  h.put(Kind::TlsMemory, "old", "x", wall_now() - 1s);
  h.put(Kind::TlsMemory, "new", "x", wall_now() + 1h);
  h.start();
  BOOST_TEST(h.database->take_loaded(Kind::TlsMemory).size() == 1U);
  BOOST_TEST(h.database->figures().records == 1U);
}

BOOST_AUTO_TEST_CASE(each_kind_is_bounded_and_what_expires_first_goes) {
  House h;
  h.start();
  auto const now = wall_now();
  auto const most = state::most_records(Kind::Suspension);
  for (std::size_t i = 0; i < most + 10; ++i)
    h.put(Kind::Suspension, std::to_string(i), "x", now + 1h + std::chrono::seconds(i));
  h.start();
  auto const loaded = h.database->take_loaded(Kind::Suspension);
  BOOST_TEST(loaded.size() == most);
  for (auto const& record : loaded) BOOST_REQUIRE(std::stoul(record.key) >= 10U);
}

BOOST_AUTO_TEST_CASE(what_is_too_long_is_not_kept) {
  House h;
  h.start();
  h.put(Kind::StsPolicy, "a", std::string(state::longest_value + 1, 'x'));
  h.put(Kind::StsPolicy, std::string(state::longest_key + 1, 'x'), "b");
  h.put(Kind::StsPolicy, "", "b");
  h.put(Kind::StsPolicy, "longest", std::string(state::longest_value, 'x'));
  h.start();
  BOOST_TEST(h.database->take_loaded(Kind::StsPolicy).size() == 1U);
}

// Each way to ruin the file, and a word that the operator must read about it.
struct Damage {
  std::string name;
  std::string word;
  std::function<void(House const&)> ruin;
};

std::vector<Damage> damages() {
  auto cut = [](House const& h, std::uintmax_t octets) { fs::resize_file(h.file, octets); };
  return {
      {"garbage", "not a database",
       [](House const& h) { overwrite(h.file, std::string(9000, '#')); }},
      {"empty", "it is empty", [](House const& h) { overwrite(h.file, ""); }},
      {"cut to 100 octets", "is damaged", [cut](House const& h) { cut(h, 100); }},
      {"cut to its first page", "is damaged", [cut](House const& h) { cut(h, 4096); }},
      {"cut in the middle", "is damaged", [cut](House const& h) { cut(h, 4096 * 3 + 17); }},
      {"a page overwritten", "is damaged",
       [](House const& h) {
         std::fstream f(h.file, std::ios::binary | std::ios::in | std::ios::out);
         f.seekp(4096);
         f << std::string(4096, '#');
       }},
      {"of a later version", "it is of version 7",
       [](House const& h) { run_sql(h.file, "PRAGMA user_version=7"); }},
      {"of somebody else", "it is of version 0",
       [](House const& h) {
         fs::remove(h.file);
         run_sql(h.file, "CREATE TABLE guests(name TEXT)");
       }},
      {"without its table", "not the one of this version",
       [](House const& h) { run_sql(h.file, "DROP TABLE record"); }},
  };
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_set_aside_in_words_and_a_new_one_is_used) {
  for (auto const& damage : damages()) {
    BOOST_TEST_CONTEXT(damage.name) {
      House h;
      h.start();
      for (int i = 0; i < 300; ++i)
        h.put(Kind::Suspension, std::to_string(i), std::string(100, 'x'));
      h.database.reset();
      damage.ruin(h);
      h.start();
      BOOST_TEST(h.log.has("is damaged ("));
      BOOST_TEST(h.log.has(damage.word), h.log.text());
      BOOST_TEST(h.log.has("it was set aside as " + h.file + ".damaged-"));
      BOOST_TEST(h.set_aside() == 1U);
      BOOST_TEST(h.database->figures().set_aside.size() == 1U);
      BOOST_TEST(h.database->figures().problem == "");
      BOOST_TEST(h.database->take_loaded(Kind::Suspension).empty());
      h.put(Kind::Suspension, "new", "x");
      h.start();
      BOOST_TEST(h.database->take_loaded(Kind::Suspension).size() == 1U);
      BOOST_TEST(h.set_aside() == 1U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_log_full_of_garbage_costs_no_more_than_itself) {
  House h;
  h.start();
  h.put(Kind::Suspension, "a", "b");
  h.database.reset();
  overwrite(h.wal, std::string(5000, '#'));
  h.start();
  BOOST_TEST(h.database->take_loaded(Kind::Suspension).size() == 1U);
}

BOOST_AUTO_TEST_CASE(only_the_newest_damaged_files_are_kept) {
  House h;
  for (int i = 0; i < 6; ++i) {
    overwrite(h.file, "garbage " + std::to_string(i) + std::string(200, '#'));
    h.start();
  }
  BOOST_TEST(h.set_aside() == StateFile::most_set_aside);
}

BOOST_AUTO_TEST_CASE(where_nothing_can_be_written_it_says_so_and_writes_once_it_can) {
  House h;
  h.directory = h.scratch / "not-yet";
  h.file = h.directory + "/state.db";
  h.start();
  BOOST_TEST(h.log.has("state: cannot write " + h.file + ": No such file or directory"));
  BOOST_TEST(h.log.has("mail flows"));
  h.put(Kind::Suspension, "google", "why");
  h.database->flush();
  BOOST_TEST(h.database->figures().problem.find("No such file") != std::string::npos);
  BOOST_TEST(h.database->figures().waiting == 1U);
  fs::create_directory(h.directory);
  h.database->flush();
  BOOST_TEST(h.log.has("is written again"));
  BOOST_TEST(h.database->figures().problem == "");
  BOOST_TEST(h.database->figures().waiting == 0U);
  h.start();
  BOOST_TEST(h.database->take_loaded(Kind::Suspension).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_directory_or_a_link_in_its_place_is_left_alone) {
  for (bool const is_link : {false, true}) {
    House h;
    auto const elsewhere = h.scratch / "elsewhere";
    overwrite(elsewhere, "precious");
    if (is_link) {
      fs::create_symlink(elsewhere, h.file);
    } else {
      fs::create_directory(h.file);
    }
    h.start();
    BOOST_TEST(h.database->figures().problem != "");
    h.put(Kind::Suspension, "a", "b");
    h.database->flush();
    BOOST_TEST(h.database->figures().waiting == 1U);
    BOOST_TEST(fs::file_size(elsewhere) == 8U);
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_was_removed_is_begun_anew) {
  House h;
  h.start();
  h.put(Kind::Suspension, "before", "x");
  h.database->flush();
  fs::remove(h.file);
  h.put(Kind::Suspension, "after", "x");
  h.database->flush();
  BOOST_TEST(h.log.has("was removed or replaced"));
  BOOST_TEST(h.database->renewals() == 1U);  // who suspended something puts it once more
  h.start();
  BOOST_TEST(h.database->take_loaded(Kind::Suspension).at(0).key == "after");
}

BOOST_AUTO_TEST_CASE(a_second_manager_in_the_same_directory_is_told_so) {
  House h;
  h.start();
  SharedLog log;
  StateDatabase const second(h.directory, log, 1h);
  BOOST_TEST(log.has("is in use by another process"));
  BOOST_TEST(h.set_aside() == 0U);
}

BOOST_AUTO_TEST_CASE(on_a_full_disk_changes_wait_and_are_written_when_there_is_room) {
  House h;
  h.start();
  h.put(Kind::Suspension, "before", "x");
  h.database->flush();
  auto const handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit const full{8192, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  for (int i = 0; i < 200; ++i) h.put(Kind::Suspension, std::to_string(i), std::string(400, 'x'));
  h.database->flush();
  auto const figures = h.database->figures();
  ::setrlimit(RLIMIT_FSIZE, &before);
  BOOST_TEST(figures.problem.find("cannot write") != std::string::npos, figures.problem);
  BOOST_TEST(figures.waiting == 200U);
  h.database->flush();
  std::signal(SIGXFSZ, handler);
  BOOST_TEST(h.database->figures().waiting == 0U);
  BOOST_TEST(h.set_aside() == 0U);
  h.be_killed();
  BOOST_TEST(h.database->take_loaded(Kind::Suspension).size() == 201U);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_broken_disk_is_bounded) {
  House h;
  h.directory = h.scratch / "nowhere";
  h.start();
  for (std::size_t i = 0; i < StateDatabase::most_waiting + 5; ++i)
    h.put(Kind::Counter, std::to_string(i), "1");
  h.put(Kind::Counter, "0", "2");  // known already: takes the place of the earlier one
  h.database->flush();
  BOOST_TEST(h.database->figures().dropped >= 5U);
  BOOST_TEST(h.database->figures().waiting <= StateDatabase::most_waiting);
}

}  // namespace
}  // namespace mailpool::manager
