// What `poolctl check` sees by itself: the socket and the way to it.

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "poolctl/command.h"
#include "poolctl/postfix_rows.h"
#include "poolctl/sendmail_rows.h"

namespace mailpool::poolctl {
namespace {

using control::Finding;
using Level = control::Finding::Level;

Finding found(Level level, std::string text, std::string mend = {}) {
  return {level, "socket", std::move(text), std::move(mend)};
}

Finding missing(std::string const& path, int error) {
  if (error == ENOENT)
    return found(
        Level::Mistake,
        path + " does not exist: mailpoold is not running, or [control] listen is another path",
        "systemctl start mailpool");
  if (error == EACCES)
    return found(Level::Mistake, path + " cannot be reached by this user",
                 "run poolctl as root, or see [control] read_users");
  return found(Level::Mistake, fmt::format("{}: {}", path, std::strerror(error)));
}

}  // namespace

std::vector<Finding> check_socket(std::string const& path) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return {missing(path, errno)};
  if (!S_ISSOCK(file.st_mode))
    return {found(Level::Mistake, path + " is not a socket",
                  "look what it is, then remove it and restart mailpool")};
  std::vector<Finding> findings;
  if ((file.st_mode & S_IWOTH) != 0)
    findings.push_back(found(
        Level::Warning,
        fmt::format("{} may be connected to by every user; the manager turns strangers away", path),
        "chmod 0660 " + path));
  auto const directory = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  struct stat around {};
  if (::stat(directory.c_str(), &around) == 0 && (around.st_mode & S_IWOTH) != 0 &&
      (around.st_mode & S_ISVTX) == 0)
    findings.push_back(found(
        Level::Mistake, directory + " can be written by every user, who could replace the socket",
        "chmod o-w " + directory));
  if (findings.empty())
    findings.push_back(
        found(Level::Good, path + " is a socket that only its user and group reach"));
  return findings;
}

std::vector<LocalCheck> local_checks() {
  return {check_postfix, check_sendmail};
}

}  // namespace mailpool::poolctl
