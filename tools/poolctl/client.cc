#include "poolctl/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "core/config/settings.h"
#include "poolctl/service_state.h"

namespace mailpool::poolctl {
namespace {

constexpr time_t patience = 75;
// After so long without an answer systemd is asked whether mailpoold runs at all: it holds the
// socket, so that connecting works in any case.
constexpr int first_patience_ms = 700;
constexpr std::size_t longest_answer = 64U << 20U;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(Socket const&) = delete;
  Socket& operator=(Socket const&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

Reply away(std::string const& path, std::string_view why) {
  return {Reply::Kind::Away, fmt::format("{}: mailpoold does not answer: {}", path, why)};
}

Reply away(std::string const& path, int error) {
  switch (error) {
    case ENOENT:
      return away(path, "there is no such socket; is it running? (systemctl status mailpool)");
    case ECONNREFUSED:
      return away(path, "nobody listens there; is it running? (systemctl status mailpool)");
    case EACCES:
      return away(path, "this user may not use the socket; try as root");
    case EAGAIN:
      return away(path, "it took too long");
    default:
      return away(path, std::strerror(error));
  }
}

// The manager may have answered (a refusal) and hung up before it read anything; so a failed write
// is no reason not to read.
void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto const n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Up to the line end, without it; errno is 0 where the other end hung up before.
bool read_line(int fd, std::string& line) {
  auto const piece = std::make_unique<char[]>(65536);
  while (line.size() < longest_answer) {
    auto const n = ::recv(fd, piece.get(), 65536, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = 0;
    if (n <= 0) return false;
    line.append(piece.get(), static_cast<std::size_t>(n));
    if (line.back() == '\n') {
      line.pop_back();
      return true;
    }
  }
  errno = EMSGSIZE;
  return false;
}

// systemd knows only the socket of the unit.
std::string asked_of_systemd(std::string const& path) {
  if (path != ControlSettings{}.listen) return {};
  SystemCommands commands;
  return why_it_does_not_run(commands);
}

bool has_answered(int fd, int within_ms) {
  pollfd wanted{fd, POLLIN, 0};
  return ::poll(&wanted, 1, within_ms) != 0;
}

}  // namespace

Reply ask(std::string const& path, control::Request const& request) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return away(path, "the path is too long for a Unix socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  Socket const socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return away(path, errno);
  timeval const limit{patience, 0};
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(socket.fd(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0) {
    auto const error = errno;
    if (auto const why = asked_of_systemd(path); error != EACCES && !why.empty())
      return {Reply::Kind::Away, why};
    return away(path, error);
  }
  send_all(socket.fd(), control::to_line(request));
  if (!has_answered(socket.fd(), first_patience_ms))
    if (auto const why = asked_of_systemd(path); !why.empty()) return {Reply::Kind::Away, why};
  std::string line;
  if (!read_line(socket.fd(), line))
    return errno == 0 || errno == ECONNRESET ? away(path, "it hung up without an answer")
                                             : away(path, errno);
  auto const answer = control::parse_answer(line);
  if (!answer) return away(path, answer.error().reason);
  return {answer->is_refused ? Reply::Kind::Refused : Reply::Kind::Done, answer->text};
}

}  // namespace mailpool::poolctl
