#include "posix/settings_file.h"

#include <unistd.h>

#include "core/config/included.h"
#include "core/config/place.h"
#include "posix/small_file.h"

namespace mailpool::posix {
namespace {

constexpr auto readable = "a file that mailpoold may read";

/// One octet more than a configuration may have: load_settings() says so then.
Result<std::string> read(std::string const& path) {
  return read_small_file(path, most_octets_of_configuration + 1);
}

}  // namespace

Loaded load_settings_file(std::string const& path) {
  Loaded failed_to_read;
  auto const text = read(path);
  if (!text) {
    failed_to_read.mistakes.push_back(
        {path, 0, "cannot be read: " + text.error().reason, readable});
    return failed_to_read;
  }
  std::vector<ConfigurationText> included;
  for (auto const& inclusion : included_files(*text, path)) {
    if (!inclusion.is_wanted && ::access(inclusion.path.c_str(), F_OK) != 0) continue;
    auto const more = read(inclusion.path);
    if (more)
      included.push_back({inclusion.path, *more});
    else
      failed_to_read.mistakes.push_back(
          {path, line_in(inclusion.line),
           "include: " + inclusion.path + " cannot be read: " + more.error().reason, readable});
  }
  if (!failed_to_read.is_good()) return failed_to_read;
  return load_settings(*text, path, included);
}

}  // namespace mailpool::posix
