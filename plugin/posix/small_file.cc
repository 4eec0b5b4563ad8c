#include "posix/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include "posix/descriptor.h"

namespace mailpool::posix {
namespace {

tl::unexpected<Error> failed_with(int error) {
  return failed(std::error_code(error, std::generic_category()).message());
}

Result<std::string> read_file(std::string const& path, std::size_t most,
                              std::optional<Readers> guarded) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  Descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (!file.is_open() || ::fstat(file.get(), &facts) != 0) return failed_with(errno);
  if (!S_ISREG(facts.st_mode)) return failed("Not a regular file");
  if (guarded)
    if (auto why = objection_to_secret_file(facts, *guarded); !why.empty())
      return failed(std::move(why));
  std::string text;
  std::array<char, 16384> chunk;
  while (text.size() < most) {
    auto const n = ::read(file.get(), chunk.data(), std::min(chunk.size(), most - text.size()));
    if (n == 0) break;
    if (n > 0)
      text.append(chunk.data(), static_cast<std::size_t>(n));
    else if (errno != EINTR)
      return failed_with(errno);
  }
  return text;
}

}  // namespace

Result<std::string> read_small_file(std::string const& path, std::size_t most) {
  return read_file(path, most, std::nullopt);
}

Result<std::string> read_secret_small_file(std::string const& path, std::size_t most,
                                           Readers readers) {
  return read_file(path, most, readers);
}

}  // namespace mailpool::posix
