#pragma once
// Where log lines go. A thread of its own writes them, so that no disk and no syslog can hold up
// the loop.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/result.h"
#include "manager/writer_thread.h"

namespace mailpool::manager {

/// One destination; used by the writer's thread only.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// `at`: when it was said, for destinations that have no clock of their own.
  virtual void write(LogLevel level, std::chrono::system_clock::time_point at,
                     std::string const& line) = 0;
  virtual void flush() {}
  virtual void reopen() {}
};

/// "syslog", "journal", "stderr", or a file's path.
[[nodiscard]] Result<std::unique_ptr<LogSink>> make_log_sink(std::string const& to);

class LogWriter final : public Log {
 public:
  /// Writes what is queued before it ends.
  LogWriter(std::unique_ptr<LogSink> sink, LogLevel least);

  void write(LogLevel level, std::string line) override;
  [[nodiscard]] bool is_on(LogLevel level) const override {
    return level >= least_.load(std::memory_order_relaxed);
  }

  void set_level(LogLevel least) { least_.store(least, std::memory_order_relaxed); }
  void set_sink(std::unique_ptr<LogSink> sink);
  void reopen();
  /// Lines that were dropped because the destination did not keep up.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Line {
    LogLevel level;
    std::chrono::system_clock::time_point at;
    std::string text;
  };
  bool write_batch(std::span<Line const> lines);

  std::atomic<LogLevel> least_;
  std::atomic<std::uint64_t> dropped_{0};
  std::unique_ptr<LogSink> sink_;  // the thread's
  WriterThread<Line> thread_;
};

}  // namespace mailpool::manager
