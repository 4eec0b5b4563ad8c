#include "manager/event_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mailpool::manager {
namespace {

// Of what waits for a full disk to have room again.
constexpr std::size_t most_octets_waiting = 8U << 20U;
constexpr std::size_t octets_at_once = 256U << 10U;
constexpr mode_t mode_of_file = 0640;

// What was killed, or had no room, may have left half a line: the next is not to be its other half.
bool ends_its_last_line(int fd, off_t size) {
  char last = '\n';
  if (size == 0 || ::pread(fd, &last, 1, size - 1) != 1 || last == '\n') return true;
  return ::write(fd, "\n", 1) == 1;
}

}  // namespace

EventFile::EventFile(EventOutputState& state, Log& log)
    : state_(state), log_(log), lines_(most_octets_waiting) {}

EventFile::~EventFile() {
  (void)flush();
  state_.dropped += lines_.clear();
  close();
}

void EventFile::write(std::string const& line) {
  if (lines_.rest().size() >= octets_at_once) (void)flush();
  if (!lines_.add(line)) ++state_.dropped;
}

bool EventFile::open() {
  if (fd_ >= 0) return true;
  // A pipe that nobody reads would not open, or take a little and then nothing.
  int const fd =
      ::open(state_.place.c_str(),
             O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode_of_file);
  struct stat facts {};
  bool const is_file = fd >= 0 && ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  if (is_file && ends_its_last_line(fd, facts.st_size)) {
    fd_ = fd;
    return true;
  }
  state_.set_problem(fd < 0 || is_file ? std::strerror(errno) : "it is no regular file", log_);
  if (fd >= 0) ::close(fd);
  return false;
}

bool EventFile::flush() {
  while (!lines_.is_empty()) {
    if (!open()) return true;
    auto const rest = lines_.rest();
    auto const n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      state_.set_problem(std::strerror(errno), log_);
      return true;
    }
    state_.written += lines_.wrote(static_cast<std::size_t>(n));
    state_.set_problem({}, log_);
  }
  return false;
}

// What was begun stays in the file that was moved away, as far as it went.
void EventFile::reopen() {
  (void)flush();
  if (lines_.begin_anew()) ++state_.dropped;
  close();
}

void EventFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace mailpool::manager
