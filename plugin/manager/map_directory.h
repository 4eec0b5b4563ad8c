#pragma once
// The directory in Postfix's queue directory: the map file and the doors. Blocking file operations,
// for one thread.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/map/writer.h"
#include "posix/descriptor.h"

namespace mailpool::manager {

class MapDirectory {
 public:
  /// `map_path`: where the map goes; doors go to d/ beside it and lead to `socket_name` beside it.
  MapDirectory(std::string map_path, std::string socket_name);

  /// Symbolic links d/NAME -> ../SOCKET for these sites and for every bucket. Existing doors stay,
  /// wrong ones are mended; none is ever removed, since Postfix may hold mail for it.
  [[nodiscard]] Result<void> make_doors(std::vector<std::string> const& named_sites);

  /// A new map, by rename over the old one.
  [[nodiscard]] Result<void> publish(std::string const& body, map::State state,
                                     TimePoint heartbeat);

  /// The heartbeat in place. False: the published file is gone or another one is in its place, so
  /// publish() is due.
  [[nodiscard]] bool beat(map::State state, TimePoint heartbeat);

  [[nodiscard]] std::uint64_t generation() const { return header_.generation; }
  [[nodiscard]] std::string const& map_path() const { return map_path_; }

 private:
  [[nodiscard]] Result<posix::Descriptor> open_directory() const;
  [[nodiscard]] Result<void> make_door(int doors, std::string const& name) const;

  std::string map_path_;
  std::string directory_;
  std::string name_;
  std::string target_;
  posix::Descriptor file_;
  map::Header header_{};
};

}  // namespace mailpool::manager
