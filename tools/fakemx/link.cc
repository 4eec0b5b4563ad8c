#include "fakemx/link.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "net/endpoint.h"

namespace mailpool::fakemx {

Link::Link(event_base* base, net::Fd fd, Owner& owner, std::span<char> scratch, Duration rtt)
    : base_(base),
      fd_(std::move(fd)),
      owner_(owner),
      scratch_(scratch),
      half_rtt_(rtt / 2),
      readable_(event_new(base, fd_.get(), EV_READ | EV_PERSIST, on_readable, this)) {
  net::send_at_once(fd_.get());
  event_add(readable_.get(), nullptr);
}

void Link::start() {
  if (half_rtt_ == Duration::zero()) return owner_.on_start();
  // The client's SYN and its ACK have taken one and a half round trips by now, and here they took
  // none.
  auto const now = net::monotonic_now();
  in_.push_back({now + 3 * half_rtt_, now, Arrival::Start, {}, false});
  arm_timer();
}

void Link::on_readable(evutil_socket_t, short, void* self) {
  static_cast<Link*>(self)->read();
}
void Link::on_writable(evutil_socket_t, short, void* self) {
  static_cast<Link*>(self)->write();
}
void Link::on_timer(evutil_socket_t, short, void* self) {
  static_cast<Link*>(self)->run_due();
}

void Link::on_watch(evutil_socket_t, short, void* self) {
  auto& link = *static_cast<Link*>(self);
  link.look_for_end();
  if (!link.over_ || link.eof_) return;
  link.eof_ = true;
  event_del(link.watch_.get());
  link.arrived(Arrival::End, {});
}

/// By asking now and then: libevent has no event for an RST on a socket that nobody reads.
void Link::watch_for_end() {
  if (closed_ || eof_) return;
  watch_.reset(event_new(base_, -1, EV_PERSIST, on_watch, this));
  timeval const period{0, 500'000};
  event_add(watch_.get(), &period);
}

void Link::read() {
  auto const n = recv(fd_.get(), scratch_.data(), scratch_.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) return arrived(Arrival::Bytes, {scratch_.data(), static_cast<std::size_t>(n)});
  event_del(readable_.get());
  eof_ = true;
  note_over();
  arrived(Arrival::End, {});
}

void Link::look_for_end() {
  if (closed_ || over_) return;
  pollfd ask{fd_.get(), POLLRDHUP, 0};
  if (poll(&ask, 1, 0) == 1 && (ask.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) note_over();
}

void Link::note_over() {
  if (over_) return;
  over_ = true;
  owner_.on_over(net::monotonic_now());
}

void Link::pause_reading(bool pause) {
  if (closed_ || eof_) return;
  if (pause)
    event_del(readable_.get());
  else
    event_add(readable_.get(), nullptr);
}

void Link::arrived(Arrival kind, std::string_view bytes) {
  bool const early = silence_ != Silence::None && kind == Arrival::Bytes;
  if (early && !ssl_) {
    silence_ = Silence::None;
    owner_.on_early_bytes();
  }
  auto const now = net::monotonic_now();
  if (half_rtt_ == Duration::zero()) return deliver(kind, bytes, now, early);
  auto const due = in_.empty() ? now + half_rtt_ : std::max(now + half_rtt_, in_.back().due);
  in_.push_back({due, now, kind, std::string(bytes), early});
  arm_timer();
}

void Link::deliver(Arrival kind, std::string_view bytes, TimePoint arrived, bool early) {
  if (closed_) return;
  switch (kind) {
    case Arrival::Start:
      return owner_.on_start();
    case Arrival::Bytes:
      if (ssl_) return tls_bytes(bytes, arrived, early);
      return owner_.on_bytes(bytes, arrived);
    case Arrival::End:
      if (linger_until_ != never) return abandon();
      if (!std::exchange(told_end_, true)) owner_.on_peer_end();
  }
}

void Link::run_due() {
  auto const now = net::monotonic_now();
  while (!in_.empty() && in_.front().due <= now && !closed_) {
    auto const item = std::move(in_.front());
    in_.pop_front();
    handling_ = item.due;
    deliver(item.kind, item.bytes, item.arrived, item.early);
    handling_ = never;
  }
  while (!out_.empty() && out_.front().due <= now && !closed_) {
    if (ending_) break;  // the last octets wait for the client's window
    unsent_ += out_.front().bytes;
    ending_ = out_.front().ends;
    how_ = out_.front().ending;
    out_.pop_front();
    write();
  }
  if (linger_until_ <= now && !closed_) return abandon();
  arm_timer();
}

TimePoint Link::out_due() const {
  auto const due = (handling_ == never ? net::monotonic_now() : handling_) + half_rtt_;
  return out_.empty() ? due : std::max(due, out_.back().due);
}

void Link::arm_timer() {
  if (closed_) return;
  auto due = linger_until_;
  if (!in_.empty()) due = std::min(due, in_.front().due);
  if (!out_.empty()) due = std::min(due, out_.front().due);
  if (due == never) return;
  if (!timer_) timer_.reset(event_new(base_, -1, 0, on_timer, this));
  auto const wait = net::to_timeval(due - net::monotonic_now());
  event_add(timer_.get(), &wait);
}

void Link::say(std::string_view plain) {
  if (!write_closed_) said_ += plain;
}

void Link::flush() {
  if (closed_ || said_.empty()) return;
  if (ssl_) {
    SSL_write(ssl_.get(), said_.data(), static_cast<int>(said_.size()));
    said_.clear();
    return collect_tls();
  }
  said_total_ += said_.size();
  if (half_rtt_ > Duration::zero()) {
    out_.push_back({out_due(), std::exchange(said_, {}), false, {}});
    return arm_timer();
  }
  if (unsent_.empty())
    std::swap(unsent_, said_);
  else
    unsent_ += std::exchange(said_, {});
  write();
}

void Link::say_raw(std::string_view bytes) {
  if (closed_ || write_closed_ || bytes.empty()) return;
  said_total_ += bytes.size();
  if (half_rtt_ > Duration::zero()) {
    out_.push_back({out_due(), std::string(bytes), false, {}});
    return arm_timer();
  }
  unsent_ += bytes;
  write();
}

bool Link::has_arrivals() const {
  return !ssl_ && std::any_of(in_.begin(), in_.end(),
                              [](In const& item) { return item.kind == Arrival::Bytes; });
}

std::size_t Link::unsent() const {
  auto sum = said_.size() + unsent_.size() - sent_;
  for (auto const& item : out_) sum += item.bytes.size();
  return sum;
}

void Link::write() {
  while (sent_ < unsent_.size() && !closed_) {
    auto const n = send(fd_.get(), unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (!writable_) writable_.reset(event_new(base_, fd_.get(), EV_WRITE, on_writable, this));
      event_add(writable_.get(), nullptr);
      return;
    }
    if (n < 0) {  // the reading side says what became of the client
      sent_ = unsent_.size();
      break;
    }
    sent_ += static_cast<std::size_t>(n);
    sent_total_ += static_cast<std::uint64_t>(n);
  }
  unsent_.clear();
  sent_ = 0;
  finish_writing();
}

void Link::finish_writing() {
  if (silence_ == Silence::UntilSent && sent_total_ >= silence_mark_) silence_ = Silence::None;
  if (std::exchange(ending_, false)) apply(how_);
}

void Link::end(Ending how, Duration linger) {
  flush();
  if (closed_) return;
  linger_ = linger;
  if (write_closed_) {  // half-closed before: there is nothing left to send
    if (how != Ending::HalfClose && out_.empty() && unsent_.empty()) apply(how);
    return;
  }
  write_closed_ = true;
  if (half_rtt_ > Duration::zero()) {
    out_.push_back({out_due(), {}, true, how});
    return arm_timer();
  }
  ending_ = true;
  how_ = how;
  if (unsent_.empty()) finish_writing();
}

void Link::apply(Ending how) {
  if (how == Ending::Reset) {
    linger const none{1, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    return abandon();
  }
  shutdown(fd_.get(), SHUT_WR);
  if (how == Ending::HalfClose) return;
  note_over();
  if (eof_) return abandon();
  linger_until_ = net::monotonic_now() + linger_;
  event_add(readable_.get(), nullptr);
  arm_timer();
}

void Link::abandon() {
  if (std::exchange(closed_, true)) return;
  readable_.reset();
  writable_.reset();
  timer_.reset();
  watch_.reset();
  fd_.reset();
  note_over();
  owner_.on_closed();
}

void Link::begin_silence() {
  silence_ = Silence::Due;
}

void Link::end_silence() {
  if (silence_ != Silence::Due) return;
  flush();
  silence_ = sent_total_ >= said_total_ ? Silence::None : Silence::UntilSent;
  silence_mark_ = said_total_;
}

}  // namespace mailpool::fakemx
