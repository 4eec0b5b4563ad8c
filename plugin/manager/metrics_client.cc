#include "manager/metrics_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "core/control/request.h"
#include "posix/unix_socket.h"

namespace mailpool::manager {
namespace {

constexpr Duration whole_scrape = std::chrono::seconds(10);
constexpr std::size_t longest_head = 8192;

}  // namespace

MetricsClient::MetricsClient(MetricsServer& server, int fd)
    : server_(server),
      fd_(fd),
      read_event_(
          server.loop_.make_event(fd, EV_READ | EV_PERSIST, &MetricsClient::on_readable, this)),
      write_event_(
          server.loop_.make_event(fd, EV_WRITE | EV_PERSIST, &MetricsClient::on_writable, this)),
      timer_(server.loop_.make_event(-1, 0, &MetricsClient::on_timer, this)) {
  event_add(read_event_.get(), nullptr);
  Loop::arm(timer_.get(), whole_scrape);
}

MetricsClient::~MetricsClient() {
  close();
}

void MetricsClient::on_readable(evutil_socket_t, short, void* self) {
  static_cast<MetricsClient*>(self)->read();
}
void MetricsClient::on_writable(evutil_socket_t, short, void* self) {
  static_cast<MetricsClient*>(self)->write();
}
void MetricsClient::on_timer(evutil_socket_t, short, void* self) {
  static_cast<MetricsClient*>(self)->close();
}

void MetricsClient::read() {
  std::array<char, 4096> piece;
  auto const n = ::recv(fd_, piece.data(), piece.size(), 0);
  if (n < 0 && posix::would_block(errno)) return;
  if (n <= 0) return close();
  if (!output_.empty()) return;  // a body, or a second request: not listened to
  head_.append(piece.data(), static_cast<std::size_t>(n));
  auto const is_whole =
      head_.find("\r\n\r\n") != std::string::npos || head_.find("\n\n") != std::string::npos;
  if (head_.size() > longest_head) return answer({});
  if (is_whole) answer(control::read_http_head(head_));
}

void MetricsClient::answer(control::HttpRequest request) {
  bool const is_figures =
      request.want == control::HttpWant::Metrics || request.want == control::HttpWant::MetricsHead;
  output_ =
      control::http_answer(request, is_figures ? server_.page(request.format) : std::string());
  head_ = {};
  event_add(write_event_.get(), nullptr);
  write();
}

void MetricsClient::write() {
  while (written_ < output_.size()) {
    auto const n = ::send(fd_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (n < 0 && posix::would_block(errno)) return;
    if (n < 0) return close();
    written_ += static_cast<std::size_t>(n);
  }
  // Not closed yet: unread input would turn the close into a reset, which may overtake the answer.
  event_del(write_event_.get());
  ::shutdown(fd_, SHUT_WR);
}

void MetricsClient::close() {
  if (is_closed()) return;
  read_event_.reset();
  write_event_.reset();
  timer_.reset();
  ::close(std::exchange(fd_, -1));
  event_active(server_.sweep_event_.get(), EV_TIMEOUT, 0);
}

}  // namespace mailpool::manager
