#include "milter/configuration.h"

#include <fmt/format.h>

#include <filesystem>

#include "posix/seal_key.h"
#include "posix/settings_file.h"

namespace mailpool::milter {
std::string socket_place(Settings const& settings) {
  if (!settings.milter.listen.empty()) return settings.milter.listen;
  std::filesystem::path const map = settings.postfix.map;
  std::error_code error;
  auto const queue_directory = map.parent_path().parent_path();
  if (!map.empty() && std::filesystem::is_directory(queue_directory / "pid", error))
    return queue_directory / "mailpool-milter/milter.sock";
  return "/run/mailpool-milter/milter.sock";
}

Configuration read_configuration(std::string const& path) {
  Configuration c;
  auto loaded = posix::load_settings_file(path);
  for (auto const& mistake : loaded.mistakes) c.mistakes.push_back(mistake.to_line());
  if (!c.mistakes.empty()) return c;
  c.settings = std::move(loaded.settings);
  c.listen = socket_place(c.settings);
  if (auto keys = posix::read_seal_keys(c.settings.milter.key_file))
    c.keys = std::move(*keys);
  else
    c.warnings.push_back(fmt::format("{}: no tenant is handed on to mailpoold ([milter] key_file)",
                                     keys.error().reason));
  return c;
}

}  // namespace mailpool::milter
