#include "milter/manager_link.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/text.h"
#include "posix/error_words.h"
#include "posix/unix_socket.h"

namespace mailpool::milter {
namespace {

constexpr auto no_answer = "mailpoold did not answer within [milter] deadline";

}  // namespace

void ManagerLink::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

bool ManagerLink::wait_for(short what, Deadline deadline) const {
  while (true) {
    auto const left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) return false;
    auto const ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    timespec const timeout{static_cast<time_t>(ns / 1'000'000'000),
                           static_cast<long>(ns % 1'000'000'000)};
    pollfd wanted{fd_, what, 0};
    int const ready = ::ppoll(&wanted, 1, &timeout, nullptr);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Result<void> ManagerLink::connect(std::string const& path, Deadline deadline) {
  close();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failed(path + ": the path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return failed("no socket: " + posix::why(errno));
  // A Unix socket connects at once or not at all: EAGAIN means that its backlog is full.
  if (::connect(fd_, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0 &&
      std::chrono::steady_clock::now() < deadline)
    return {};
  auto reason = fmt::format("{}: {}", path, posix::why(errno));
  close();
  return failed(std::move(reason));
}

Result<admission::Answer> ManagerLink::ask(admission::Question const& question, Deadline deadline) {
  auto const sent = write(admission::to_octets(question), deadline);
  auto const frame = sent ? read_frame(deadline) : failed(sent.error().reason);
  auto answer = frame ? admission::parse_answer(*frame) : tl::make_unexpected(frame.error());
  if (answer && answer->id != question.id) answer = failed("mailpoold answered another question");
  if (!answer) close();
  return answer;
}

Result<void> ManagerLink::write(std::string_view octets, Deadline deadline) {
  while (!octets.empty()) {
    auto const n = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(n));
    } else if (!posix::would_block(errno)) {
      return failed("mailpoold hung up: " + posix::why(errno));
    } else if (!wait_for(POLLOUT, deadline)) {
      return failed(no_answer);
    }
  }
  return {};
}

Result<std::string> ManagerLink::read_frame(Deadline deadline) {
  std::string octets;
  while (true) {
    if (!wait_for(POLLIN, deadline)) return failed(no_answer);
    std::array<char, admission::header_size + admission::most_payload> piece;
    auto const n = ::recv(fd_, piece.data(), piece.size(), 0);
    if (n == 0) return failed("mailpoold hung up");
    if (n < 0 && !posix::would_block(errno))
      return failed("mailpoold hung up: " + posix::why(errno));
    if (n > 0) octets.append(piece.data(), static_cast<std::size_t>(n));
    // Who may not connect is told so in words, as a line of JSON.
    if (!octets.empty() && octets.front() == '{')
      return failed("mailpoold said: " + printable(trimmed(octets), 256));
    auto const size = admission::frame_size(octets);
    if (!size) return tl::make_unexpected(size.error());
    if (*size && octets.size() > **size) return failed("mailpoold said more than it was asked");
    if (*size && octets.size() == **size) return octets;
  }
}

}  // namespace mailpool::milter
