#include "manager/service_sandbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "core/base/text.h"
#include "posix/paths.h"
#include "posix/small_file.h"

namespace mailpool::manager {
namespace {

namespace fs = std::filesystem;

// Where units lie, the most particular first (systemd.unit(5)).
constexpr std::array<char const*, 4> unit_directories{
    "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
constexpr auto unit_name = "mailpool.service";

constexpr std::size_t longest_unit = 256U << 10U;  // octets

using posix::lies_below;

std::string text_of(fs::path const& path) {
  return posix::read_small_file(path, longest_unit).value_or(std::string());
}

// Of drop-ins with one name the first directory's counts; the others by name.
std::map<std::string, fs::path> drop_ins() {
  std::map<std::string, fs::path> found;
  for (auto const* directory : unit_directories) {
    std::error_code error;
    auto const place = fs::path(directory) / (std::string(unit_name) + ".d");
    for (fs::directory_iterator it(place, error), end; !error && it != end; it.increment(error))
      if (it->path().extension() == ".conf")
        found.emplace(it->path().filename().string(), it->path());
  }
  return found;
}

}  // namespace

ServiceSandbox::ServiceSandbox(std::string_view unit) {
  for (auto line : split(unit, '\n')) {
    auto const equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with('#') || line.starts_with(';'))
      continue;
    take(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
  }
  for (auto const* always : {"/tmp", "/var/tmp", "/dev", "/proc"}) writable_.emplace_back(always);
}

void ServiceSandbox::take(std::string_view key, std::string_view value) {
  auto add_below = [&](std::string_view top) {
    for (auto name : split(value, ' '))
      if (!name.empty()) writable_.push_back(fmt::format("{}/{}", top, name));
  };
  if (key == "User") user_ = value;
  if (key == "ProtectSystem") protect_system_ = value;
  if (key == "ProtectHome") hides_homes_ = value == "yes" || value == "true" || value == "tmpfs";
  if (key == "StateDirectory") add_below("/var/lib");
  if (key == "LogsDirectory") add_below("/var/log");
  if (key == "CacheDirectory") add_below("/var/cache");
  if (key == "RuntimeDirectory") add_below("/run");
  if (key == "ReadWritePaths")
    for (auto name : split(value, ' '))
      if (auto const path = name.find('/'); path != std::string_view::npos)
        writable_.emplace_back(name.substr(path));  // "-" before it: where it exists
}

std::optional<ServiceSandbox> ServiceSandbox::of_this_machine() {
  for (auto const* directory : unit_directories) {
    auto text = text_of(fs::path(directory) / unit_name);
    if (text.empty()) continue;
    for (auto const& [name, path] : drop_ins()) text += "\n" + text_of(path);
    return ServiceSandbox(text);
  }
  return std::nullopt;
}

std::string ServiceSandbox::why_not_writable(std::string const& path) const {
  if (auto hidden = why_not_visible(path); !hidden.empty()) return hidden;
  bool const is_writable =
      std::any_of(writable_.begin(), writable_.end(),
                  [&](auto const& directory) { return lies_below(path, directory); });
  if (is_writable || protect_system_ == "no" || protect_system_ == "false" ||
      protect_system_.empty())
    return {};
  bool const is_guarded = protect_system_ == "strict" || lies_below(path, "/usr") ||
                          lies_below(path, "/boot") || lies_below(path, "/etc");
  if (!is_guarded) return {};
  return fmt::format(
      "the service may not write there (ProtectSystem={}); right would be a path below "
      "/var/log/mailpool or /var/lib/mailpool, or ReadWritePaths= in: systemctl edit mailpool",
      protect_system_);
}

std::string ServiceSandbox::why_not_visible(std::string const& path) const {
  if (!hides_homes_) return {};
  for (auto const* home : {"/home", "/root", "/run/user"})
    if (lies_below(path, home))
      return fmt::format(
          "the service sees nothing below {} (ProtectHome=); right would be a path below "
          "/etc/mailpool",
          home);
  return {};
}

}  // namespace mailpool::manager
