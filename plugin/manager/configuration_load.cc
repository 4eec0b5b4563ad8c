#include "manager/configuration_load.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "core/config/included.h"
#include "core/config/place.h"
#include "core/rules/check.h"
#include "posix/small_file.h"

namespace mailpool::manager {
namespace {

/// One octet more than a configuration may have: load_settings() says so then.
Result<std::string> read(std::string const& path) {
  return posix::read_small_file(path, most_octets_of_configuration + 1);
}

Mistake unreadable(std::string const& path, std::string const& why) {
  return {path, 0, "cannot be read: " + why, "a file that mailpoold may read"};
}

// As somebody goes through the files: the main one from its top, then the others.
void sort_by_line(std::vector<Mistake>& mistakes, std::string const& main_file) {
  std::stable_sort(mistakes.begin(), mistakes.end(), [&](auto const& a, auto const& b) {
    auto const place = [&](Mistake const& m) {
      return std::tuple(m.file != main_file, std::string_view(m.file), m.line);
    };
    return place(a) < place(b);
  });
}

}  // namespace

Loaded load_configuration(std::string const& path) {
  Loaded failed_to_read;
  auto const text = read(path);
  if (!text) {
    failed_to_read.mistakes.push_back(unreadable(path, text.error().reason));
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
           "include: " + inclusion.path + " cannot be read: " + more.error().reason,
           "a file that mailpoold may read"});
  }
  if (!failed_to_read.is_good()) return failed_to_read;
  auto loaded = load_settings(*text, path, included);
  auto const of_rules = rules::mistakes_in(loaded.settings.rules);
  loaded.mistakes.insert(loaded.mistakes.end(), of_rules.begin(), of_rules.end());
  sort_by_line(loaded.mistakes, path);
  return loaded;
}

}  // namespace mailpool::manager
