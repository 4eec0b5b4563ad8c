#include "manager/process_figures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace mailpool::manager {
namespace {

// The n-th number behind the name, which may hold blanks and brackets itself: proc(5).
double field_of_stat(std::string const& stat, int n) {
  auto at = stat.rfind(')');
  for (int i = 2; i < n && at != std::string::npos; ++i) at = stat.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtod(stat.c_str() + at, nullptr);
}

double cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  auto const of = [](timeval const& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// Of the epoch: the kernel says how long after its own start.
double started(std::string const& stat) {
  timespec wall{};
  timespec since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  auto const of = [](timespec const& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
  };
  auto const ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  constexpr int start_time = 22;
  return of(wall) - of(since_boot) + field_of_stat(stat, start_time) / ticks;
}

std::uint64_t open_fds() {
  auto* const all = ::opendir("/proc/self/fd");
  if (all == nullptr) return 0;
  std::uint64_t count = 0;
  while (::readdir(all) != nullptr) ++count;
  ::closedir(all);
  constexpr std::uint64_t not_ours = 3;  // "." and "..", and the one that looks
  return count > not_ours ? count - not_ours : 0;
}

}  // namespace

control::MeasuredProcess process_figures() {
  std::ifstream file("/proc/self/stat");
  std::string const stat{std::istreambuf_iterator<char>(file), {}};
  control::MeasuredProcess figures;
  figures.cpu_seconds = cpu_seconds();
  // Read once: two clocks never say quite the same, and it would seem to have been started again.
  static double const since = stat.empty() ? 0 : std::round(started(stat) * 100) / 100;
  figures.started = since;
  constexpr int resident_pages = 24;
  figures.resident = static_cast<std::uint64_t>(field_of_stat(stat, resident_pages)) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  figures.open_fds = open_fds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.max_fds = limit.rlim_cur;
  return figures;
}

}  // namespace mailpool::manager
