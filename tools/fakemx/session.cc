#include "fakemx/session.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

constexpr std::size_t most_line = std::size_t{64} << 10U;
constexpr std::size_t most_waiting = std::size_t{256} << 10U;

}  // namespace

Session::Session(Service& service, Host& host, net::Fd fd, std::uint64_t id, std::uint64_t listener,
                 std::string client, bool surplus)
    : service_(service),
      host_(host),
      id_(id),
      listener_(listener),
      client_(std::move(client)),
      surplus_(surplus),
      link_(service.base, std::move(fd), *this, service.scratch, service.settings.rtt) {
  link_.begin_silence();
  silence_due_ = true;
}

void Session::on_start() {
  if (surplus_) {
    say_reply(421, "4.7.0 Too many connections");
    return finish(Ending::Fin);
  }
  consult(Stage::Connect);
  pump_input();
}

void Session::on_early_bytes() {
  if (mode_ == Mode::Greeting)
    violation(ClientViolation::TalksBeforeGreeting, "before the greeting");
  else if (after_quit_)
    violation(ClientViolation::AfterQuit, "behind QUIT");
  else
    violation(ClientViolation::EarlyCommand, "before the reply to: " + silence_for_);
}

void Session::on_bytes(std::string_view plain, TimePoint arrived) {
  arrived_ = arrived;
  if (mode_ == Mode::Over) return look_for_late_mail(plain, arrived);
  if (wait_ == Wait::Forever) return;
  if (mode_ == Mode::Handshake) {
    client_hello_ += plain;
    return pump_input();
  }
  if (wait_ == Wait::Timer || pumping_ || !input_.empty()) {
    input_ += plain;
    if (wait_ == Wait::Timer && input_.size() > most_waiting) link_.pause_reading(true);
    return pump_input();
  }
  pumping_ = true;
  pump(plain);
  pumping_ = false;
  input_.insert(0, plain);
  settle();
}

void Session::pump_input() {
  if (pumping_ || wait_ != Wait::None) return;
  pumping_ = true;
  auto const work = std::exchange(input_, {});
  std::string_view rest = work;
  pump(rest);
  pumping_ = false;
  input_.insert(0, rest);
  settle();
}

/// Goes on as far as the input, and the rules, let it.
void Session::pump(std::string_view& rest) {
  while (wait_ == Wait::None && mode_ != Mode::Over) {
    if (run_.rule) {
      step();
    } else if (mode_ == Mode::Ending) {
      next_end();
    } else if (mode_ == Mode::Content || mode_ == Mode::Chunk) {
      if (!take_content(rest)) return;
    } else if (mode_ == Mode::Handshake) {
      if (client_hello_.empty()) return;
      consult(Stage::Tls);
    } else if (mode_ == Mode::Greeting || !take_line(rest)) {
      return;
    }
  }
  if (mode_ == Mode::Over || wait_ == Wait::Forever) rest = {};
}

bool Session::take_line(std::string_view& rest) {
  auto const lf = rest.find('\n');
  if (lf == std::string_view::npos) {
    if (rest.size() > most_line) {
      overlong_ = true;
      rest = {};
    }
    return false;
  }
  auto line = rest.substr(0, lf);
  rest.remove_prefix(lf + 1);
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  else
    violation(ClientViolation::BareLf, line);
  if (std::exchange(overlong_, false) || line.size() > most_line)
    refuse({500, "5.5.2", "Line too long"});
  else
    command(line, rest);
  return true;
}

void Session::settle() {
  link_.flush();
  if (mode_ == Mode::Over || wait_ != Wait::None) return;
  if (peer_gone_) return finish(Ending::Fin);
  if (mode_ == Mode::Command) arm_idle();
}

/// Sets the timer for the next idle rule. Silence is counted from the last command on.
void Session::arm_idle() {
  if (!service_.rules.speaks_of(Stage::Idle) || tx_.open || !input_.empty()) {
    ready_since_ = never;
    return;
  }
  auto const now = net::monotonic_now();
  if (std::exchange(idle_restart_, false) || ready_since_ == never) {
    ready_since_ = now;
    idle_seen_ = Duration::zero();
  }
  auto seen = occasion(Stage::Idle);
  seen.idle_for = idle_seen_;
  auto const stop = service_.rules.next_idle_stop(seen);
  if (stop > Duration::zero()) wait_for(ready_since_ + stop - now);
}

/// The timer; whether it means a waiting rule or an idle connection is known when it fires.
void Session::wait_for(Duration d) {
  if (!timer_) timer_.reset(event_new(service_.base, -1, 0, on_timer, this));
  auto const wait = net::to_timeval(d);
  event_add(timer_.get(), &wait);
}

void Session::on_timer(evutil_socket_t, short, void* self) {
  static_cast<Session*>(self)->wake();
}

void Session::wake() {
  if (mode_ == Mode::Over) return;
  if (wait_ == Wait::Timer) {
    wait_ = Wait::None;
    link_.pause_reading(false);
    return pump_input();
  }
  if (ready_since_ == never || mode_ != Mode::Command || tx_.open) return;
  auto seen = occasion(Stage::Idle);
  seen.idle_before = idle_seen_;
  seen.idle_for = idle_seen_ = net::monotonic_now() - ready_since_;
  consult(seen);
  pump_input();
}

void Session::on_handshake(bool ok, bool resumed) {
  auto& stats = service_.stats;
  ++(!ok ? stats.handshakes_failed : resumed ? stats.handshakes_resumed : stats.handshakes_full);
  if (!ok) finish(Ending::Fin);
}

void Session::on_peer_end() {
  peer_gone_ = true;
  // A rule that only takes its time goes on, as a server would that has not looked at its socket
  // yet.
  if (wait_ == Wait::Timer) return;
  if (!pumping_ && mode_ != Mode::Over) finish(Ending::Fin);
}

void Session::on_over(TimePoint when) {
  over_at_ = when;
  if (surplus_) return;
  service_.stats.connection_closed(when, mails_, after_quit_);
  service_.provider.connection_closed(client_);
}

void Session::on_closed() {
  mode_ = Mode::Over;
  timer_.reset();
  close_transaction();
  host_.on_session_closed(id_);
}

void Session::finish(Ending how, Duration linger) {
  mode_ = Mode::Over;
  wait_ = Wait::None;
  run_ = {};
  close_transaction();
  link_.end(how, linger);
}

void Session::look_for_late_mail(std::string_view plain, TimePoint arrived) const {
  if (!silent_close_ || !ascii_istarts_with(plain, "MAIL FROM")) return;
  bool const had_time = over_at_ != never && arrived > over_at_ + service_.settings.close_grace;
  ++(had_time ? service_.provider.violations.messages_per_connection : service_.stats.late_mails);
}

void Session::violation(ClientViolation kind, std::string_view example) {
  service_.stats.violation(kind, id_, example);
}

}  // namespace mailpool::fakemx
