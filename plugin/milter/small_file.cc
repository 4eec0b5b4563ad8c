#include "milter/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace mailpool::milter {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> unreadable(std::string const& path, int error) {
  return failed(fmt::format("{}: cannot be read: {}", path,
                            std::error_code(error, std::generic_category()).message()));
}

}  // namespace

Result<std::string> read_small_file(std::string const& path, std::size_t most) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  Descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return unreadable(path, errno);
  if (!S_ISREG(facts.st_mode)) return failed(path + ": cannot be read: not a regular file");
  std::string text;
  std::array<char, 16384> chunk;
  while (text.size() < most) {
    auto const n = ::read(file.get(), chunk.data(), std::min(chunk.size(), most - text.size()));
    if (n == 0) break;
    if (n > 0)
      text.append(chunk.data(), static_cast<std::size_t>(n));
    else if (errno != EINTR)
      return unreadable(path, errno);
  }
  return text;
}

}  // namespace mailpool::milter
