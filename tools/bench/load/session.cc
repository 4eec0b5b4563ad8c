#include "bench/load/session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/base/text.h"

namespace mailpool::load {

namespace {

constexpr std::string_view phase_names[] = {"connect", "hello", "mail", "rcpt",
                                            "data",    "end",   "rset", "quit"};
constexpr auto pause_after_failure = std::chrono::milliseconds(100);
constexpr std::uint64_t most_failures = 100;  // in a row, then the server is given up
constexpr std::size_t most_reply = std::size_t{64} << 10U;

}  // namespace

void Session::next() {
  if (is_done_ || current_) return;
  auto const now = net::monotonic_now();
  auto ticket = waiting_ ? std::exchange(waiting_, {}) : shared_.dispenser.take(now);
  if (!ticket) {
    if (!shared_.dispenser.is_exhausted(now))
      shared_.idle.push_back(this);
    else if (ready_)
      quit();
    else if (due_.empty())
      done();
    return;
  }
  if (ready_) return begin(*ticket);
  waiting_ = ticket;
  if (!fd_) connect();
}

void Session::connect() {
  auto fd = net::connect_to(shared_.plan.to);
  if (!fd) return disconnect(fd.error().reason);
  fd_ = std::move(*fd);
  connecting_ = true;
  await(EV_WRITE);
}

void Session::connected() {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return disconnect(std::strerror(error));
  connecting_ = false;
  shared_.report.connection_opened();
  due_.push_back(Phase::Connect);
  await(EV_READ);
}

/// The connection is gone; what was on its way over it is lost, what waited for it goes on.
void Session::disconnect(std::string_view why) {
  bool const quit_was_due = !due_.empty() && due_.back() == Phase::Quit;
  if (current_) shared_.report.lost();
  if (!quit_was_due && !why.empty()) shared_.report.connection_failed(why);
  bool const useless = sent_here_ == 0 && !quit_was_due;
  event_.reset();
  fd_.reset();
  in_.clear();
  out_.clear();
  due_.clear();
  current_.reset();
  sent_here_ = 0;
  ready_ = connecting_ = need_rset_ = pipelining_ = chunking_ = false;
  failed_connects_ = useless ? failed_connects_ + 1 : 0;
  if (failed_connects_ >= most_failures) return done();
  if (useless) return pause_then_connect();
  next();
}

void Session::pause_then_connect() {
  event_.reset(event_new(shared_.base, -1, 0, on_event, this));
  auto const pause = net::to_timeval(pause_after_failure);
  event_add(event_.get(), &pause);
}

void Session::quit() {
  ready_ = false;
  command(Phase::Quit, "QUIT\r\n");
  flush();
}

void Session::done() {
  is_done_ = true;
  event_.reset();
  fd_.reset();
  shared_.on_done();
}

void Session::on_event(evutil_socket_t, short what, void* self) {
  auto& session = *static_cast<Session*>(self);
  if (!session.fd_) return session.next();
  if (session.connecting_)
    return (what & EV_TIMEOUT) != 0 ? session.disconnect("timeout") : session.connected();
  // A session that has nothing to say may be silent for as long as it likes.
  if ((what & EV_TIMEOUT) != 0)
    return session.due_.empty() ? void() : session.disconnect("timeout");
  if ((what & EV_WRITE) != 0) session.flush();
  if ((what & EV_READ) != 0 && session.fd_) session.read();
}

void Session::await(short what) {
  event_.reset(
      event_new(shared_.base, fd_.get(), static_cast<short>(what | EV_PERSIST), on_event, this));
  auto const timeout = net::to_timeval(shared_.plan.timeout);
  event_add(event_.get(), &timeout);
}

void Session::command(Phase phase, std::string_view text) {
  out_ += text;
  due_.push_back(phase);
}

void Session::flush() {
  bool const waited = event_ && (event_get_events(event_.get()) & EV_WRITE) != 0;
  while (!out_.empty()) {
    auto const n = send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      if (!waited) await(EV_READ | EV_WRITE);
      return;
    }
    if (n < 0) return out_.clear();  // read() learns why
    out_.erase(0, static_cast<std::size_t>(n));
  }
  if (waited) await(EV_READ);
}

Flights Session::flights() const {
  auto const wanted = shared_.plan.flights;
  if (wanted != Flights::Auto) return wanted;
  return pipelining_ && chunking_ ? Flights::One : pipelining_ ? Flights::Two : Flights::Lockstep;
}

void Session::begin(Dispenser::Ticket ticket) {
  auto const& plan = shared_.plan;
  current_.emplace();
  current_->ticket = ticket;
  current_->content = content_of(plan, ticket.number);
  if (need_rset_ || (plan.rset && sent_here_ > 0)) command(Phase::Rset, "RSET\r\n");
  need_rset_ = false;
  ++sent_here_;
  current_->begun = net::monotonic_now();
  command(Phase::Mail, fmt::format("MAIL FROM:<{}>\r\n", plan.from));
  if (flights() != Flights::Lockstep) send_all_at_once();
  flush();
}

void Session::send_all_at_once() {
  for (std::uint64_t i = 0; i < shared_.plan.recipients; ++i) send_rcpt();
  if (flights() == Flights::Two) return command(Phase::Data, "DATA\r\n");
  fmt::format_to(std::back_inserter(out_), "BDAT {} LAST\r\n", current_->content.size());
  out_ += current_->content;
  current_->content_sent = true;
}

void Session::send_rcpt() {
  auto const& plan = shared_.plan;
  auto const number = current_->ticket.number;
  auto const user = number * plan.recipients + current_->rcpts_sent++;
  command(Phase::Rcpt,
          fmt::format("RCPT TO:<{}>\r\n", address_of(plan, user, number % plan.domains)));
}

/// No line of the content begins with a dot: see content_of().
void Session::send_content() {
  if (current_->accepted > 0) out_ += current_->content;
  out_ += ".\r\n";
  current_->content_sent = true;
  expect_ends();
}

void Session::expect_ends() {
  auto const count = shared_.plan.lmtp && current_->accepted > 0 ? current_->accepted : 1;
  for (std::uint64_t i = 0; i < count; ++i) due_.push_back(Phase::End);
}

void Session::on_message_reply(Phase phase, int code) {
  bool const ok = code / 100 == 2;
  switch (phase) {
    case Phase::Mail:
      current_->mail_refused = !ok;
      break;
    case Phase::Rcpt:
      if (ok) ++current_->accepted;
      if (++current_->rcpts_answered == current_->rcpts_sent && flights() == Flights::One)
        expect_ends();
      break;
    case Phase::Data:
      current_->data_answered = true;
      if (code == 354) send_content();
      break;
    case Phase::End:
      if (ok) current_->delivered += shared_.plan.lmtp ? 1 : current_->accepted;
      break;
    case Phase::Connect:
    case Phase::Hello:
    case Phase::Rset:
    case Phase::Quit:
      break;
  }
}

/// All replies that were due are there: the next command, or the end of the message.
void Session::proceed() {
  auto const& c = *current_;
  bool const ended = c.mail_refused || c.content_sent || c.data_answered ||
                     (c.rcpts_answered == shared_.plan.recipients && c.accepted == 0);
  if (ended) return finish_message();
  if (c.rcpts_sent < shared_.plan.recipients) return send_rcpt();
  command(Phase::Data, "DATA\r\n");
}

void Session::finish_message() {
  auto const now = shared_.last_reply = net::monotonic_now();
  auto const& plan = shared_.plan;
  auto const c = std::exchange(current_, {});
  shared_.report.finished({c->ticket.number % plan.domains, now - c->begun, now - c->ticket.due},
                          c->delivered, plan.recipients - c->delivered);
  need_rset_ = !c->mail_refused && (!c->content_sent || c->accepted == 0);
  if (plan.per_connection > 0 && sent_here_ >= plan.per_connection) return quit();
  next();
}

void Session::read() {
  char some[16384];
  auto const n = recv(fd_.get(), some, sizeof some, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return disconnect(n == 0 ? "closed by the server" : std::strerror(errno));
  in_.append(some, static_cast<std::size_t>(n));
  std::size_t used = 0;
  while (fd_) {
    auto const lf = in_.find('\n', used);
    if (lf == std::string::npos) break;
    auto const line = in_.substr(used, lf - used);
    used = lf + 1;
    on_reply(line);
  }
  if (!fd_) return;
  in_.erase(0, used);
  if (in_.size() > most_reply) return disconnect("endless reply line");
  flush();
}

void Session::on_reply(std::string_view line) {
  if (!due_.empty() && due_.front() == Phase::Hello) learn(line);
  if (line.size() > 3 && line[3] == '-') return;
  if (due_.empty()) return disconnect("a reply that was not asked for");
  int code = 0;
  std::from_chars(line.data(), line.data() + std::min<std::size_t>(3, line.size()), code);
  auto const phase = due_.front();
  due_.pop_front();
  shared_.report.reply(phase_names[static_cast<std::size_t>(phase)], code);
  if (phase == Phase::Quit) return disconnect({});
  if (phase == Phase::Connect) {
    if (code != 220) return disconnect(fmt::format("greeted with {}", code));
    return command(Phase::Hello, fmt::format("{} {}\r\n", shared_.plan.lmtp ? "LHLO" : "EHLO",
                                             shared_.plan.hostname));
  }
  if (phase == Phase::Hello) {
    if (code != 250) return disconnect(fmt::format("hello answered with {}", code));
    ready_ = true;
    return next();
  }
  if (!current_) return;
  on_message_reply(phase, code);
  if (due_.empty()) proceed();
}

void Session::learn(std::string_view hello_line) {
  auto const keyword = trimmed(hello_line.substr(std::min<std::size_t>(4, hello_line.size())));
  if (ascii_iequal(keyword, "PIPELINING")) pipelining_ = true;
  if (ascii_iequal(keyword, "CHUNKING")) chunking_ = true;
}

}  // namespace mailpool::load
