#pragma once
// The milter's few log lines, written by a thread of its own: no session waits for syslog.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/log.h"

namespace mailpool::milter {

class LogThread final : public Log {
 public:
  /// To syslog (facility mail), or to standard error, which is the journal under systemd.
  LogThread(bool to_syslog, LogLevel least);
  ~LogThread() override;  ///< writes what is queued
  LogThread(LogThread const&) = delete;
  LogThread& operator=(LogThread const&) = delete;

  void write(LogLevel level, std::string line) override;
  [[nodiscard]] bool is_on(LogLevel level) const override { return level >= least_; }

 private:
  struct Line {
    LogLevel level;
    std::string text;
  };
  void work();
  void write_now(Line const& line) const;

  bool const to_syslog_;
  LogLevel const least_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Line> queue_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace mailpool::milter
