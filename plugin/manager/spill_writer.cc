#include "manager/spill_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

namespace mailpool::manager {
namespace {

constexpr std::uint64_t most_waiting = 1U << 20U;  // of one body, before its client has to wait
constexpr std::uint64_t most_waiting_all = 16U << 20U;  // of all bodies together

// All of `octets` at `offset`; 0 or errno.
int write_all(int fd, std::string_view octets, std::uint64_t offset) {
  while (!octets.empty()) {
    auto const n = ::pwrite(fd, octets.data(), octets.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ENOSPC;
    octets.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return 0;
}

int make_file_in(std::string const& directory) {
  int const fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
  // A file system without O_TMPFILE.
  std::string name = directory + "/mailpool-body-XXXXXX";
  int const named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

class SpillWriter::Spill {
 public:
  std::deque<std::string> chunks;  ///< not written yet, in order; the first may just be on its way
  std::uint64_t written = 0;       ///< octets in the file, from its beginning
  std::uint64_t waiting = 0;       ///< octets in `chunks`
  int fd = -1;
  bool failed = false;     ///< `chunks` stay in memory
  bool abandoned = false;  ///< nobody will read it
};

SpillWriter::Handle::Handle(SpillWriter& writer)
    : writer_(writer), spill_(std::make_unique<Spill>()) {
  if (writer_.thread_.joinable() || writer_.try_start()) return;
  std::lock_guard const lock(writer_.mutex_);
  writer_.fail(*spill_, "no thread for writing temporary files");
}

SpillWriter::Handle::~Handle() {
  std::unique_lock lock(writer_.mutex_);
  if (!writer_.thread_.joinable()) {
    writer_.retire(std::move(spill_), lock);
    return;
  }
  spill_->abandoned = true;
  // Closing a large unlinked file frees its blocks: a matter for the thread as well.
  writer_.jobs_.push_back({nullptr, std::move(spill_)});
  writer_.work_.notify_one();
}

SpillWriter::SpillWriter(std::vector<std::string> directories, MemoryAccount& account)
    : directories_(std::move(directories)),
      account_(account),
      caught_up_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

SpillWriter::~SpillWriter() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  if (caught_up_fd_ >= 0) ::close(caught_up_fd_);
}

bool SpillWriter::try_start() {
  // Signals belong to the loop's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { work(); });
  } catch (std::system_error const&) {
    // joinable() tells
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread_.joinable();
}

bool SpillWriter::append(Handle const& handle, std::string chunk) {
  std::lock_guard const lock(mutex_);
  Spill& spill = *handle.spill_;
  auto const size = chunk.size();
  spill.chunks.push_back(std::move(chunk));
  spill.waiting += size;
  if (spill.failed) return false;
  waiting_octets_ += size;
  jobs_.push_back({&spill, nullptr});
  work_.notify_one();
  return true;
}

std::ptrdiff_t SpillWriter::read(Handle const& handle, std::uint64_t offset,
                                 std::span<char> to) const {
  std::unique_lock lock(mutex_);
  Spill const& spill = *handle.spill_;
  if (offset < spill.written) {
    auto const most = std::min<std::uint64_t>(to.size(), spill.written - offset);
    int const fd = spill.fd;
    lock.unlock();
    ssize_t n = 0;
    do {
      n = ::pread(fd, to.data(), most, static_cast<off_t>(offset));
    } while (n < 0 && errno == EINTR);
    return n > 0 ? n : -1;
  }
  auto begin = spill.written;
  for (auto const& chunk : spill.chunks) {
    if (offset < begin + chunk.size()) {
      auto const from = static_cast<std::size_t>(offset - begin);
      auto const n = std::min(to.size(), chunk.size() - from);
      std::memcpy(to.data(), chunk.data() + from, n);
      return static_cast<std::ptrdiff_t>(n);
    }
    begin += chunk.size();
  }
  return 0;
}

bool SpillWriter::wants_more(Handle const& handle) const {
  std::lock_guard const lock(mutex_);
  bool const behind = is_behind(*handle.spill_);
  if (behind) somebody_waits_ = true;
  return !behind;
}

bool SpillWriter::is_behind(Spill const& spill) const {
  return !spill.failed && (spill.waiting > most_waiting || waiting_octets_ > most_waiting_all);
}

void SpillWriter::acknowledge() {
  std::uint64_t count = 0;
  (void)!::read(caught_up_fd_, &count, sizeof(count));
}

std::uint64_t SpillWriter::octets_on_disk() const {
  std::lock_guard const lock(mutex_);
  return octets_on_disk_;
}

std::uint64_t SpillWriter::failures() const {
  std::lock_guard const lock(mutex_);
  return failures_;
}

std::string SpillWriter::last_error() const {
  std::lock_guard const lock(mutex_);
  return last_error_;
}

void SpillWriter::wait_until_written() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return jobs_.empty() && !busy_; });
}

void SpillWriter::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return !jobs_.empty() || stopping_; });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    if (job.retired)
      retire(std::move(job.retired), lock);
    else
      write_next(*job.spill, lock);
    busy_ = false;
    signal_if_caught_up();
    if (jobs_.empty()) done_.notify_all();
  }
}

// The mutex is free while the disk works: the loop only adds chunks behind the one that is being
// written, and reads it.
void SpillWriter::write_next(Spill& spill, std::unique_lock<std::mutex>& lock) {
  if (spill.failed || spill.abandoned) return;
  auto const& chunk = spill.chunks.front();
  auto const offset = spill.written;
  int fd = spill.fd;
  lock.unlock();
  std::string error;
  if (fd < 0) fd = make_file(error);
  if (fd >= 0)
    if (int const code = write_all(fd, chunk, offset); code != 0)
      error = fmt::format("writing a temporary file: {}", std::strerror(code));
  lock.lock();
  spill.fd = fd;
  if (!error.empty()) return fail(spill, std::move(error));
  auto const size = chunk.size();
  std::string const dropped = std::move(spill.chunks.front());
  spill.chunks.pop_front();
  spill.written += size;
  spill.waiting -= size;
  waiting_octets_ -= size;
  octets_on_disk_ += size;
  account_.release(size);
}

void SpillWriter::retire(std::unique_ptr<Spill> spill, std::unique_lock<std::mutex>& lock) {
  octets_on_disk_ -= spill->written;
  if (!spill->failed) waiting_octets_ -= spill->waiting;
  account_.release(spill->waiting);
  lock.unlock();
  if (spill->fd >= 0) ::close(spill->fd);
  spill.reset();
  lock.lock();
}

void SpillWriter::fail(Spill& spill, std::string why) {
  spill.failed = true;
  waiting_octets_ -= spill.waiting;
  ++failures_;
  last_error_ = std::move(why);
}

void SpillWriter::signal_if_caught_up() {
  if (!somebody_waits_) return;
  // Nobody keeps a list of who waits for what: all of them ask again.
  somebody_waits_ = false;
  std::uint64_t const one = 1;
  (void)!::write(caught_up_fd_, &one, sizeof(one));
}

int SpillWriter::make_file(std::string& error) const {
  for (auto const& directory : directories_) {
    int const fd = make_file_in(directory);
    if (fd >= 0) {
      error.clear();
      return fd;
    }
    error += fmt::format("{}{}: {}", error.empty() ? "no temporary file: " : "; ", directory,
                         std::strerror(errno));
  }
  if (error.empty()) error = "no directory for temporary files";
  return -1;
}

}  // namespace mailpool::manager
