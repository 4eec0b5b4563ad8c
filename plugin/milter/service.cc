#include "milter/service.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "milter/callbacks.h"
#include "posix/error_words.h"

namespace mailpool::milter {
namespace {

constexpr int backlog = 1024;
// Longer than an SMTP client may be silent between two messages of a session (Sendmail: an hour).
constexpr int seconds_of_silence = 7210;
constexpr mode_t socket_mode = 0660;

// libmilter removes what it finds in the place of its socket; another milter's must stay.
bool is_alive(std::string const& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool const alive =
      ::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0 ||
      errno == EAGAIN;
  ::close(fd);
  return alive;
}

Result<void> open_socket(std::string const& socket) {
  if (is_alive(socket)) return failed(socket + ": somebody is listening there already");
  auto const where = "local:" + socket;
  // The group comes from the directory; until the mode is right, nobody but the owner gets in.
  auto const mask_before = ::umask(0177);
  bool const is_open = smfi_setconn(const_cast<char*>(where.c_str())) == MI_SUCCESS &&
                       smfi_setbacklog(backlog) == MI_SUCCESS &&
                       smfi_opensocket(true) == MI_SUCCESS;
  int const error = errno;
  ::umask(mask_before);
  if (!is_open) return failed(fmt::format("{}: cannot listen: {}", socket, posix::why(error)));
  if (::chmod(socket.c_str(), socket_mode) != 0)
    return failed(fmt::format("{}: cannot set the mode: {}", socket, posix::why(errno)));
  return {};
}

}  // namespace

Result<void> serve(std::string const& socket, Shared const& shared, Gate& gate, Log& log) {
  set_service(shared, gate);
  if (smfi_register(description()) != MI_SUCCESS) return failed("libmilter takes no callbacks");
  smfi_settimeout(seconds_of_silence);
  if (auto opened = open_socket(socket); !opened) return opened;
  log.info(fmt::format("mailpool-milter {} started: socket={} tenants={}", MAILPOOL_VERSION, socket,
                       shared.keys ? "sealed" : "not handed on"));
  sd_notify(0, "READY=1");
  bool const is_good = smfi_main() == MI_SUCCESS;
  ::unlink(socket.c_str());
  if (!is_good) return failed("libmilter gave up");
  log.info("stopped");
  return {};
}

}  // namespace mailpool::milter
