#pragma once
// The thread that writes large bodies to disk, so that the event loop never waits for one.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace mailpool::manager {

/// Takes what is in memory into account across threads.
class MemoryAccount {
 public:
  virtual ~MemoryAccount() = default;
  virtual void release(std::uint64_t octets) = 0;
};

/// Writes the chunks of any number of spills, in order, to unlinked temporary files. Used by one
/// thread, the event loop's.
class SpillWriter {
 public:
  /// One body on its way to a file. All of it is guarded by the writer's mutex.
  class Spill;
  /// The right to a spill; its file and its memory are given back when it is dropped.
  class Handle {
   public:
    explicit Handle(SpillWriter& writer);
    ~Handle();
    Handle(Handle const&) = delete;
    Handle& operator=(Handle const&) = delete;

   private:
    friend class SpillWriter;
    SpillWriter& writer_;
    std::unique_ptr<Spill> spill_;
  };

  /// Files are made in the first of `directories` that takes one. `account` is told what left
  /// memory.
  SpillWriter(std::vector<std::string> directories, MemoryAccount& account);
  /// No Handle may be left.
  ~SpillWriter();
  SpillWriter(SpillWriter const&) = delete;
  SpillWriter& operator=(SpillWriter const&) = delete;

  /// False: the file could not be made or written; what was taken before stays readable.
  [[nodiscard]] bool append(Handle const& handle, std::string chunk);
  /// As BodyStorage::read; reads from memory what is not in the file yet.
  [[nodiscard]] std::ptrdiff_t read(Handle const& handle, std::uint64_t offset,
                                    std::span<char> to) const;
  /// False: too much waits for the disk. caught_up_fd() becomes readable when that is over.
  [[nodiscard]] bool wants_more(Handle const& handle) const;

  /// An eventfd for the loop: readable when those who were told to wait may ask again. -1 if there
  /// is none.
  [[nodiscard]] int caught_up_fd() const { return caught_up_fd_; }
  /// Takes the signal off it.
  void acknowledge();

  [[nodiscard]] std::uint64_t octets_on_disk() const;
  [[nodiscard]] std::uint64_t failures() const;
  /// Why the last file could not be made or written, with its directory; empty if all went well.
  [[nodiscard]] std::string last_error() const;
  /// For tests: returns when nothing waits for the disk.
  void wait_until_written();

 private:
  struct Job {
    Spill* spill = nullptr;
    std::unique_ptr<Spill> retired;  ///< else: its next chunk is to be written
  };
  [[nodiscard]] bool try_start();
  void work();
  void write_next(Spill& spill, std::unique_lock<std::mutex>& lock);
  void retire(std::unique_ptr<Spill> spill, std::unique_lock<std::mutex>& lock);
  void fail(Spill& spill, std::string why);
  void signal_if_caught_up();
  [[nodiscard]] bool is_behind(Spill const& spill) const;
  [[nodiscard]] int make_file(std::string& error) const;

  std::vector<std::string> const directories_;
  MemoryAccount& account_;
  int const caught_up_fd_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  std::deque<Job> jobs_;
  bool busy_ = false;
  bool stopping_ = false;
  mutable bool somebody_waits_ = false;
  std::uint64_t waiting_octets_ = 0;  ///< of all spills, for the disk
  std::uint64_t octets_on_disk_ = 0;
  std::uint64_t failures_ = 0;
  std::string last_error_;
  std::thread thread_;  ///< begins with the first spill
};

}  // namespace mailpool::manager
