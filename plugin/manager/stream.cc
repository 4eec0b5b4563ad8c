#include "manager/stream.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "posix/shortage.h"
#include "posix/socket_address.h"

namespace mailpool::manager {
namespace {

// One record; so the last octet of a message is offered to TLS as late as possible.
constexpr std::size_t most_per_record = 16'384;
// A fast receiver of a large body must not keep the loop from the others.
constexpr std::size_t most_per_turn = 1U << 20U;

}  // namespace

Stream::Stream(Streams& streams, route::Target const& target, IpAddress const* source,
               delivery::TransportEvents& events, std::string refusal)
    : streams_(streams), events_(&events), socket_(streams.loop(), *this) {
  if (refusal.empty()) {
    connect(target, source);
  } else {
    fail(std::move(refusal));
  }
  wake();
}

Stream::~Stream() {
  close();
}

void Stream::connect(route::Target const& target, IpAddress const* source) {
  int const fd = ::socket(target.address.is_v4() ? AF_INET : AF_INET6,
                          SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_with(errno);
  socket_.own(fd);
  posix::tune(fd);
  sockaddr_storage address{};
  if (source != nullptr) {
    // Without this a source would have no more connections, to all hosts together, than ports.
    posix::bind_without_port(fd);
    auto const length = posix::to_sockaddr(*source, 0, address);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0)
      return fail(fmt::format("cannot send from {} (address of its source): {}",
                              source->to_string(), std::strerror(errno)));
  }
  auto const length = posix::to_sockaddr(target.address, target.port, address);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 && errno != EINPROGRESS)
    return fail_with(errno);
  socket_.want_write(true);
}

IpAddress Stream::local_address() const {
  sockaddr_storage address{};
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (socket_.fd() < 0 || ::getsockname(socket_.fd(), generic, &length) != 0) return {};
  return posix::to_ip(generic).value_or(IpAddress{});
}

bool Stream::is_resuming() const {
  if (!resumption_ || resumption_->has_heard()) return false;
  return phase_ == Phase::Handshake ? resumption_->has_offered()
                                    : resumption_->resumed() != nullptr;
}

void Stream::fail(std::string how) {
  failure_ = std::move(how);
}

void Stream::fail_with(int error) {
  has_no_socket_ = posix::is_shortage(error);
  fail(has_no_socket_ ? posix::shortage_words(error) : std::string(std::strerror(error)));
}

void Stream::wake() {
  if (is_dirty_ || is_closed()) return;
  is_dirty_ = true;
  streams_.is_dirty(*this);
}

void Stream::close() {
  if (events_ == nullptr) return;
  events_ = nullptr;
  if (ssl_ && phase_ == Phase::Tls) (void)SSL_shutdown(ssl_.get());
  resumption_.reset();
  ssl_.reset();
  socket_.close();
  streams_.bury(*this);
}

void Stream::on_socket(short what, TimePoint now) {
  if (ssl_) tls_begin_turn(ssl_.get());
  if (phase_ == Phase::Connecting) {
    if ((what & EV_WRITE) != 0) connected(now);
  } else if (phase_ == Phase::Handshake) {
    shake_hands(now);
  } else {
    if ((what & EV_READ) != 0) read(now);
    if ((what & EV_WRITE) != 0 && !is_closed()) wake();
  }
}

void Stream::on_timer(TimePoint now) {
  if (!is_closed() && events_->deadline() <= now) events_->on_deadline(now);
  wake();
}

void Stream::connected(TimePoint now) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return end(std::strerror(error), now);
  phase_ = Phase::Plain;
  socket_.want_write(false);
  socket_.want_read(true);
  events_->on_connected(now);
  wake();
}

void Stream::read(TimePoint now) {
  if (phase_ == Phase::Tls) return read_tls(now);
  read_plain(now);
}

void Stream::read_plain(TimePoint now) {
  auto& buffer = streams_.buffer;
  auto const n = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
  if (n > 0) {
    events_->on_received({buffer.data(), static_cast<std::size_t>(n)}, now);
    wake();
  } else if (n == 0) {
    end("the server closed the connection", now);
  } else if (errno != EAGAIN && errno != EINTR) {
    end(std::strerror(errno), now);
  }
}

void Stream::read_tls(TimePoint now) {
  // OpenSSL may hold octets that the socket does not show any more: read until it has none, or the
  // turn's share is used up, whereafter the socket still shows what is left.
  while (!is_closed() && phase_ == Phase::Tls) {
    auto const progress = tls_read(ssl_.get(), streams_.buffer.data(), streams_.buffer.size());
    if (progress.step == TlsStep::WantRead) return;
    if (progress.step == TlsStep::WantWrite) return socket_.want_write(true);
    if (progress.step != TlsStep::Done) return end(progress.why, now);
    if (resumption_) resumption_->note_heard();
    events_->on_received({streams_.buffer.data(), progress.octets}, now);
    wake();
  }
}

void Stream::begin_tls(tls::Plan const& plan, std::optional<pool::TlsSessionKey> session) {
  ssl_ = streams_.tls().connection(socket_.fd(), plan);
  records_digest_ = plan.records_digest;
  if (!ssl_) return fail("the TLS options of this connection are not in force any more");
  if (session) resumption_.emplace(streams_.sessions(), ssl_.get(), std::move(*session));
  phase_ = Phase::Handshake;
  wake();
}

void Stream::shake_hands(TimePoint now) {
  auto const progress = tls_handshake(ssl_.get());
  switch (progress.step) {
    case TlsStep::Done:
      return hands_are_shaken(now);
    case TlsStep::WantRead:
      return socket_.want_write(false);
    case TlsStep::WantWrite:
      return socket_.want_write(true);
    case TlsStep::Closed:
    case TlsStep::Failed:
      break;
  }
  events_->on_tls_failed(progress.why, now);
  wake();
}

void Stream::hands_are_shaken(TimePoint now) {
  phase_ = Phase::Tls;
  socket_.want_write(false);
  auto const records = std::exchange(records_digest_, {});
  auto const* const resumed = resumption_ ? resumption_->resumed() : nullptr;
  auto const facts = resumed != nullptr ? resumed_facts(ssl_.get(), resumed->facts)
                                        : tls_facts(ssl_.get(), records, streams_.certificates());
  bool const is_enough = events_->on_tls_established(facts, now);
  if (is_closed()) return;
  if (resumption_ && is_enough) resumption_->keep(facts);
  wake();
  // What arrived with the last flight of the handshake is inside OpenSSL; the socket will not say
  // so.
  if (!is_closed()) read_tls(now);
}

void Stream::flush(TimePoint now) {
  is_dirty_ = false;
  if (is_closed()) return;
  if (!failure_.empty()) {
    auto const how = std::exchange(failure_, {});
    return has_no_socket_ ? events_->on_no_socket(how, now) : end(how, now);
  }
  if (phase_ == Phase::Handshake) shake_hands(now);
  if (!is_closed() && phase_ == Phase::Plain) write_plain(now);
  if (!is_closed() && phase_ == Phase::Tls) write_tls(now);
  if (!is_closed()) socket_.follow(events_->deadline(), now);
}

void Stream::write_plain(TimePoint now) {
  std::size_t sent = 0;
  while (!is_closed()) {
    auto const output = events_->output(now);
    if (output.count == 0) return socket_.want_write(false);
    if (sent >= most_per_turn) return socket_.want_write(true);
    std::array<iovec, 4> pieces{};
    for (std::size_t i = 0; i < output.count; ++i)
      pieces[i] = {const_cast<char*>(output.pieces[i].data()), output.pieces[i].size()};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = output.count;
    auto const n = ::sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return socket_.want_write(true);
      return drain_and_end(std::strerror(errno), now);
    }
    sent += static_cast<std::size_t>(n);
    bool const all = static_cast<std::size_t>(n) == output.size();
    events_->written(static_cast<std::size_t>(n), now);
    if (!all) return socket_.want_write(true);
  }
}

void Stream::write_tls(TimePoint now) {
  auto& gathered = streams_.gathered;
  std::size_t sent = 0;
  while (!is_closed()) {
    auto const output = events_->output(now);
    if (output.count == 0) return socket_.want_write(false);
    if (sent >= most_per_turn) return socket_.want_write(true);
    gathered.clear();
    for (std::size_t i = 0; i < output.count && gathered.size() < most_per_record; ++i)
      gathered.append(output.pieces[i].substr(0, most_per_record - gathered.size()));
    if (gathered.size() == output.size()) events_->offered();
    auto const progress = tls_write(ssl_.get(), gathered);
    if (progress.step == TlsStep::WantWrite) return socket_.want_write(true);
    if (progress.step == TlsStep::WantRead) return socket_.want_write(false);
    if (progress.step != TlsStep::Done) return drain_and_end(progress.why, now);
    sent += progress.octets;
    events_->written(progress.octets, now);
  }
}

// What has arrived already, under TLS as in plain text; 0: nothing more.
std::size_t Stream::read_rest(std::span<char> to) {
  if (phase_ == Phase::Tls) {
    auto const progress = tls_read(ssl_.get(), to.data(), to.size());
    return progress.step == TlsStep::Done ? progress.octets : 0;
  }
  auto const n = ::recv(socket_.fd(), to.data(), to.size(), 0);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void Stream::drain_and_end(std::string const& how, TimePoint now) {
  if (phase_ == Phase::Tls) tls_begin_turn(ssl_.get());
  auto& buffer = streams_.buffer;
  std::size_t heard = 0;  // a reply, not whatever a server has to say
  while (!is_closed() && heard < buffer.size()) {
    auto const n = read_rest(buffer);
    if (n == 0) break;
    heard += n;
    events_->on_received({buffer.data(), n}, now);
  }
  if (!is_closed()) end(how, now);
}

void Stream::end(std::string_view how, TimePoint now) {
  // Whoever listens drops the transport; until then nothing more is read or written.
  socket_.want_read(false);
  socket_.want_write(false);
  events_->on_disconnected(how, now);
}

namespace {

/// What delivery holds; dropping it closes the stream.
class Handle final : public delivery::Transport {
 public:
  explicit Handle(Stream& stream) : stream_(stream) {}
  ~Handle() override { stream_.close(); }
  void wake() override { stream_.wake(); }
  void begin_tls(tls::Plan const& plan, std::optional<pool::TlsSessionKey> session) override {
    stream_.begin_tls(plan, std::move(session));
  }
  [[nodiscard]] bool is_resuming() const override { return stream_.is_resuming(); }
  [[nodiscard]] IpAddress local_address() const override { return stream_.local_address(); }

 private:
  Stream& stream_;
};

}  // namespace

Streams::~Streams() {
  buried_.clear();
  dirty_.clear();
}

std::unique_ptr<delivery::Transport> Streams::connect(route::Target const& target,
                                                      IpAddress const* source,
                                                      std::vector<IpNetwork> const& prohibited,
                                                      delivery::TransportEvents& events) {
  auto stream =
      std::make_unique<Stream>(*this, target, source, events, refusal_of(target, prohibited));
  auto& made = *stream;
  streams_.emplace(&made, std::move(stream));
  return std::make_unique<Handle>(made);
}

std::string Streams::refusal_of(route::Target const& target,
                                std::vector<IpNetwork> const& prohibited) const {
  if (target.may_be_local || !route::is_prohibited(target.address, prohibited, own_)) return {};
  return fmt::format("{} is prohibited (option prohibited, or an address of this machine)",
                     target.address.to_string());
}

void Streams::is_dirty(Stream& stream) {
  dirty_.push_back(&stream);
  loop_.end_turn_soon();
}

void Streams::bury(Stream& stream) {
  buried_.push_back(&stream);
}

void Streams::flush(TimePoint now) {
  for (auto* stream : std::exchange(dirty_, {})) stream->flush(now);
}

void Streams::sweep() {
  for (auto* stream : std::exchange(buried_, {})) {
    std::erase(dirty_, stream);
    streams_.erase(stream);
  }
}

}  // namespace mailpool::manager
