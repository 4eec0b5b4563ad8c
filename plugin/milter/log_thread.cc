#include "milter/log_thread.h"

#include <signal.h>
#include <syslog.h>

#include <iostream>

#include "posix/log_priority.h"

namespace mailpool::milter {
namespace {

constexpr std::size_t most_lines = 256;  // beyond it, the destination does not keep up

}  // namespace

LogThread::LogThread(bool to_syslog, LogLevel least) : to_syslog_(to_syslog), least_(least) {
  if (to_syslog_) ::openlog("mailpool-milter", LOG_PID | LOG_NDELAY, LOG_MAIL);
  // Signals are libmilter's: it waits for them in a thread of its own.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  thread_ = std::thread([this] { work(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogThread::~LogThread() {
  {
    std::lock_guard const lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LogThread::write(LogLevel level, std::string line) {
  if (!is_on(level)) return;
  {
    std::lock_guard const lock(mutex_);
    if (queue_.size() >= most_lines) return;
    queue_.push_back({level, printable(line, 1024)});
  }
  wake_.notify_one();
}

void LogThread::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto const line = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    write_now(line);
    lock.lock();
  }
}

void LogThread::write_now(Line const& line) const {
  if (to_syslog_)
    ::syslog(posix::priority_of(line.level), "%s", line.text.c_str());
  else
    std::cerr << "mailpool-milter: " + line.text + "\n" << std::flush;
}

}  // namespace mailpool::milter
