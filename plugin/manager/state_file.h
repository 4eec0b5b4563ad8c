#pragma once
// The database in state_dir: opening it, reading it at the start, writing changes, and setting it
// aside when it is damaged. Blocks; used by one thread at a time.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/state/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mailpool::manager {

/// One record that was put, or erased where it has no value.
struct StateChange {
  state::Kind kind{};
  std::string key;
  std::optional<std::string> value;
  WallTime expires = state::no_expiry;
};

class StateFile {
 public:
  /// The number of this layout, in the file's user_version. A file of another one is set aside.
  static constexpr int schema_version = 1;
  /// The file never grows beyond this.
  static constexpr std::uint64_t most_octets = 256U << 20U;
  /// Damaged files that are kept for whoever wants to look at them.
  static constexpr std::size_t most_set_aside = 3;

  explicit StateFile(std::string directory);
  ~StateFile();
  StateFile(StateFile const&) = delete;
  StateFile& operator=(StateFile const&) = delete;

  /// Opens or makes the file; a damaged one is set aside first. An error: nothing can be kept now.
  Result<void> open(WallTime now);
  [[nodiscard]] bool is_open() const { return db_ != nullptr; }
  /// Records that have not expired, by key.
  [[nodiscard]] std::vector<state::Record> load(state::Kind kind, WallTime now);
  /// All of them or none. Opens the file where that failed before.
  Result<void> write(std::vector<StateChange> const& changes, WallTime now);
  /// Deletes what has expired and what is too much.
  Result<void> prune(WallTime now);

  [[nodiscard]] std::string const& path() const { return path_; }
  [[nodiscard]] std::uint64_t octets() const;  ///< on disk, with the log of SQLite
  [[nodiscard]] std::uint64_t records();
  /// What an operator must be told and was not yet: sentences.
  [[nodiscard]] std::vector<std::string> take_complaints() {
    return std::exchange(complaints_, {});
  }
  /// How often a new file took the place of one whose records are lost with it.
  [[nodiscard]] std::uint32_t renewals() const { return renewals_; }
  /// Where damaged files went since the start.
  [[nodiscard]] std::vector<std::string> const& set_aside() const { return set_aside_; }

 private:
  struct CloseDatabase {
    void operator()(sqlite3* db) const;
  };
  struct EndStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;
  /// Empty text: none.
  struct Trouble {
    std::string text;
    bool is_damage = false;
    [[nodiscard]] bool is_none() const { return text.empty(); }
  };

  [[nodiscard]] Trouble make_file();
  [[nodiscard]] Trouble open_file();
  [[nodiscard]] Trouble prepare();
  [[nodiscard]] Trouble write_all(std::vector<StateChange> const& changes);
  [[nodiscard]] Trouble write_one(StateChange const& change);
  [[nodiscard]] Trouble run(char const* sql);
  [[nodiscard]] std::optional<std::int64_t> number(char const* sql);
  [[nodiscard]] Statement statement(char const* sql);
  [[nodiscard]] Trouble trouble(int code) const;
  void close();
  void put_aside(std::string const& why, WallTime now);
  void drop_oldest_set_aside();
  [[nodiscard]] bool was_moved();

  std::string directory_;
  std::string path_;
  std::unique_ptr<sqlite3, CloseDatabase> db_;
  Statement put_;
  Statement erase_;
  std::vector<std::string> complaints_;
  std::vector<std::string> set_aside_;
  std::uint32_t renewals_ = 0;
};

}  // namespace mailpool::manager
