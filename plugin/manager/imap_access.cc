#include "manager/imap_access.h"

#include <fmt/format.h>

#include <utility>

#include "manager/secret_file.h"

namespace mailpool::manager {
namespace {

// Without it nobody is logged in; what is wrong with the file goes into `warnings`.
Secret read_password(std::string const& path, std::string const& option,
                     std::vector<std::string>& warnings) {
  auto password = read_secret_file(path);
  if (password) return std::move(*password);
  warnings.push_back(fmt::format("{}: {}", option, password.error().reason));
  return {};
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
