#pragma once
// User names of the configuration, looked up once; never on the loop's path, since a name service
// may be slow.

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace mailpool::manager {

struct Users {
  std::set<uid_t> uids;
  std::map<uid_t, std::string> names;  ///< of those that were written as names
  std::vector<std::string> warnings;   ///< a name that does not exist is only a warning
};

/// `option` is named in the warnings: "[lmtp] allow_users". A number stands for itself.
[[nodiscard]] Users look_up_users(std::vector<std::string> const& names, std::string const& option);

}  // namespace mailpool::manager
