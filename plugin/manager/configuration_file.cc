#include "manager/configuration_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/config/load.h"

namespace mailpool::manager {
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

}  // namespace

Result<std::string> read_configuration_file(std::string const& path) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  Descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return failed(std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return failed("Not a regular file");

  std::string text;
  std::array<char, 16384> chunk;
  while (text.size() <= most_octets_of_configuration) {
    auto const n = ::read(file.get(), chunk.data(), chunk.size());
    if (n == 0) break;
    if (n > 0)
      text.append(chunk.data(), static_cast<std::size_t>(n));
    else if (errno != EINTR)
      return failed(std::strerror(errno));
  }
  text.resize(std::min(text.size(), most_octets_of_configuration + 1));
  return text;
}

}  // namespace mailpool::manager
