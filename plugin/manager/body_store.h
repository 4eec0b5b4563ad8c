#pragma once
// Where bodies live: in memory up to [lmtp] spill_above, then in an unlinked file; [lmtp]
// memory_limit over all of them.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/message/body.h"
#include "manager/spill_writer.h"

namespace mailpool::manager {

/// Belongs to the event loop's thread, as do the bodies it makes. What goes to disk is written by a
/// thread of its own, so append() and wants_more() never wait for a disk; read() of a spilled body
/// reads the file, as a rule from the page cache, since it was just written.
class SpillingBodyStore final : public BodyStore, private MemoryAccount {
 public:
  struct Limits {
    std::uint64_t spill_above = 1U << 20U;
    std::uint64_t memory_limit = 512U << 20U;
  };
  /// For `status`.
  struct Figures {
    std::uint64_t bodies = 0;           ///< that exist now
    std::uint64_t memory = 0;           ///< octets held for them
    std::uint64_t disk = 0;             ///< octets in files
    std::uint64_t spilled = 0;          ///< bodies that went to a file, ever
    std::uint64_t memory_refusals = 0;  ///< messages that met memory_limit, ever
    std::uint64_t disk_failures = 0;    ///< files that could not be made or written, ever
  };

  /// Temporary files are made in the first of `directories` that takes one.
  SpillingBodyStore(Limits limits, std::vector<std::string> directories);
  /// No body may be left.
  ~SpillingBodyStore() override;

  [[nodiscard]] std::unique_ptr<BodyStorage> make(std::uint64_t expected) override;
  /// A reload; counts for what comes.
  void set_limits(Limits limits) { limits_ = limits; }

  /// Readable when bodies that said !wants_more() are to be asked again; then acknowledge().
  [[nodiscard]] int caught_up_fd() const { return writer_.caught_up_fd(); }
  void acknowledge() { writer_.acknowledge(); }

  [[nodiscard]] Figures figures() const;
  /// Why the last file failed, in words; empty if none did.
  [[nodiscard]] std::string last_error() const { return writer_.last_error(); }
  /// For tests: returns when nothing waits for the disk.
  void wait_until_written() { writer_.wait_until_written(); }

 private:
  class Storage;
  [[nodiscard]] bool try_charge(std::uint64_t octets);
  void release(std::uint64_t octets) override;

  Limits limits_;
  std::atomic<std::uint64_t> memory_ = 0;
  std::uint64_t bodies_ = 0;
  std::uint64_t spilled_ = 0;
  std::uint64_t memory_refusals_ = 0;
  SpillWriter writer_;  // last: its thread releases memory
};

}  // namespace mailpool::manager
