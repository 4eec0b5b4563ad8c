#include "manager/unix_listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "posix/descriptor.h"

namespace mailpool::manager {
namespace {

using posix::Descriptor;

std::string why(int error) {
  return std::error_code(error, std::generic_category()).message();
}

tl::unexpected<Error> failed_at(std::string const& path, std::string_view what, int error) {
  return failed(fmt::format("{}: {}: {}", path, what, why(error)));
}

Result<sockaddr_un> address_of(std::string const& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos)
    return failed(fmt::format("\"{}\": a socket needs an absolute path", printable(path)));
  if (path.size() >= sizeof address.sun_path)
    return failed(fmt::format("{}: longer than the {} octets a Unix socket's path may have", path,
                              sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

sockaddr const* generic(sockaddr_un const& address) {
  return reinterpret_cast<sockaddr const*>(&address);
}

Result<int> take_lock(std::string const& path) {
  auto const name = path + ".lock";
  Descriptor lock(::open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (lock.get() < 0) return failed_at(name, "cannot open the socket's lock", errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock.release();
  if (errno == EWOULDBLOCK)
    return failed(
        fmt::format("{}: another mailpoold is using this socket (it holds {})", path, name));
  return failed_at(name, "cannot lock", errno);
}

// The lock only keeps other managers away; systemd, or a program of another name, may be listening
// without it.
Result<bool> is_alive(sockaddr_un const& address) {
  Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe.get() < 0) return failed_at(address.sun_path, "cannot make a socket", errno);
  if (::connect(probe.get(), generic(address), sizeof address) == 0) return true;
  if (errno == ECONNREFUSED || errno == ENOENT) return false;
  if (errno == EAGAIN) return true;  // its backlog is full
  return failed_at(address.sun_path, "cannot tell whether somebody is listening", errno);
}

Result<void> remove_stale(sockaddr_un const& address) {
  struct stat found {};
  if (::lstat(address.sun_path, &found) != 0)
    return errno == ENOENT ? Result<void>{}
                           : failed_at(address.sun_path, "cannot look at it", errno);
  if (!S_ISSOCK(found.st_mode))
    return failed(
        fmt::format("{}: exists and is not a socket; it is left alone", address.sun_path));
  auto const alive = is_alive(address);
  if (!alive) return tl::make_unexpected(alive.error());
  if (*alive)
    return failed(fmt::format("{}: somebody is listening there already", address.sun_path));
  if (::unlink(address.sun_path) != 0 && errno != ENOENT)
    return failed_at(address.sun_path, "cannot remove the stale socket", errno);
  return {};
}

std::optional<gid_t> group_id(std::string const& name) {
  std::vector<char> buffer(1024);
  group entry{};
  group* found = nullptr;
  while (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE &&
         buffer.size() < (1U << 20U))
    buffer.resize(buffer.size() * 2);
  return found != nullptr ? std::optional(found->gr_gid) : std::nullopt;
}

// A group that cannot be given leaves fewer people in, never more: a warning, no error.
std::string give_to_group(std::string const& path, std::string const& group) {
  if (group.empty()) return {};
  auto const id = group_id(group);
  if (!id)
    return fmt::format("{}: there is no group \"{}\"; the socket keeps the manager's own group",
                       path, group);
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), *id) == 0) return {};
  return fmt::format("{}: cannot give the socket to group \"{}\": {}", path, group, why(errno));
}

}  // namespace

UnixListener::~UnixListener() {
  close();
}

UnixListener::UnixListener(UnixListener&& other) noexcept {
  *this = std::move(other);
}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  lock_ = std::exchange(other.lock_, -1);
  device_ = other.device_;
  inode_ = other.inode_;
  path_ = std::move(other.path_);
  warning_ = std::move(other.warning_);
  return *this;
}

void UnixListener::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (lock_ < 0) return;
  // The file under this name may be a successor's by now.
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_)
    ::unlink(path_.c_str());
  ::close(std::exchange(lock_, -1));  // PATH.lock stays: removing a lock file lets two owners in
}

Result<UnixListener> UnixListener::adopt(int fd) {
  int domain = 0;
  int type = 0;
  int listens = 0;
  socklen_t size = sizeof(int);
  auto is = [&](int option, int& value) {
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0;
  };
  if (!is(SO_DOMAIN, domain) || !is(SO_TYPE, type) || !is(SO_ACCEPTCONN, listens))
    return failed(fmt::format("file descriptor {}: no socket: {}", fd, why(errno)));
  if (domain != AF_UNIX || type != SOCK_STREAM || listens == 0)
    return failed(fmt::format("file descriptor {}: not a listening Unix stream socket", fd));
  int const flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return failed(fmt::format("file descriptor {}: {}", fd, why(errno)));
  UnixListener listener;
  listener.fd_ = fd;
  sockaddr_un address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
      address.sun_path[0] == '/')
    listener.path_.assign(address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path));
  return listener;
}

Result<UnixListener> listen_unix(std::string const& path, mode_t mode, std::string const& group,
                                 int backlog) {
  auto const address = address_of(path);
  if (!address) return tl::make_unexpected(address.error());
  auto const lock = take_lock(path);
  if (!lock) return tl::make_unexpected(lock.error());
  Descriptor held(*lock);
  if (auto done = remove_stale(*address); !done) return tl::make_unexpected(done.error());

  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return failed_at(path, "cannot make a socket", errno);
  if (::bind(socket.get(), generic(*address), sizeof *address) != 0)
    return failed_at(path, "cannot bind", errno);
  UnixListener listener;
  listener.path_ = path;
  listener.lock_ = held.release();
  struct stat made {};
  if (::lstat(path.c_str(), &made) != 0)
    return failed_at(path, "cannot look at the new socket", errno);
  listener.device_ = made.st_dev;
  listener.inode_ = made.st_ino;
  // Until listen() nobody can connect, so the rights are right before the first client is.
  listener.warning_ = give_to_group(path, group);
  if (::chmod(path.c_str(), mode) != 0) return failed_at(path, "cannot set the mode", errno);
  if (::listen(socket.get(), backlog) != 0) return failed_at(path, "cannot listen", errno);
  listener.fd_ = socket.release();
  return listener;
}

Result<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
      size != sizeof credentials)
    return failed(fmt::format("cannot tell who is at the other end: {}", why(errno)));
  return Peer{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace mailpool::manager
