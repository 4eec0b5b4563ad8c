#include "posix/shortage.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>

#include "posix/error_words.h"

namespace mailpool::posix {
namespace {

std::string descriptors_allowed() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "";
  return fmt::format("this process may open {}: ", limit.rlim_cur);
}

}  // namespace

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

std::string shortage_words(int error) {
  switch (error) {
    case EMFILE:
      return fmt::format("{} ({}raise LimitNOFILE)", why(error), descriptors_allowed());
    case ENFILE:
      return fmt::format("{} (of the whole machine: raise fs.file-max)", why(error));
    default:
      return fmt::format("{} (memory for sockets is short)", why(error));
  }
}

}  // namespace mailpool::posix
