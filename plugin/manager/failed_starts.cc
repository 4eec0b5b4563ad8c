#include "manager/failed_starts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>

namespace mailpool::manager {
namespace {

constexpr Duration longest = std::chrono::seconds(10);
constexpr std::time_t forgotten_after = 120;
constexpr unsigned most_doublings = 5;

}  // namespace

FailedStarts::FailedStarts() {
  // systemd names it where the unit has one.
  if (char const* const directory = std::getenv("STATE_DIRECTORY"))
    file_ = std::string(directory) + "/failed-starts";
}

FailedStarts::FailedStarts(std::string const& state_directory)
    : file_(state_directory + "/failed-starts") {}

Duration FailedStarts::note() const {
  if (file_.empty()) return {};
  unsigned before = 0;
  struct stat facts {};
  bool const is_recent =
      ::stat(file_.c_str(), &facts) == 0 && std::time(nullptr) - facts.st_mtime < forgotten_after;
  if (is_recent) std::ifstream(file_) >> before;
  std::ofstream(file_) << before + 1 << '\n';
  if (before == 0) return {};
  return std::min<Duration>(longest,
                            std::chrono::seconds(1U << std::min(before - 1, most_doublings)));
}

void FailedStarts::forget() const {
  if (!file_.empty()) (void)::unlink(file_.c_str());
}

}  // namespace mailpool::manager
