#include "manager/state_file.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace mailpool::manager {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view file_name = "state.db";
constexpr std::string_view aside_mark = ".damaged-";
constexpr int application_id = 0x6d706f6c;  // "mpol"
constexpr int page_size = 4096;

// Milliseconds; what never expires sorts last.
std::int64_t to_column(WallTime at) {
  using std::chrono::milliseconds;
  return std::chrono::duration_cast<milliseconds>(at.time_since_epoch()).count();
}

WallTime from_column(std::int64_t ms) {
  if (ms >= to_column(state::no_expiry)) return state::no_expiry;
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::milliseconds(std::max<std::int64_t>(ms, 0))));
}

std::string text_of(sqlite3_stmt* row, int column) {
  auto const* octets = static_cast<char const*>(sqlite3_column_blob(row, column));
  auto const size = sqlite3_column_bytes(row, column);
  return octets == nullptr ? std::string() : std::string(octets, static_cast<std::size_t>(size));
}

void bind_octets(sqlite3_stmt* statement, int place, std::string_view text) {
  sqlite3_bind_blob(statement, place, text.data() == nullptr ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}

bool is_damage(int code) {
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

}  // namespace

void StateFile::CloseDatabase::operator()(sqlite3* db) const {
  sqlite3_close(db);
}

void StateFile::EndStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

StateFile::StateFile(std::string directory)
    : directory_(std::move(directory)), path_(fmt::format("{}/{}", directory_, file_name)) {}

StateFile::~StateFile() {
  close();
}

void StateFile::close() {
  put_.reset();
  erase_.reset();
  db_.reset();
}

Result<void> StateFile::open(WallTime now) {
  close();
  auto trouble = open_file();
  if (trouble.is_damage) {
    close();
    put_aside(trouble.text, now);
    trouble = open_file();
  }
  if (trouble.is_none()) return {};
  close();
  return failed(trouble.text);
}

// SQLite would give it the mode that the umask leaves; its log inherits ours.
StateFile::Trouble StateFile::make_file() {
  int const flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  bool is_new = false;
  int fd = ::open(path_.c_str(), flags);
  if (fd < 0 && errno == ENOENT) {
    fd = ::open(path_.c_str(), flags | O_CREAT | O_EXCL, 0600);
    is_new = fd >= 0;
  }
  if (fd < 0) return {fmt::format("cannot write {}: {}", path_, std::strerror(errno)), false};
  struct stat status {};
  Trouble trouble;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    trouble = {fmt::format("{} is not a file", path_), false};
  } else if (!is_new && status.st_size == 0) {
    trouble = {"it is empty", true};
  } else if ((status.st_mode & 07777) != 0600 && ::fchmod(fd, 0600) != 0) {
    trouble = {fmt::format("cannot keep {} from other users: {}", path_, std::strerror(errno)),
               false};
  }
  ::close(fd);
  return trouble;
}

StateFile::Trouble StateFile::open_file() {
  if (auto made = make_file(); !made.is_none()) return made;
  sqlite3* db = nullptr;
  int const flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  int const code = sqlite3_open_v2(path_.c_str(), &db, flags, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) return trouble(code);
  sqlite3_extended_result_codes(db, 1);
  // Locked for this process alone: another manager in the same directory is told so, and SQLite
  // needs no shared memory, whose mapping would be a SIGBUS on a full disk.
  for (auto const* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA trusted_schema=OFF",
                          "PRAGMA cell_size_check=ON", "PRAGMA mmap_size=0"})
    if (auto t = run(sql); !t.is_none()) return t;
  if (auto t = prepare(); !t.is_none()) return t;
  put_ = statement(
      "INSERT INTO record(kind, key, value, expires) VALUES(?1, ?2, ?3, ?4) "
      "ON CONFLICT(kind, key) DO UPDATE SET value=excluded.value, expires=excluded.expires");
  erase_ = statement("DELETE FROM record WHERE kind=?1 AND key=?2");
  if (!put_ || !erase_) return {"its table is not the one of this version", true};
  return {};
}

StateFile::Trouble StateFile::prepare() {
  if (auto t = run("BEGIN IMMEDIATE; COMMIT"); !t.is_none()) return t;  // takes the lock
  auto const version = number("PRAGMA user_version");
  auto const tables = number("SELECT count(*) FROM sqlite_schema");
  if (!version || !tables) return {"its header cannot be read", true};
  bool const is_new = *version == 0 && *tables == 0;
  if (!is_new && (*version != schema_version || number("PRAGMA application_id") != application_id))
    return {fmt::format("it is of version {}, and this mailpoold knows version {}", *version,
                        schema_version),
            true};
  if (auto t = run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                   "PRAGMA journal_size_limit=1048576; PRAGMA wal_autocheckpoint=256");
      !t.is_none())
    return t;
  if (auto t = run(fmt::format("PRAGMA max_page_count={}", most_octets / page_size).c_str());
      !t.is_none())
    return t;
  if (is_new)
    return run(fmt::format("BEGIN; CREATE TABLE record(kind TEXT NOT NULL, key BLOB NOT NULL, "
                           "value BLOB NOT NULL, expires INTEGER NOT NULL, "
                           "PRIMARY KEY(kind, key)) WITHOUT ROWID, STRICT; "
                           "PRAGMA application_id={}; PRAGMA user_version={}; COMMIT",
                           application_id, schema_version)
                   .c_str());
  auto const check = statement("PRAGMA quick_check(1)");
  if (!check || sqlite3_step(check.get()) != SQLITE_ROW) return {sqlite3_errmsg(db_.get()), true};
  auto const verdict = text_of(check.get(), 0);
  if (verdict != "ok") return {verdict, true};
  return {};
}

StateFile::Trouble StateFile::run(char const* sql) {
  return trouble(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr));
}

std::optional<std::int64_t> StateFile::number(char const* sql) {
  auto const asked = statement(sql);
  if (!asked || sqlite3_step(asked.get()) != SQLITE_ROW) return std::nullopt;
  return sqlite3_column_int64(asked.get(), 0);
}

StateFile::Statement StateFile::statement(char const* sql) {
  sqlite3_stmt* made = nullptr;
  sqlite3_prepare_v2(db_.get(), sql, -1, &made, nullptr);
  return Statement(made);
}

StateFile::Trouble StateFile::trouble(int code) const {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return {};
  if (is_damage(code)) return {sqlite3_errmsg(db_.get()), true};
  if ((code & 0xff) == SQLITE_BUSY)
    return {fmt::format("{} is in use by another process", path_), false};
  auto const error = sqlite3_system_errno(db_.get());
  return {fmt::format("cannot write {}: {}", path_,
                      error != 0 ? std::strerror(error) : sqlite3_errmsg(db_.get())),
          false};
}

std::vector<state::Record> StateFile::load(state::Kind kind, WallTime now) {
  std::vector<state::Record> found;
  if (!db_) return found;
  auto const rows =
      statement("SELECT key, value, expires FROM record WHERE kind=?1 AND expires>?2 ORDER BY key");
  if (!rows) return found;
  auto const name = state::name_of(kind);
  sqlite3_bind_text(rows.get(), 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
  sqlite3_bind_int64(rows.get(), 2, to_column(now));
  while (found.size() < state::most_records(kind) && sqlite3_step(rows.get()) == SQLITE_ROW)
    found.push_back({text_of(rows.get(), 0), text_of(rows.get(), 1),
                     from_column(sqlite3_column_int64(rows.get(), 2))});
  return found;
}

Result<void> StateFile::write(std::vector<StateChange> const& changes, WallTime now) {
  if (db_ && was_moved()) {
    complaints_.push_back(fmt::format("{} was removed or replaced: a new one is begun", path_));
    ++renewals_;
    close();
  }
  if (!db_)
    if (auto opened = open(now); !opened) return opened;
  auto trouble = write_all(changes);
  if (trouble.is_none()) return {};
  bool const is_damaged = trouble.is_damage;
  close();
  if (!is_damaged) return failed(trouble.text);
  put_aside(trouble.text, now);
  if (auto opened = open(now); !opened) return opened;
  trouble = write_all(changes);
  if (trouble.is_none()) return {};
  close();
  return failed(trouble.text);
}

StateFile::Trouble StateFile::write_all(std::vector<StateChange> const& changes) {
  if (auto t = run("BEGIN IMMEDIATE"); !t.is_none()) return t;
  for (auto const& change : changes) {
    auto t = write_one(change);
    if (t.is_none()) continue;
    (void)run("ROLLBACK");
    return t;
  }
  return run("COMMIT");
}

StateFile::Trouble StateFile::write_one(StateChange const& change) {
  auto* const to = change.value ? put_.get() : erase_.get();
  auto const name = state::name_of(change.kind);
  sqlite3_bind_text(to, 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
  bind_octets(to, 2, change.key);
  if (change.value) {
    bind_octets(to, 3, *change.value);
    sqlite3_bind_int64(to, 4, to_column(change.expires));
  }
  auto const result = trouble(sqlite3_step(to));
  sqlite3_reset(to);
  return result;
}

Result<void> StateFile::prune(WallTime now) {
  if (!db_) return {};
  auto const old = statement("DELETE FROM record WHERE expires<=?1");
  auto const excess = statement(
      "DELETE FROM record WHERE kind=?1 AND key IN "
      "(SELECT key FROM record WHERE kind=?1 ORDER BY expires DESC LIMIT -1 OFFSET ?2)");
  if (!old || !excess) return failed(sqlite3_errmsg(db_.get()));
  sqlite3_bind_int64(old.get(), 1, to_column(now));
  auto problem = trouble(sqlite3_step(old.get()));
  for (auto const kind : state::kinds) {
    if (!problem.is_none()) break;
    auto const name = state::name_of(kind);
    sqlite3_bind_text(excess.get(), 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
    sqlite3_bind_int64(excess.get(), 2, static_cast<std::int64_t>(state::most_records(kind)));
    problem = trouble(sqlite3_step(excess.get()));
    sqlite3_reset(excess.get());
  }
  if (problem.is_none()) return {};
  return failed(problem.text);
}

std::uint64_t StateFile::octets() const {
  std::uint64_t sum = 0;
  for (auto const* suffix : {"", "-wal"}) {
    std::error_code error;
    auto const size = fs::file_size(path_ + suffix, error);
    if (!error) sum += size;
  }
  return sum;
}

std::uint64_t StateFile::records() {
  if (!db_) return 0;
  return static_cast<std::uint64_t>(number("SELECT count(*) FROM record").value_or(0));
}

bool StateFile::was_moved() {
  int moved = 0;
  sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

void StateFile::put_aside(std::string const& why, WallTime now) {
  auto const stamp =
      fmt::format("{:%Y%m%d-%H%M%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  auto aside = fmt::format("{}{}{}", path_, aside_mark, stamp);
  std::error_code error;
  for (int n = 2; fs::exists(fs::symlink_status(aside, error)); ++n)
    aside = fmt::format("{}{}{}.{}", path_, aside_mark, stamp, n);
  // Its log first: beside a new file it would be taken for that file's.
  fs::rename(path_ + "-wal", aside + "-wal", error);
  fs::rename(path_ + "-shm", aside + "-shm", error);
  fs::rename(path_ + "-journal", aside + "-journal", error);
  fs::rename(path_, aside, error);
  if (error) {
    complaints_.push_back(
        fmt::format("{} is damaged ({}) and cannot be set aside: {}", path_, why, error.message()));
    return;
  }
  complaints_.push_back(
      fmt::format("{} is damaged ({}): it was set aside as {} and a new one is begun; what it kept "
                  "(suspensions, counters) is not in force, mail flows",
                  path_, why, aside));
  set_aside_.push_back(aside);
  ++renewals_;
  drop_oldest_set_aside();
}

void StateFile::drop_oldest_set_aside() {
  auto const prefix = std::string(file_name) + std::string(aside_mark);
  std::vector<fs::path> all;
  std::error_code error;
  for (auto const& entry : fs::directory_iterator(directory_, error)) {
    auto const name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.find("-wal") == std::string::npos &&
        name.find("-shm") == std::string::npos && name.find("-journal") == std::string::npos)
      all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());  // their names are their dates
  for (std::size_t i = 0; i + most_set_aside < all.size(); ++i)
    for (auto const* suffix : {"", "-wal", "-shm", "-journal"})
      fs::remove(all[i].string() + suffix, error);
}

}  // namespace mailpool::manager
