#include "manager/imap_access.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mailpool::manager {
namespace {

// The first line of a regular file; what is wrong with it goes into `warnings`.
Secret read_password(std::string const& path, std::string const& option,
                     std::vector<std::string>& warnings) {
  auto complain = [&](std::string_view what) {
    warnings.push_back(fmt::format("{}: {}: {}", option, path, what));
  };
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) {
    complain(std::strerror(errno));
    if (fd >= 0) ::close(fd);
    return {};
  }
  std::array<char, 4096> text{};
  auto const n = S_ISREG(facts.st_mode) ? ::read(fd, text.data(), text.size()) : -1;
  ::close(fd);
  if (n < 0) complain("cannot be read");
  if ((facts.st_mode & S_IROTH) != 0) complain("everybody on this machine can read it");
  std::string_view line(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  line = line.substr(0, line.find_first_of("\r\n"));
  if (n >= 0 && line.empty()) complain("its first line is empty");
  Secret password(line);
  wipe(text.data(), text.size());
  return password;
}

std::set<uid_t> allowed(std::vector<std::string> const& names, std::string const& option,
                        std::vector<std::string>& warnings) {
  auto users = look_up_users(names, option);
  warnings.insert(warnings.end(), users.warnings.begin(), users.warnings.end());
  return std::move(users.uids);
}

}  // namespace

void read_imap_access(Configuration& configuration) {
  auto& warnings = configuration.warnings;
  for (auto const& [name, profile] : configuration.settings.imap) {
    auto& access = configuration.imap_access[name];
    access.users =
        allowed(profile.allow_users, fmt::format("[imap.{}] allow_users", name), warnings);
    auto const& account = profile.account;
    if (!account.is_configured()) continue;
    auto const title = fmt::format("[imap.{}.account]", name);
    access.account_users = allowed(account.allow_users, title + " allow_users", warnings);
    access.account_password =
        read_password(account.password_file, title + " password_file", warnings);
  }
  if (!configuration.settings.imap_dynamic.listen.empty())
    configuration.imap_dynamic_users = allowed(configuration.settings.imap_dynamic.allow_users,
                                               "[imap_dynamic] allow_users", warnings);
}

}  // namespace mailpool::manager
