#include "manager/imap_access.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

// Whether the kernel lets this user connect to a socket of this mode that is ours.
bool can_open(uid_t uid, std::uint32_t mode, gid_t group) {
  if (uid == 0 || (mode & S_IWOTH) != 0) return true;
  if (uid == ::geteuid()) return (mode & S_IWUSR) != 0;
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return false;
  std::array<gid_t, 1024> groups{};
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) return true;
  bool const is_member =
      std::find(groups.begin(), groups.begin() + count, group) != groups.begin() + count;
  return is_member && (mode & S_IWGRP) != 0;
}

gid_t group_of(std::string const& name) {
  std::array<char, 65536> buffer{};
  group entry{};
  group* found = nullptr;
  if (name.empty() ||
      ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr)
    return ::getegid();
  return entry.gr_gid;
}

void note_kept_out(std::vector<std::string>& to, std::string const& title,
                   std::vector<std::string> const& allowed_users, ImapSettings const& rights) {
  auto const group = group_of(rights.socket_group);
  for (auto const& name : allowed_users)
    for (auto const uid : look_up_users({name}, title).uids)
      if (!can_open(uid, rights.socket_mode, group))
        to.push_back(fmt::format(
            "{} allow_users: {} cannot open the socket (socket_mode {:04o}{}); without socket_mode "
            "every user of allow_users can",
            title, name, rights.socket_mode,
            rights.socket_group.empty() ? "" : ", socket_group " + rights.socket_group));
}

bool is_on_unix(std::vector<std::string> const& places) {
  return std::any_of(places.begin(), places.end(),
                     [](auto const& place) { return place.starts_with('/'); });
}

}  // namespace

std::vector<std::string> users_kept_out(Settings const& settings) {
  std::vector<std::string> out;
  for (auto const& [name, profile] : settings.imap) {
    auto const title = fmt::format("[imap.{}]", name);
    if (is_on_unix(profile.listen)) note_kept_out(out, title, profile.allow_users, profile);
    if (profile.account.is_configured())
      note_kept_out(out, fmt::format("[imap.{}.account]", name), profile.account.allow_users,
                    profile);
  }
  auto const& dynamic = settings.imap_dynamic;
  if (!dynamic.listen.empty()) note_kept_out(out, "[imap_dynamic]", dynamic.allow_users, dynamic);
  return out;
}

void read_imap_access(Configuration& configuration) {
  auto& warnings = configuration.warnings;
  for (auto& warning : users_kept_out(configuration.settings))
    warnings.push_back(std::move(warning));
  for (auto const& [name, profile] : configuration.settings.imap) {
    auto& access = configuration.imap_access[name];
    access.users =
        allowed(profile.allow_users, fmt::format("[imap.{}] allow_users", name), warnings);
    auto const& account = profile.account;
    if (!account.is_configured()) continue;
    auto const title = fmt::format("[imap.{}.account]", name);
    access.account_users = allowed(account.allow_users, title + " allow_users", warnings);
    if (!account.password_file.empty())
      access.account_password =
          read_password(account.password_file, title + " password_file", warnings);
  }
  if (!configuration.settings.imap_dynamic.listen.empty())
    configuration.imap_dynamic_users = allowed(configuration.settings.imap_dynamic.allow_users,
                                               "[imap_dynamic] allow_users", warnings);
}

}  // namespace mailpool::manager
