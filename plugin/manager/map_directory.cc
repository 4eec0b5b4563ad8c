#include "manager/map_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace mailpool::manager {

using posix::Descriptor;

namespace {

tl::unexpected<Error> cannot(std::string_view what, std::string_view path) {
  return failed(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

bool write_all(int file, std::string_view octets) {
  while (!octets.empty()) {
    ssize_t const written = ::write(file, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::int64_t nanoseconds(TimePoint time) {
  return time.time_since_epoch().count();
}

// Generations must differ from those of the manager before this one, so that a reader never takes
// one map for another.
std::uint64_t next_generation(std::uint64_t last, TimePoint now) {
  auto const from_clock = static_cast<std::uint64_t>(nanoseconds(now));
  return from_clock > last ? from_clock : last + 1;
}

}  // namespace

MapDirectory::MapDirectory(std::string map_path, std::string socket_name)
    : map_path_(std::move(map_path)), target_("../" + std::move(socket_name)) {
  auto const slash = map_path_.rfind('/');
  directory_ = slash == std::string::npos ? "." : map_path_.substr(0, slash);
  name_ = slash == std::string::npos ? map_path_ : map_path_.substr(slash + 1);
}

Result<Descriptor> MapDirectory::open_directory() const {
  Descriptor directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return cannot("open", directory_);
  return directory;
}

Result<void> MapDirectory::make_doors(std::vector<std::string> const& named_sites) {
  auto const directory = open_directory();
  if (!directory) return tl::make_unexpected(directory.error());
  if (::mkdirat(directory->get(), "d", 0755) != 0 && errno != EEXIST)
    return cannot("make", directory_ + "/d");
  Descriptor const doors(
      ::openat(directory->get(), "d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!doors.is_open()) return cannot("open", directory_ + "/d");
  // Whatever the umask: Postfix's lmtp must get through. The directory above keeps everybody else
  // out.
  struct stat facts {};
  if (::fstat(doors.get(), &facts) == 0 && (facts.st_mode & 0755U) != 0755U)
    (void)::fchmod(doors.get(), 0755);
  for (std::uint32_t bucket = 0; bucket < map::bucket_count; ++bucket)
    if (auto made = make_door(doors.get(), std::string(map::bucket_door(bucket).view())); !made)
      return made;
  for (auto const& site : named_sites)
    if (map::is_door_name(site))
      if (auto made = make_door(doors.get(), site); !made) return made;
  return {};
}

Result<void> MapDirectory::make_door(int doors, std::string const& name) const {
  if (::symlinkat(target_.c_str(), doors, name.c_str()) == 0) return {};
  if (errno != EEXIST) return cannot("make the door", directory_ + "/d/" + name);
  std::array<char, 256> found{};
  ssize_t const length = ::readlinkat(doors, name.c_str(), found.data(), found.size());
  if (length >= 0 && std::string_view(found.data(), static_cast<std::size_t>(length)) == target_)
    return {};
  std::string const scratch = ".new";  // no site has a dot in its name
  ::unlinkat(doors, scratch.c_str(), 0);
  bool const is_mended = ::symlinkat(target_.c_str(), doors, scratch.c_str()) == 0 &&
                         ::renameat(doors, scratch.c_str(), doors, name.c_str()) == 0;
  if (!is_mended) return cannot("mend the door", directory_ + "/d/" + name);
  return {};
}

Result<void> MapDirectory::publish(std::string const& body, map::State state, TimePoint heartbeat) {
  auto const directory = open_directory();
  if (!directory) return tl::make_unexpected(directory.error());
  auto const scratch = name_ + ".new";
  ::unlinkat(directory->get(), scratch.c_str(), 0);
  int const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Descriptor file(::openat(directory->get(), scratch.c_str(), flags, 0644));
  if (!file.is_open()) return cannot("write", directory_ + "/" + scratch);
  auto const header = map::header_for(body, next_generation(header_.generation, heartbeat), state,
                                      nanoseconds(heartbeat));
  bool const is_written =
      ::fchmod(file.get(), 0644) == 0 && write_all(file.get(), map::octets_of(header)) &&
      write_all(file.get(), body) &&
      ::renameat(directory->get(), scratch.c_str(), directory->get(), name_.c_str()) == 0;
  if (!is_written) {
    auto const why = cannot("write", map_path_);
    ::unlinkat(directory->get(), scratch.c_str(), 0);
    return why;
  }
  file_ = std::move(file);
  header_ = header;
  return {};
}

bool MapDirectory::beat(map::State state, TimePoint heartbeat) {
  struct stat ours {};
  struct stat published {};
  bool const is_in_place = file_.is_open() && ::fstat(file_.get(), &ours) == 0 &&
                           ::lstat(map_path_.c_str(), &published) == 0 &&
                           ours.st_ino == published.st_ino && ours.st_dev == published.st_dev;
  if (!is_in_place) return false;
  auto const whole = static_cast<off_t>(sizeof header_ + header_.body_size);
  if (ours.st_size != whole || (ours.st_mode & 07777U) != 0644U) return false;
  map::renew(header_, state, nanoseconds(heartbeat));
  auto const octets = map::octets_of(header_);
  return ::pwrite(file_.get(), octets.data(), octets.size(), 0) ==
         static_cast<ssize_t>(octets.size());
}

}  // namespace mailpool::manager
