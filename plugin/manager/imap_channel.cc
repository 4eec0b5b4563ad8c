#include "manager/imap_channel.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/secret.h"
#include "manager/tls_facts.h"
#include "posix/shortage.h"
#include "posix/socket_address.h"

namespace mailpool::manager {
namespace {

// One connection must not keep the loop from the others.
constexpr std::size_t most_per_turn = 512U << 10U;
// An address that does not answer leaves time for the next one.
constexpr int attempts_within_timeout = 3;

}  // namespace

ImapChannel::ImapChannel(ImapChannels& channels, int fd, imap::ChannelEvents& events)
    : channels_(channels), events_(&events), socket_(channels.loop(), *this) {
  socket_.own(fd);
  wake();
}

ImapChannel::ImapChannel(ImapChannels& channels, ImapSettings const& profile,
                         ImapServer const& server, imap::ChannelEvents& events)
    : channels_(channels),
      events_(&events),
      profile_(&profile),
      server_(server),
      socket_(channels.loop(), *this),
      phase_(Phase::Resolving) {
  wake();
}

ImapChannel::~ImapChannel() {
  close();
}

void ImapChannel::drop_socket() {
  resumption_.reset();
  ssl_.reset();
  socket_.drop();
}

void ImapChannel::wake() {
  if (is_dirty_ || is_closed()) return;
  is_dirty_ = true;
  channels_.is_dirty(*this);
}

void ImapChannel::close() {
  if (events_ == nullptr) return;
  events_ = nullptr;
  question_.reset();
  if (ssl_ && phase_ == Phase::Open) (void)SSL_shutdown(ssl_.get());
  drop_socket();
  socket_.close();
  channels_.bury(*this);
}

// Where it is.

void ImapChannel::ask_for_addresses() {
  if (auto const address = IpAddress::parse(server_.host)) {
    addresses_ = {*address};
    return connect_next(channels_.loop().now());
  }
  ask(IpAddress::Family::V4);
}

void ImapChannel::ask(IpAddress::Family family) {
  // A cached answer comes before the call returns, and may have asked the next question already.
  auto question = channels_.resolver().addresses(server_.host, family, *this);
  if (question) question_ = std::move(question);
}

void ImapChannel::on_addresses(route::AddressAnswer answer) {
  question_.reset();
  if (answer.status != route::DnsStatus::Answer && failure_.empty() && !answer.why.empty())
    failure_ = std::move(answer.why);
  addresses_.insert(addresses_.end(), answer.addresses.begin(), answer.addresses.end());
  if (!is_asked_twice_) {
    is_asked_twice_ = true;
    return ask(IpAddress::Family::V6);
  }
  if (addresses_.empty()) {
    failure_ =
        fmt::format("{} has no address{}{}", server_.host, failure_.empty() ? "" : ": ", failure_);
  } else {
    failure_.clear();
    phase_ = Phase::Connecting;
  }
  wake();
}

void ImapChannel::connect_next(TimePoint now) {
  phase_ = Phase::Connecting;
  drop_socket();
  while (!addresses_.empty()) {
    auto const address = addresses_.back();
    addresses_.pop_back();
    peer_ = address.to_string();
    if (connect_to(address)) {
      bool const has_more = !addresses_.empty();
      attempt_until_ =
          has_more ? after(now, profile_->connect_timeout / attempts_within_timeout) : never;
      return;
    }
    if (posix::is_shortage(errno)) return end_without_socket(errno, now);
  }
  end(std::strerror(errno), true, now);
}

// Other addresses would do no better.
void ImapChannel::end_without_socket(int error, TimePoint now) {
  has_ended_ = true;
  channels_.note_shortage(posix::shortage_words(error));
  events_->on_no_socket(posix::shortage_words(error), now);
}

bool ImapChannel::connect_to(IpAddress const& address) {
  int const fd =
      ::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return false;
  }
  posix::tune(fd);
  sockaddr_storage to{};
  auto const length = posix::to_sockaddr(address, server_.port, to);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), length) != 0 && errno != EINPROGRESS) {
    int const error = errno;
    ::close(fd);
    errno = error;
    return false;
  }
  socket_.own(fd);
  socket_.want_write(true);
  return true;
}

void ImapChannel::connected(TimePoint now) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) {
    errno = error;
    if (!addresses_.empty()) return connect_next(now);
    return end(std::strerror(error), true, now);
  }
  attempt_until_ = never;
  socket_.want_write(false);
  if (profile_->tls == ImapTls::Implicit) return start_handshake();
  phase_ = Phase::Open;
  events_->on_open(peer_, now);
  wake();
}

// TLS.

void ImapChannel::begin_tls() {
  start_handshake();
}

void ImapChannel::hand_over(imap::ChannelEvents& events) {
  if (is_closed()) return;
  events_ = &events;
  wake();
}

void ImapChannel::start_handshake() {
  auto made = channels_.tls().connection(socket_.fd(), *profile_, server_.host);
  if (!made) {
    failure_ = "TLS: " + made.error().reason;
    return wake();
  }
  ssl_ = std::move(*made);
  resumption_.emplace(channels_.tls().sessions(), ssl_.get(),
                      session_key(*profile_, server_, peer_));
  phase_ = Phase::Handshake;
  socket_.want_read(true);
  wake();
}

void ImapChannel::shake_hands(TimePoint now) {
  auto const progress = tls_handshake(ssl_.get());
  if (progress.step == TlsStep::WantRead) return socket_.want_write(false);
  if (progress.step == TlsStep::WantWrite) return socket_.want_write(true);
  if (progress.step != TlsStep::Done)
    return end(why_not_trusted(ssl_.get(), progress.why), true, now);
  phase_ = Phase::Open;
  socket_.want_write(false);
  tls::Facts facts;
  facts.proved_until = end_of_verified_chain(ssl_.get());
  resumption_->keep(facts);
  if (profile_->tls == ImapTls::StartTls)
    events_->on_tls(now);
  else
    events_->on_open(peer_, now);
  wake();
  // What came with the last flight is inside OpenSSL; the socket will not say so.
  if (!is_closed()) read(now);
}

// Octets.

void ImapChannel::on_socket(short what, TimePoint now) {
  if (ssl_) tls_begin_turn(ssl_.get());
  if (phase_ == Phase::Connecting) {
    if ((what & EV_WRITE) != 0) connected(now);
  } else if (phase_ == Phase::Handshake) {
    shake_hands(now);
  } else {
    if ((what & EV_READ) != 0) read(now);
  }
  wake();
}

void ImapChannel::read(TimePoint now) {
  std::size_t budget = most_per_turn / channels_.buffer.size();
  while (!is_closed() && !has_ended_ && phase_ == Phase::Open && events_->wants_input() &&
         budget-- > 0)
    if (!read_some(now)) break;
  // OpenSSL may hold what the socket does not show any more; flush() comes back to it.
  if (!is_closed() && ssl_ && SSL_pending(ssl_.get()) > 0) wake();
}

bool ImapChannel::read_some(TimePoint now) {
  auto& buffer = channels_.buffer;
  std::size_t n = 0;
  if (ssl_) {
    auto const progress = tls_read(ssl_.get(), buffer.data(), buffer.size());
    if (progress.step == TlsStep::WantRead) return false;
    if (progress.step == TlsStep::WantWrite) return socket_.want_write(true), false;
    if (progress.step != TlsStep::Done) {
      end(progress.why, true, now);
      return false;
    }
    n = progress.octets;
    resumption_->note_heard();
  } else {
    auto const got = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
      bool const is_lost = got < 0 || profile_ != nullptr;
      end(got == 0 ? "the connection was closed" : std::strerror(errno), is_lost, now);
      return false;
    }
    n = static_cast<std::size_t>(got);
  }
  bool const was_login = profile_ == nullptr;
  events_->on_input({buffer.data(), n}, now);
  // A client's octets may have been its password.
  if (was_login) wipe(buffer.data(), n);
  return ssl_ != nullptr || n == buffer.size();
}

bool ImapChannel::has_unread() const {
  if (ssl_ && SSL_pending(ssl_.get()) > 0) return true;
  char octet = 0;
  return socket_.fd() >= 0 &&
         (::recv(socket_.fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN);
}

std::optional<std::size_t> ImapChannel::send_some(std::string_view octets, TimePoint now) {
  if (ssl_) {
    auto const progress = tls_write(ssl_.get(), octets.substr(0, 16384));
    if (progress.step == TlsStep::Done) return progress.octets;
    if (progress.step == TlsStep::WantWrite)
      socket_.want_write(true);
    else if (progress.step != TlsStep::WantRead)
      end(progress.why, true, now);
    return std::nullopt;
  }
  auto const n = ::send(socket_.fd(), octets.data(), octets.size(), MSG_NOSIGNAL);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EINTR)
    socket_.want_write(true);
  else
    end(std::strerror(errno), true, now);
  return std::nullopt;
}

void ImapChannel::write(TimePoint now) {
  std::size_t sent = 0;
  while (!is_closed()) {
    auto& outbox = events_->outbox();
    if (outbox.is_empty()) return socket_.want_write(false);
    if (sent >= most_per_turn) return socket_.want_write(true);
    auto const n = send_some(outbox.unsent(), now);
    if (!n) return;
    sent += *n;
    outbox.taken(*n);
    events_->on_written(now);
  }
}

void ImapChannel::flush(TimePoint now) {
  is_dirty_ = false;
  if (is_closed()) return;
  if (phase_ == Phase::Resolving && !question_ && !is_asked_twice_) ask_for_addresses();
  if (is_closed()) return;
  if (!failure_.empty() && !question_) return end(std::exchange(failure_, {}), true, now);
  if (phase_ == Phase::Connecting && socket_.fd() < 0) connect_next(now);
  if (!is_closed() && phase_ == Phase::Handshake) shake_hands(now);
  if (!is_closed() && phase_ == Phase::Open) write(now);
  if (is_closed()) return;
  if (phase_ == Phase::Open) {
    bool const wanted = !has_ended_ && events_->wants_input();
    socket_.want_read(wanted);
    if (wanted && ssl_ && SSL_pending(ssl_.get()) > 0) read(now);
  }
  if (!is_closed()) socket_.follow(deadline(), now);
}

void ImapChannel::end(std::string_view how, bool is_lost, TimePoint now) {
  if (has_ended_ && !is_lost) return;
  has_ended_ = true;
  socket_.want_read(false);
  if (is_lost) socket_.want_write(false);
  events_->on_end(how, is_lost, now);
}

void ImapChannel::on_timer(TimePoint now) {
  if (!is_closed() && phase_ == Phase::Connecting && attempt_until_ <= now) {
    connect_next(now);
  } else if (!is_closed() && events_->deadline() <= now) {
    events_->on_deadline(now);
  }
  wake();
}

TimePoint ImapChannel::deadline() const {
  auto const theirs = events_->deadline();
  return phase_ == Phase::Connecting ? std::min(theirs, attempt_until_) : theirs;
}

namespace {

/// What the pool holds; dropping it closes the connection.
class Handle final : public imap::Channel {
 public:
  explicit Handle(ImapChannel& channel) : channel_(channel) {}
  ~Handle() override { channel_.close(); }
  void wake() override { channel_.wake(); }
  void begin_tls() override { channel_.begin_tls(); }
  [[nodiscard]] bool has_unread() const override { return channel_.has_unread(); }
  void hand_over(imap::ChannelEvents& events) override { channel_.hand_over(events); }

 private:
  ImapChannel& channel_;
};

}  // namespace

ImapChannels::~ImapChannels() {
  dirty_.clear();
  buried_.clear();
}

std::unique_ptr<imap::Channel> ImapChannels::keep(std::unique_ptr<ImapChannel> channel) {
  auto& kept = *channel;
  channels_.emplace(&kept, std::move(channel));
  return std::make_unique<Handle>(kept);
}

std::unique_ptr<imap::Channel> ImapChannels::dial(ImapSettings const& profile,
                                                  ImapServer const& server,
                                                  imap::ChannelEvents& events) {
  return keep(std::make_unique<ImapChannel>(*this, profile, server, events));
}

std::unique_ptr<imap::Channel> ImapChannels::accept(int fd, imap::ChannelEvents& events) {
  return keep(std::make_unique<ImapChannel>(*this, fd, events));
}

void ImapChannels::is_dirty(ImapChannel& channel) {
  dirty_.push_back(&channel);
  loop_.end_turn_soon();
}

void ImapChannels::flush(TimePoint now) {
  for (auto* channel : std::exchange(dirty_, {})) channel->flush(now);
}

void ImapChannels::sweep() {
  for (auto* channel : std::exchange(buried_, {})) {
    std::erase(dirty_, channel);
    channels_.erase(channel);
  }
}

}  // namespace mailpool::manager
