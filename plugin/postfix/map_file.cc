// Opening and re-reading the map without ever waiting for it.

#include "postfix/map_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

namespace mailpool::postfix {

namespace {

constexpr std::int64_t check_every_ns = 1'000'000'000;
constexpr int torn_header_tries = 3;

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool is_same(struct stat const& a, struct stat const& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

MapFile::Trouble trouble_of(map::HeaderFault fault) {
  return fault == map::HeaderFault::OtherVersion ? MapFile::Trouble::OtherVersion
                                                 : MapFile::Trouble::Damaged;
}

// Only the folder's owner and root can have put the file there, so only they may own it.
MapFile::Trouble judge(struct stat const& folder, struct stat const& file) {
  if (!S_ISREG(file.st_mode)) return MapFile::Trouble::NotAFile;
  bool const is_owned = file.st_uid == 0 || file.st_uid == folder.st_uid;
  if (!is_owned || (file.st_mode & 022U) != 0 || (folder.st_mode & 022U) != 0)
    return MapFile::Trouble::WrongOwner;
  bool const is_sized =
      file.st_size >= static_cast<off_t>(sizeof(map::Header) + sizeof(map::BodyHeader)) &&
      file.st_size <= static_cast<off_t>(sizeof(map::Header) + map::most_body_octets);
  return is_sized ? MapFile::Trouble::None : MapFile::Trouble::WrongSize;
}

}  // namespace

MapFile::~MapFile() {
  close_file();
  if (memory_ != nullptr) munmap(memory_, 2 * map::most_body_octets);
}

void MapFile::close_file() {
  if (file_ >= 0) close(file_);
  file_ = -1;
}

bool MapFile::prepare(char const* path) {
  std::size_t const length = std::strlen(path);
  char const* const slash = std::strrchr(path, '/');
  if (length == 0 || length + 3 > sizeof folder_) return false;
  if (slash == nullptr) {
    std::memcpy(folder_, ".", 2);
    name_ = static_cast<char const*>(std::memcpy(folder_ + 2, path, length + 1));
  } else {
    auto const folder_length = static_cast<std::size_t>(slash - path);
    std::memcpy(folder_, path, length + 1);
    folder_[folder_length] = '\0';
    name_ = folder_ + folder_length + 1;
    if (folder_length == 0) return false;
  }
  if (*name_ == '\0') return false;
  void* const memory = mmap(nullptr, 2 * map::most_body_octets, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<char*>(memory);
  return true;
}

double MapFile::heartbeat_age() const {
  return static_cast<double>(now_ns_ - header_.heartbeat_ns) / 1e9;
}

MapFile::Trouble MapFile::look() {
  auto fault = file_ < 0 ? map::HeaderFault::TooShort : read_header(file_, header_);
  now_ns_ = monotonic_ns();  // after the header, or a heartbeat between the two would be one of the
                             // future
  if (checked_ns_ == INT64_MIN || now_ns_ - checked_ns_ >= check_every_ns) {
    check(now_ns_);
    fault = file_ < 0 ? map::HeaderFault::TooShort : read_header(file_, header_);
    now_ns_ = monotonic_ns();
  }
  if (file_ < 0) return file_trouble_;
  if (fault != map::HeaderFault::None) return trouble_of(fault);
  switch (map::presence_of(header_, now_ns_)) {
    case map::Presence::Here:
      return Trouble::None;
    case map::Presence::Draining:
      return Trouble::Draining;
    case map::Presence::FromTheFuture:
      return Trouble::FromTheFuture;
    case map::Presence::Stale:
      break;
  }
  return Trouble::Stale;
}

// A header that is being written at this moment can be half old and half new: another look finds it
// whole.
map::HeaderFault MapFile::read_header(int file, map::Header& header) const {
  auto fault = map::HeaderFault::TooShort;
  for (int tries = 0; tries < torn_header_tries; ++tries) {
    char octets[sizeof(map::Header)];
    ssize_t const size = pread(file, octets, sizeof octets, 0);
    if (size < 0) continue;
    fault = map::read_header({octets, static_cast<std::size_t>(size)}, header);
    if (fault != map::HeaderFault::Damaged) break;
  }
  return fault;
}

void MapFile::check(std::int64_t now_ns) {
  checked_ns_ = now_ns;
  int const folder = open(folder_, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) {
    file_trouble_ = errno == ENOENT ? Trouble::Missing : Trouble::Unreadable;
    close_file();
    return;
  }
  file_trouble_ = load(folder);
  if (file_trouble_ != Trouble::None) close_file();
  close(folder);
}

// Reads the file of that name, if it is not the one that was read already.
MapFile::Trouble MapFile::load(int folder) {
  struct stat folder_facts {};
  struct stat facts {};
  if (fstat(folder, &folder_facts) != 0) return Trouble::Unreadable;
  if (fstatat(folder, name_, &facts, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Trouble::Missing : Trouble::Unreadable;
  if (auto const trouble = judge(folder_facts, facts); trouble != Trouble::None) return trouble;
  if (file_ >= 0 && facts.st_dev == device_ && facts.st_ino == inode_) {
    map::Header header{};
    bool const is_unchanged = read_header(file_, header) == map::HeaderFault::None &&
                              reader_.has_map() && header.generation == reader_.generation();
    if (is_unchanged) return Trouble::None;
  }
  if (is_same(facts, refused_)) return file_trouble_;

  int const file = openat(folder, name_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0) return errno == ENOENT ? Trouble::Missing : Trouble::Unreadable;
  auto trouble = fstat(file, &facts) == 0 ? judge(folder_facts, facts) : Trouble::Unreadable;
  if (trouble == Trouble::None) trouble = read_body(file, facts);
  if (trouble != Trouble::None) {
    refused_ = facts;
    close(file);
    return trouble;
  }
  refused_ = {};
  close_file();
  file_ = file;
  device_ = facts.st_dev;
  inode_ = facts.st_ino;
  return Trouble::None;
}

MapFile::Trouble MapFile::read_body(int file, struct stat const& facts) {
  map::Header header{};
  if (auto const fault = read_header(file, header); fault != map::HeaderFault::None)
    return trouble_of(fault);
  if (static_cast<off_t>(sizeof header + header.body_size) != facts.st_size)
    return Trouble::WrongSize;
  int const half = 1 - half_in_use_;
  char* const body = memory_ + static_cast<std::size_t>(half) * map::most_body_octets;
  std::size_t size = 0;
  while (size < header.body_size) {
    ssize_t const more =
        pread(file, body + size, header.body_size - size, static_cast<off_t>(sizeof header + size));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return Trouble::Damaged;
    size += static_cast<std::size_t>(more);
  }
  map::Reader next;
  if (!next.open(header, {body, size})) return Trouble::Damaged;
  reader_ = next;
  half_in_use_ = half;
  return Trouble::None;
}

char const* words_for(MapFile::Trouble trouble) {
  switch (trouble) {
    case MapFile::Trouble::None:
      return "it is here";
    case MapFile::Trouble::Missing:
      return "the map does not exist";
    case MapFile::Trouble::Unreadable:
      return "the map cannot be read";
    case MapFile::Trouble::NotAFile:
      return "the map is not a regular file";
    case MapFile::Trouble::WrongOwner:
      return "the map or its folder has the wrong owner or mode";
    case MapFile::Trouble::WrongSize:
      return "the map has the wrong size";
    case MapFile::Trouble::Damaged:
      return "the map is damaged";
    case MapFile::Trouble::OtherVersion:
      return "the map is of another version";
    case MapFile::Trouble::Stale:
      return "its heartbeat is stale";
    case MapFile::Trouble::FromTheFuture:
      return "its heartbeat is from the future";
    case MapFile::Trouble::Draining:
      return "it is draining";
  }
  return "";
}

}  // namespace mailpool::postfix
