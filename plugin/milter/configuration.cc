#include "milter/configuration.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/config/load.h"
#include "posix/small_file.h"

namespace mailpool::milter {
namespace {

constexpr std::size_t most_octets_of_keys = 16384;

void read_keys(Configuration& c, std::string const& credentials) {
  std::error_code error;
  auto path = credentials.empty() ? std::string() : credentials + "/seal.key";
  if (path.empty() || !std::filesystem::exists(path, error)) path = c.settings.milter.key_file;
  auto const without = [&](std::string const& why) {
    c.warnings.push_back(
        fmt::format("{}: no tenant is handed on to mailpoold ([milter] key_file)", why));
  };
  if (path.empty()) return without("there is no key");
  auto const text = posix::read_small_file(path, most_octets_of_keys);
  if (!text) return without(path + ": cannot be read: " + text.error().reason);
  auto keys = SealKeys::parse(*text);
  if (!keys) return without(path + ": " + keys.error().reason);
  c.keys = std::move(*keys);
}

}  // namespace

std::string socket_place(Settings const& settings) {
  if (!settings.milter.listen.empty()) return settings.milter.listen;
  std::filesystem::path const map = settings.postfix.map;
  std::error_code error;
  auto const queue_directory = map.parent_path().parent_path();
  if (!map.empty() && std::filesystem::is_directory(queue_directory / "pid", error))
    return queue_directory / "mailpool-milter/milter.sock";
  return "/run/mailpool-milter/milter.sock";
}

Configuration read_configuration(std::string const& path, std::string const& credentials) {
  Configuration c;
  auto const text = posix::read_small_file(path, most_octets_of_configuration + 1);
  if (!text) {
    c.mistakes.push_back(path + ": cannot be read: " + text.error().reason);
    return c;
  }
  auto loaded = load_settings(*text, path);
  for (auto const& mistake : loaded.mistakes) c.mistakes.push_back(mistake.to_line());
  if (!c.mistakes.empty()) return c;
  c.settings = std::move(loaded.settings);
  c.listen = socket_place(c.settings);
  read_keys(c, credentials);
  return c;
}

}  // namespace mailpool::milter
