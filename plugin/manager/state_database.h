#pragma once
// The store of what survives a restart: changes are taken on the loop, a thread of its own writes
// them.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/log.h"
#include "core/state/store.h"
#include "manager/state_file.h"

namespace mailpool::manager {

/// What an operator can know of it.
struct StateFigures {
  std::string file;
  std::string problem;  ///< why nothing is written now, "" while all is well
  std::vector<std::string> set_aside;
  std::uint64_t octets = 0;
  std::uint64_t records = 0;
  std::uint64_t waiting = 0;  ///< changes that are not written yet
  std::uint64_t written = 0;  ///< changes since the start
  std::uint64_t dropped =
      0;  ///< changes for which there was no room while nothing could be written
  WallTime last_written{};
};

class StateDatabase final : public state::Store {
 public:
  /// Changes of different keys that wait at most; while the disk does not work, later ones are
  /// dropped.
  static constexpr std::size_t most_waiting = 200'000;

  /// Reads the file in `directory`. Where that fails mail flows all the same: the log says so, and
  /// writing is tried again every `retry_after`. The log must outlive the database and take lines
  /// from any thread.
  StateDatabase(std::string const& directory, Log& log,
                std::chrono::milliseconds retry_after = std::chrono::seconds(5));
  ~StateDatabase() override;  ///< writes what waits
  StateDatabase(StateDatabase const&) = delete;
  StateDatabase& operator=(StateDatabase const&) = delete;

  [[nodiscard]] std::vector<state::Record> take_loaded(state::Kind kind) override;
  void put(state::Kind kind, std::string key, std::string value, WallTime expires) override;
  void erase(state::Kind kind, std::string key) override;

  /// Waits until all that was put before is written or has failed.
  void flush();
  [[nodiscard]] StateFigures figures() const;
  /// How often a new file was begun since the start, without the records of the one before: what
  /// is in force must be put once more.
  [[nodiscard]] std::uint32_t renewals() const { return renewals_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  using Changes = std::unordered_map<std::string, StateChange>;

  void add(StateChange change);
  void work();
  void write(Changes const& changes);
  void note_result(Result<void> const& result, std::size_t written);
  void complain();
  void take_stock();

  Log& log_;
  std::chrono::milliseconds const retry_after_;
  std::map<state::Kind, std::vector<state::Record>> loaded_;  // of the loop alone

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable is_flushed_;
  Changes waiting_;  // by kind and key: a later change takes the place of an earlier one
  Clock::time_point due_ = Clock::time_point::max();
  std::uint64_t flushes_wanted_ = 0;
  std::uint64_t flushes_done_ = 0;
  bool stop_ = false;
  StateFigures figures_;
  std::size_t unwritten_size_ = 0;  // of what the writer holds and could not write

  // Of the writer's thread alone, once it runs.
  StateFile file_;
  bool is_failing_ = false;
  std::atomic<std::uint32_t> renewals_{0};  // the loop reads it
  Clock::time_point next_prune_;
  Clock::time_point next_stock_{};
  std::thread thread_;
};

}  // namespace mailpool::manager
