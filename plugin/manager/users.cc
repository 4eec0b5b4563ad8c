#include "manager/users.h"

#include <fmt/format.h>
#include <pwd.h>

#include <cerrno>
#include <cstring>

#include "core/base/user_id.h"

namespace mailpool::manager {

Users look_up_users(std::vector<std::string> const& names, std::string const& option) {
  Users users;
  std::vector<char> buffer(16384);
  for (auto const& name : names) {
    if (auto const number = to_user_id(name)) {
      users.uids.insert(*number);
      continue;
    }
    passwd entry{};
    passwd* found = nullptr;
    int const error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found != nullptr) {
      users.uids.insert(found->pw_uid);
      users.names.emplace(found->pw_uid, name);
    } else {
      users.warnings.push_back(
          fmt::format("{}: there is no user \"{}\"{}", option, name,
                      error == 0 ? std::string() : fmt::format(" ({})", std::strerror(error))));
    }
  }
  return users;
}

}  // namespace mailpool::manager
