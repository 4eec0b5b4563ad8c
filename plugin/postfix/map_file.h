#pragma once
// The map file as the table sees it: opened with care, copied into private memory, never mapped.
//
// A lookup costs one pread of the header. At most once a second it is checked whether the file was
// replaced or has a new generation, and only then is it read again. Whatever the file is, no call
// blocks, crashes or allocates: memory is reserved once, as address space. A mapping of the file
// itself would be a SIGBUS in Postfix when somebody truncates it.

#include <limits.h>
#include <sys/stat.h>

#include <cstdint>
#include <string_view>

#include "core/map/reader.h"

namespace mailpool::postfix {

class MapFile {
 public:
  /// Why there is no manager to be seen; None: there is one.
  enum class Trouble : std::uint8_t {
    None,
    Missing,
    Unreadable,
    NotAFile,
    WrongOwner,
    WrongSize,
    Damaged,
    OtherVersion,
    Stale,
    FromTheFuture,
    Draining,
  };

  MapFile() = default;
  MapFile(MapFile const&) = delete;
  MapFile& operator=(MapFile const&) = delete;
  ~MapFile();

  /// `path`: as configured; relative to the working directory. False: too long, or no memory.
  [[nodiscard]] bool prepare(char const* path);

  /// Looks at the header, and at the file if it is time to. To be called before each use of
  /// reader().
  Trouble look();

  /// The last map that was read whole, also while there is trouble: its "defer" domains keep their
  /// promise.
  [[nodiscard]] map::Reader const& reader() const { return reader_; }

  [[nodiscard]] std::int64_t now_ns() const { return now_ns_; }  // of the last look()
  /// Since its last heartbeat, where the trouble is that there are no more of them.
  [[nodiscard]] std::int64_t away_ns(Trouble trouble) const {
    return trouble == Trouble::Stale ? now_ns_ - header_.heartbeat_ns : map::away_for_good;
  }
  [[nodiscard]] double heartbeat_age() const;  // in seconds; of the last header that was sound

 private:
  void check(std::int64_t now_ns);
  Trouble load(int folder);
  Trouble read_body(int file, struct stat const& facts);
  [[nodiscard]] map::HeaderFault read_header(int file, map::Header& header) const;
  void close_file();

  char folder_[PATH_MAX] = {};
  char const* name_ = nullptr;  // within folder_, behind its '\0'
  int file_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  struct stat refused_ = {};  // what was found wanting: not read again until it changes
  map::Header header_ = {};
  map::Reader reader_;
  char* memory_ = nullptr;  // two bodies: the one in use, and room for the next
  int half_in_use_ = 0;
  std::int64_t now_ns_ = 0;
  std::int64_t checked_ns_ = INT64_MIN;
  Trouble file_trouble_ = Trouble::Missing;
};

/// For the log: "its heartbeat is stale".
[[nodiscard]] char const* words_for(MapFile::Trouble trouble);

}  // namespace mailpool::postfix
