#include "posix/settings_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/config/included.h"
#include "core/config/place.h"
#include "posix/small_file.h"

namespace mailpool::posix {
namespace {

constexpr auto readable = "a file that mailpoold may read";
constexpr std::size_t most_drop_ins = 40;  // of most_files, beside those that are included

/// One octet more than a configuration may have: load_settings() says so then.
Result<std::string> read(std::string const& path) {
  return read_small_file(path, most_octets_of_configuration + 1);
}

// conf.d/*.toml beside the file, by name. What a package manager or an editor leaves there ends
// otherwise.
std::vector<std::string> drop_ins_of(std::string const& path, std::vector<Mistake>& mistakes) {
  auto const directory = std::filesystem::path(path).parent_path() / "conf.d";
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    auto const name = it->path().filename().string();
    if (name.front() != '.' && name.ends_with(".toml")) found.push_back(it->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    mistakes.push_back({directory.string(), 0, "cannot be read: " + error.message(),
                        "a directory that mailpoold may read"});
  if (found.size() > most_drop_ins) {
    mistakes.push_back({directory.string(), 0, fmt::format("has {} files", found.size()),
                        fmt::format("at most {} *.toml", most_drop_ins)});
    found.resize(most_drop_ins);
  }
  std::sort(found.begin(), found.end());
  return found;
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
  std::vector<ConfigurationText> drop_ins;
  for (auto const& name : drop_ins_of(path, failed_to_read.mistakes)) {
    auto const more = read(name);
    if (more)
      drop_ins.push_back({name, *more});
    else
      failed_to_read.mistakes.push_back(
          {name, 0, "cannot be read: " + more.error().reason, readable});
  }
  if (!failed_to_read.is_good()) return failed_to_read;
  return load_settings(*text, path, included, drop_ins);
}

}  // namespace mailpool::posix
