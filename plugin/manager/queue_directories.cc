#include "manager/queue_directories.h"

#include <algorithm>
#include <filesystem>

#include "core/parking/register.h"
#include "posix/paths.h"

namespace mailpool::manager {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_queues = 64;

std::uint8_t number_of(std::string const& directory, std::vector<std::string>& all) {
  auto const at = std::find(all.begin(), all.end(), directory);
  if (at == all.end() && all.size() >= most_queues) return parking::no_queue;
  auto const number = at - all.begin();
  if (at == all.end()) all.push_back(directory);
  return static_cast<std::uint8_t>(number);
}

}  // namespace

QueueDirectories queue_directories(std::vector<std::string> const& sockets,
                                   std::vector<std::string> const& configured) {
  QueueDirectories found;
  for (auto const& directory : configured) (void)number_of(directory, found.all);
  for (auto const& socket : sockets) {
    fs::path const path(socket);
    if (configured.empty()) {
      auto const directory = path.parent_path().parent_path();
      std::error_code error;
      bool const is_queue = fs::exists(directory / "public", error);
      found.of_socket.push_back(is_queue ? number_of(directory.string(), found.all)
                                         : parking::no_queue);
      continue;
    }
    auto const at = std::find_if(configured.begin(), configured.end(), [&](auto const& directory) {
      return posix::lies_below(path, directory);
    });
    if (at != configured.end())
      found.of_socket.push_back(number_of(*at, found.all));
    else
      found.of_socket.push_back(configured.size() == 1 ? 0 : parking::any_queue);
  }
  return found;
}

}  // namespace mailpool::manager
