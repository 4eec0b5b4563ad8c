#pragma once
// Where log lines go. A thread of its own writes them, so that no disk and no syslog can hold up
// the loop.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "core/base/result.h"

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
  LogWriter(std::unique_ptr<LogSink> sink, LogLevel least);
  ~LogWriter() override;  ///< writes what is queued

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
  void work();
  void wait_for_lines(std::unique_lock<std::mutex>& lock);
  void write_batch(std::vector<Line> const& lines);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Line> queue_;
  std::unique_ptr<LogSink> next_sink_;
  bool reopen_ = false;
  bool stop_ = false;
  bool is_asleep_ = false;
  std::atomic<LogLevel> least_;
  std::atomic<std::uint64_t> dropped_{0};
  std::unique_ptr<LogSink> sink_;
  std::thread thread_;
};

}  // namespace mailpool::manager
