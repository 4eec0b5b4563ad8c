#include "manager/control_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include "core/admission/protocol.h"
#include "core/base/text.h"
#include "core/control/json.h"
#include "posix/unix_socket.h"

namespace mailpool::manager {
namespace {

constexpr std::size_t read_at_once = 16384;

}  // namespace

ControlClient::ControlClient(ControlServer& server, int fd, control::Requester who)
    : server_(server),
      fd_(fd),
      who_(who),
      read_event_(server.loop_.make_event(fd, EV_READ, &ControlClient::on_socket, this)),
      write_event_(server.loop_.make_event(fd, EV_WRITE, &ControlClient::on_socket, this)),
      timer_(server.loop_.make_event(-1, 0, &ControlClient::on_timer, this)) {
  enter(State::Reading);
}

ControlClient::~ControlClient() {
  close();
}

void ControlClient::on_socket(evutil_socket_t, short what, void* self) {
  auto& client = *static_cast<ControlClient*>(self);
  if ((what & EV_WRITE) != 0) client.write();
  if ((what & EV_READ) != 0 && !client.is_closed()) client.read();
}

// Whatever the client is waiting for or holding up, it has had its time.
void ControlClient::on_timer(evutil_socket_t, short, void* self) {
  auto& client = *static_cast<ControlClient*>(self);
  if (client.state_ != State::Asking) return client.close();
  client.note_unawaited();
  client.pending_.reset();
  client.answer(control::error_line(client.asked_ == control::Command::Reload
                                        ? "the settings are still being read (a name service or a "
                                          "disk is slow): the log will say "
                                          "what became of them"
                                        : "no answer in time; is the name server well?"));
}

void ControlClient::enter(State state) {
  state_ = state;
  auto const& limits = server_.limits_;
  switch (state) {
    case State::Reading:
      event_add(read_event_.get(), nullptr);
      Loop::arm(timer_.get(), limits.idle);
      break;
    case State::Asking:
      Loop::arm(timer_.get(), limits.answer);
      break;
    case State::Answering:
      Loop::arm(timer_.get(), limits.drain);
      break;
  }
}

void ControlClient::read() {
  auto const before = input_.size();
  input_.resize(before + read_at_once);
  auto const n = ::recv(fd_, input_.data() + before, read_at_once, 0);
  input_.resize(before + static_cast<std::size_t>(n > 0 ? n : 0));
  if (n == 0 || (n < 0 && !posix::would_block(errno))) return close();
  if (n < 0) {
    event_add(read_event_.get(), nullptr);
    return;
  }
  take_request();
}

bool ControlClient::has_request() const {
  if (input_.empty() || input_.front() != admission::first_octet)
    return input_.find('\n') != std::string::npos;
  auto const size = admission::frame_size(input_);
  return !size || (*size && input_.size() >= **size);
}

void ControlClient::take_request() {
  if (!input_.empty() && input_.front() == admission::first_octet) return take_frame();
  take_line();
}

void ControlClient::take_frame() {
  auto const size = admission::frame_size(input_);
  if (!size) return not_understood();
  if (!*size || input_.size() < **size) {
    event_add(read_event_.get(), nullptr);
    return;
  }
  auto const question = admission::parse_question(std::string_view(input_).substr(0, **size));
  if (!question || server_.admission_ == nullptr) return not_understood();
  if (!server_.users_.ask.contains(who_.uid)) {
    server_.warn(fmt::format("uid {} (pid {}) asks for room and is not among [milter] allow_users",
                             who_.uid, who_.pid));
    return not_understood();
  }
  input_.erase(0, **size);
  answer(admission::to_octets(server_.admission_->ask(*question, server_.loop_.now())));
}

void ControlClient::not_understood() {
  input_.clear();
  is_last_ = true;
  answer(admission::not_understood());
}

// The rest of the input waits in the socket or in input_ until this line is answered.
void ControlClient::take_line() {
  auto const end = input_.find('\n');
  if (end != std::string::npos && end < control::longest_request) {
    auto const line = input_.substr(0, end);
    input_.erase(0, end + 1);
    return obey(line);
  }
  if (end != std::string::npos || input_.size() >= control::longest_request) {
    input_.clear();
    is_last_ = true;
    return answer(control::error_line("the request is longer than 64 KiB"));
  }
  event_add(read_event_.get(), nullptr);
}

void ControlClient::obey(std::string_view line) {
  auto const request = control::parse_request(line);
  if (!request) {
    is_last_ = true;
    return answer(control::error_line(request.error().reason));
  }
  auto const& row = control::row_of(request->command);
  if (auto const allowed = control::may_use(server_.users_, who_.uid, row); !allowed) {
    server_.warn(fmt::format("control command={} uid={} pid={} result=refused ({})", row.word,
                             who_.uid, who_.pid, allowed.error().reason));
    return answer(control::error_line(allowed.error().reason));
  }
  asked_ = request->command;
  if (asked_ == control::Command::Explain)
    return wait_for_answer([&] {
      return server_.actions_.explain(
          {request->name, request->sender, request->tenant, request->campaign}, *this);
    });
  if (asked_ == control::Command::Reload)
    return wait_for_answer([&] { return server_.actions_.reload(who_, *this); });
  auto text = control::perform(*request, server_.actions_, who_);
  if (row.changes) server_.log_.info(control::audit_line(*request, who_, text));
  server_.loop_.end_turn_soon();
  answer(std::move(text));
}

template <class Ask>
void ControlClient::wait_for_answer(Ask&& ask) {
  // The one before is answered: else no line would have been taken.
  pending_.reset();
  pending_is_over_ = false;
  enter(State::Asking);
  auto pending = ask();
  // A known answer came inside the call, and with it perhaps the end of this connection.
  assert((pending == nullptr || state_ == State::Asking) && "an answer or a question, never both");
  if (state_ == State::Asking && !is_closed()) pending_ = std::move(pending);
  server_.loop_.end_turn_soon();
}

void ControlClient::on_explained(Result<control::Explanation> result) {
  pending_is_over_ = true;
  server_.sweep_soon();
  answer(result ? control::answer_line(control::to_json(*result))
                : control::error_line(result.error().reason));
}

void ControlClient::on_reloaded(control::ReloadReport const& report) {
  pending_is_over_ = true;
  server_.sweep_soon();
  auto text = control::answer_line(control::to_json(report));
  server_.log_.info(control::audit_line({control::Command::Reload, "", false, {}, ""}, who_, text));
  answer(std::move(text));
}

void ControlClient::answer(std::string line) {
  if (is_closed()) return;
  if (server_.output_ + line.size() > server_.limits_.output) {
    server_.warn("control: answers are not being read; the newest client is sent away");
    return close();
  }
  server_.output_ += line.size();
  output_ = std::move(line);
  written_ = 0;
  enter(State::Answering);
  write();
}

void ControlClient::write() {
  while (written_ < output_.size()) {
    auto const n = ::send(fd_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (n < 0 && !posix::would_block(errno)) return close();
    if (n < 0) {
      event_add(write_event_.get(), nullptr);
      return;
    }
    written_ += static_cast<std::size_t>(n);
  }
  server_.output_ -= output_.size();
  output_ = {};
  written_ = 0;
  if (is_last_) return close();
  enter(State::Reading);
  // A second request that came with the first is taken in the next turn: clients share the loop.
  if (has_request()) {
    event_del(read_event_.get());
    server_.sweep_soon();
  }
}

void ControlClient::sweep() {
  if (std::exchange(pending_is_over_, false)) pending_.reset();
  if (!is_closed() && state_ == State::Reading && has_request()) take_request();
}

// A change is in the log even if nobody waits for its end.
void ControlClient::note_unawaited() {
  if (state_ == State::Asking && asked_ == control::Command::Reload && !pending_is_over_)
    server_.log_.info(
        fmt::format("control command=reload uid={} pid={} result=not awaited", who_.uid, who_.pid));
}

void ControlClient::close() {
  if (is_closed()) return;
  note_unawaited();
  read_event_.reset();
  write_event_.reset();
  timer_.reset();
  ::close(std::exchange(fd_, -1));
  server_.output_ -= output_.size();
  output_ = {};
  server_.sweep_soon();
}

}  // namespace mailpool::manager
