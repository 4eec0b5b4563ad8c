#include "posix/replies_file.h"

#include <unistd.h>

#include <climits>
#include <iterator>
#include <string_view>

#include "posix/small_file.h"

namespace mailpool::posix {
namespace {

bool is_there(std::string const& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// conf/replies.toml of the sources, for a program that was not installed.
std::string of_build_tree() {
  std::string path(PATH_MAX, '\0');
  auto const length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return {};
  path.resize(static_cast<std::size_t>(length));
  for (auto at = path.rfind('/'); at != std::string::npos && at > 0; at = path.rfind('/', at - 1)) {
    auto const beside = path.substr(0, at) + "/conf/replies.toml";
    if (is_there(path.substr(0, at) + "/CMakePresets.json") && is_there(beside)) return beside;
  }
  return {};
}

std::vector<std::string> usual_files() {
  std::vector<std::string> files;
  if (is_there(own_replies)) files.emplace_back(own_replies);
  if (auto beside = of_build_tree(); !beside.empty())
    files.push_back(std::move(beside));
  else
    files.emplace_back(shipped_replies);
  return files;
}

}  // namespace

replies::LoadedRules load_reply_rules(std::vector<std::string> const& files) {
  replies::LoadedRules all;
  for (auto const& file : files.empty() ? usual_files() : files) {
    auto const text = read_small_file(file, most_octets_of_configuration + 1);
    if (!text) {
      all.mistakes.push_back(
          {file, 0, "cannot be read: " + text.error().reason, "a file that mailpoold may read"});
      continue;
    }
    auto more = replies::load_rules(*text, file);
    std::move(more.rules.begin(), more.rules.end(), std::back_inserter(all.rules));
    std::move(more.mistakes.begin(), more.mistakes.end(), std::back_inserter(all.mistakes));
  }
  return all;
}

}  // namespace mailpool::posix
