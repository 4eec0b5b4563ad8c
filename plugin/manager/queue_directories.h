#pragma once
// Which queue of which Postfix a message comes from, told by the socket that it came by.

#include <cstdint>
#include <string>
#include <vector>

namespace mailpool::manager {

struct QueueDirectories {
  std::vector<std::string> all;         ///< their numbers are their places here
  std::vector<std::uint8_t> of_socket;  ///< of each socket, parking::no_queue or any_queue else
};

/// `configured`: [postfix] queue_directory. Where that is empty, QUEUE_DIRECTORY/mailpool/lmtp.sock
/// tells, if QUEUE_DIRECTORY has Postfix's public/.
[[nodiscard]] QueueDirectories queue_directories(std::vector<std::string> const& sockets,
                                                 std::vector<std::string> const& configured);

}  // namespace mailpool::manager
