#include "poolctl/postfix_undo.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace fs = std::filesystem;

namespace mailpool::poolctl {

namespace {

constexpr char const* files[] = {"main.cf", "master.cf"};

std::optional<std::string> contents_of(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

tl::unexpected<Error> cannot(std::string_view what, std::string const& path) {
  return failed(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

// By rename, synced, with the mode and owner of `like` where that exists.
Result<void> write_file(std::string const& path, std::string const& octets,
                        std::string const& like) {
  struct stat facts {};
  bool const has_model = ::stat(like.c_str(), &facts) == 0;
  auto const scratch = path + ".new";
  ::unlink(scratch.c_str());
  int const file =
      ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return cannot("write", scratch);
  std::size_t at = 0;
  while (at < octets.size()) {
    ssize_t const written = ::write(file, octets.data() + at, octets.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    at += static_cast<std::size_t>(written);
  }
  bool is_done = at == octets.size();
  if (has_model) is_done = is_done && ::fchown(file, facts.st_uid, facts.st_gid) == 0;
  if (has_model) is_done = is_done && ::fchmod(file, facts.st_mode & 07777U) == 0;
  is_done = is_done && ::fsync(file) == 0;
  ::close(file);
  if (is_done && ::rename(scratch.c_str(), path.c_str()) == 0) return {};
  auto const why = cannot("write", path);
  ::unlink(scratch.c_str());
  return why;
}

}  // namespace

PostfixUndo::PostfixUndo(std::string config_directory)
    : directory_(std::move(config_directory)), place_(directory_ + "/mailpool.undo") {}

std::optional<UndoRecord> PostfixUndo::read() const {
  auto const text = contents_of(place_ + "/record.json");
  if (!text) return std::nullopt;
  auto const json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("parameters") || !json["parameters"].is_array())
    return std::nullopt;
  UndoRecord record;
  record.mode = json.value("mode", "table");
  // Records of 0.1.0 have one.
  if (auto const one = json.value("service", ""); !one.empty()) record.services.push_back(one);
  if (auto const all = json.find("services"); all != json.end() && all->is_array())
    for (auto const& one : *all)
      if (one.is_string()) record.services.push_back(one.get<std::string>());
  for (auto const& one : json["parameters"]) {
    TouchedParameter parameter{one.value("name", ""), std::nullopt, one.value("after", "")};
    if (one.contains("before") && one["before"].is_string())
      parameter.before = one["before"].get<std::string>();
    record.parameters.push_back(std::move(parameter));
  }
  return record;
}

Result<void> PostfixUndo::keep_before() const {
  if (::mkdir(place_.c_str(), 0700) != 0 && errno != EEXIST) return cannot("make", place_);
  for (auto const* file : files) {
    auto const kept = fmt::format("{}/{}.before", place_, file);
    auto const now = contents_of(directory_ + "/" + file);
    if (!now) return cannot("read", directory_ + "/" + file);
    if (auto done = write_file(kept, *now, ""); !done) return done;
  }
  return {};
}

bool PostfixUndo::lacks_line_end(std::string const& file) const {
  auto const now = contents_of(directory_ + "/" + file);
  return now && !now->empty() && now->back() != '\n';
}

Result<void> PostfixUndo::add_line_end(std::string const& file) const {
  auto const path = directory_ + "/" + file;
  auto const now = contents_of(path);
  if (!now) return cannot("read", path);
  return write_file(path, *now + '\n', path);
}

void PostfixUndo::drop_outdated_copies() const {
  for (auto const* file : files)
    if (!is_untouched(file)) ::unlink(fmt::format("{}/{}.before", place_, file).c_str());
}

Result<void> PostfixUndo::keep_after(UndoRecord const& record) const {
  for (auto const* file : files) {
    auto const now = contents_of(directory_ + "/" + file);
    if (!now) return cannot("read", directory_ + "/" + file);
    if (auto done = write_file(fmt::format("{}/{}.after", place_, file), *now, ""); !done)
      return done;
  }
  nlohmann::ordered_json json{{"mode", record.mode}, {"services", record.services}};
  json["parameters"] = nlohmann::ordered_json::array();
  for (auto const& [name, before, after] : record.parameters) {
    nlohmann::ordered_json one{{"name", name}, {"before", nullptr}, {"after", after}};
    if (before) one["before"] = *before;
    json["parameters"].push_back(std::move(one));
  }
  auto const text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return write_file(place_ + "/record.json", text + "\n", "");
}

bool PostfixUndo::is_untouched(std::string const& file) const {
  auto const left = contents_of(fmt::format("{}/{}.after", place_, file));
  auto const before = contents_of(fmt::format("{}/{}.before", place_, file));
  return left && before && left == contents_of(directory_ + "/" + file);
}

Result<void> PostfixUndo::restore(std::string const& file) const {
  auto const before = contents_of(fmt::format("{}/{}.before", place_, file));
  if (!before) return cannot("read", fmt::format("{}/{}.before", place_, file));
  return write_file(directory_ + "/" + file, *before, directory_ + "/" + file);
}

void PostfixUndo::forget() const {
  std::error_code ignored;
  fs::remove_all(place_, ignored);
}

}  // namespace mailpool::poolctl
