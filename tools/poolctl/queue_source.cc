#include "poolctl/queue_source.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/base/text.h"
#include "poolctl/sendmail_config.h"

namespace mailpool::poolctl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_control_file = std::size_t{1} << 20U;

std::string contents_up_to(fs::path const& path, std::size_t most) {
  std::ifstream in(path, std::ios::binary);
  std::string text(most, '\0');
  in.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

// "/var/spool/mqueue/q*": each directory of that name.
void add_directories(std::set<fs::path>& all, std::string const& pattern) {
  std::error_code error;
  if (!pattern.ends_with('*')) {
    all.insert(pattern);
    return;
  }
  auto const slash = pattern.rfind('/');
  auto const beginning = pattern.substr(slash + 1, pattern.size() - slash - 2);
  for (auto const& entry : fs::directory_iterator(pattern.substr(0, slash), error))
    if (entry.is_directory(error) && entry.path().filename().string().starts_with(beginning))
      all.insert(entry.path());
}

std::set<fs::path> directories_of(SendmailConfig const& config) {
  std::set<fs::path> all;
  add_directories(all, config.option("QueueDirectory", "/var/spool/mqueue"));
  for (auto const& [name, group] : config.queue_groups)
    if (auto const path = group.find('P'); path != group.end()) add_directories(all, path->second);
  return all;
}

// qf files lie in the directory itself, or in qf/ of it.
Result<void> read_directory(fs::path const& directory, QueueRead& read,
                            EntryVisitor const& visitor) {
  std::error_code error;
  auto const inner = directory / "qf";
  auto file = fs::directory_iterator(fs::is_directory(inner, error) ? inner : directory, error);
  if (error) return failed(fmt::format("{}: {}", directory.string(), error.message()));
  for (; file != fs::directory_iterator(); file.increment(error)) {
    if (error) break;
    auto const name = file->path().filename().string();
    if (!name.starts_with("qf") || !file->is_regular_file(error)) continue;
    auto const entry = read_control_file(name, contents_up_to(file->path(), most_control_file));
    ++(entry ? read.entries : read.unreadable);
    if (entry) visitor(*entry);
  }
  return {};
}

}  // namespace

Result<QueueRead> read_postfix_queue(CommandRunner& runner, std::string const& directory,
                                     EntryVisitor const& visitor) {
  std::vector<std::string> words{"postqueue"};
  if (!directory.empty()) words.insert(words.end(), {"-c", directory});
  words.emplace_back("-j");
  QueueRead read;
  auto const result = runner.stream(words, [&](std::string_view line) {
    if (trimmed(line).empty()) return;
    auto const entry = read_queue_line(line);
    ++(entry ? read.entries : read.unreadable);
    if (entry) visitor(*entry);
  });
  if (result.exit_code == 127) return failed("postqueue could not be run");
  if (result.exit_code != 0)
    return failed(fmt::format("{}: {}", quoted(words), trimmed(result.errors)));
  return read;
}

Result<QueueRead> read_sendmail_queue(std::string const& config, EntryVisitor const& visitor) {
  auto const text = contents_up_to(config, std::size_t{4} << 20U);
  if (text.empty()) return failed(fmt::format("{} cannot be read", config));
  QueueRead read;
  for (auto const& directory : directories_of(read_sendmail_cf(text)))
    if (auto const done = read_directory(directory, read, visitor); !done)
      return failed(done.error().reason);
  return read;
}

}  // namespace mailpool::poolctl
