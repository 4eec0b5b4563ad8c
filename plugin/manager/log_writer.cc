#include "manager/log_writer.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>

#include "posix/log_priority.h"

namespace mailpool::manager {
namespace {

using std::chrono::system_clock;

constexpr std::size_t most_queued = 200'000;

std::string_view prefix_of(LogLevel level) {
  switch (level) {
    case LogLevel::Warning:
      return "warning: ";
    case LogLevel::Error:
      return "error: ";
    default:
      return "";
  }
}

class SyslogSink final : public LogSink {
 public:
  SyslogSink() { openlog("mailpoold", LOG_PID | LOG_NDELAY, LOG_MAIL); }
  ~SyslogSink() override { closelog(); }
  void write(LogLevel level, system_clock::time_point, std::string const& line) override {
    syslog(posix::priority_of(level) | LOG_MAIL, "%s%s", prefix_of(level).data(), line.c_str());
  }
};

class JournalSink final : public LogSink {
 public:
  void write(LogLevel level, system_clock::time_point, std::string const& line) override {
    sd_journal_send("MESSAGE=%s%s", prefix_of(level).data(), line.c_str(), "PRIORITY=%d",
                    posix::priority_of(level), "SYSLOG_IDENTIFIER=mailpoold", "SYSLOG_FACILITY=%d",
                    LOG_MAIL >> 3, nullptr);
  }
};

// Lines as syslog would have written them, so that the same tools read them.
class FileSink final : public LogSink {
 public:
  FileSink(std::string path, int fd) : path_(std::move(path)), fd_(fd) {
    char name[256] = "localhost";
    gethostname(name, sizeof name - 1);
    std::string_view const full(name);
    host_ = full.substr(0, full.find('.'));
  }
  ~FileSink() override {
    flush();
    if (!path_.empty()) ::close(fd_);
  }
  FileSink(FileSink const&) = delete;
  FileSink& operator=(FileSink const&) = delete;

  void write(LogLevel level, system_clock::time_point at, std::string const& line) override {
    auto const us =
        std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
    auto const second = static_cast<std::time_t>(us / 1'000'000);
    if (second != stamp_second_) {
      stamp_second_ = second;
      stamp_ = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(second));
    }
    fmt::format_to(std::back_inserter(buffer_), "{}.{:06}Z {} mailpoold[{}]: {}{}\n", stamp_,
                   us % 1'000'000, host_, pid_, prefix_of(level), line);
    if (buffer_.size() > 65536) flush();
  }
  void flush() override {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
      auto const n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    buffer_.clear();
  }
  void reopen() override {
    if (path_.empty()) return;
    int const fd =
        ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) return;
    ::close(fd_);
    fd_ = fd;
  }

 private:
  std::string path_;  // empty: stderr, which is not ours to close
  int fd_;
  std::string host_;
  pid_t pid_ = getpid();
  std::string buffer_;
  std::string stamp_;
  std::time_t stamp_second_ = -1;
};

}  // namespace

Result<std::unique_ptr<LogSink>> make_log_sink(std::string const& to) {
  if (to == "syslog") return std::make_unique<SyslogSink>();
  if (to == "journal") return std::make_unique<JournalSink>();
  if (to == "stderr") return std::make_unique<FileSink>(std::string(), STDERR_FILENO);
  int const fd = ::open(to.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) return failed(fmt::format("[log] to: cannot write {}: {}", to, std::strerror(errno)));
  return std::make_unique<FileSink>(to, fd);
}

LogWriter::LogWriter(std::unique_ptr<LogSink> sink, LogLevel least)
    : least_(least),
      sink_(std::move(sink)),
      thread_(most_queued, [this](auto const& lines) { return write_batch(lines); }) {}

void LogWriter::write(LogLevel level, std::string line) {
  if (!is_on(level)) return;
  if (!thread_.push({level, system_clock::now(), std::move(line)}))
    dropped_.fetch_add(1, std::memory_order_relaxed);
}

void LogWriter::set_sink(std::unique_ptr<LogSink> sink) {
  // An order can be copied, so what it carries is shared.
  auto const next = std::make_shared<std::unique_ptr<LogSink>>(std::move(sink));
  thread_.order([this, next] { sink_ = std::move(*next); });
}

void LogWriter::reopen() {
  thread_.order([this] { sink_->reopen(); });
}

bool LogWriter::write_batch(std::span<Line const> lines) {
  for (auto const& line : lines) sink_->write(line.level, line.at, line.text);
  sink_->flush();
  return false;
}

}  // namespace mailpool::manager
