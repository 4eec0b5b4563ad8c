#include "manager/intake_connection.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mailpool::manager {
namespace {

// As long as an MTA may pause between commands (RFC 5321 4.5.3.2.7).
constexpr Duration client_timeout = std::chrono::minutes(5);

lmtp::ServerSettings server_settings(IntakeSettings const& intake, lmtp::DsnMemory const& dsn,
                                     std::string client, TimePoint now) {
  lmtp::ServerSettings settings;
  settings.hostname = intake.hostname;
  settings.max_message_size = intake.max_message_size;
  settings.campaign_header = intake.campaign_header;
  settings.idle_timeout = client_timeout;
  settings.client = std::move(client);
  settings.success_is_promised = intake.dsn == DsnOffer::Auto && dsn.all_offer_it(now);
  settings.announces_dsn = settings.success_is_promised || intake.dsn == DsnOffer::Always;
  return settings;
}

}  // namespace

IntakeConnection::IntakeConnection(Intake& intake, lmtp::DsnMemory& dsn, int fd, std::uint8_t queue,
                                   std::string client, TimePoint now)
    : intake_(intake),
      dsn_(dsn),
      fd_(fd),
      queue_(queue),
      read_event_(
          intake.loop_.make_event(fd, EV_READ | EV_PERSIST, &IntakeConnection::on_socket, this)),
      write_event_(
          intake.loop_.make_event(fd, EV_WRITE | EV_PERSIST, &IntakeConnection::on_socket, this)),
      timer_(intake.loop_.make_event(-1, EV_TIMEOUT, &IntakeConnection::on_timer, this)),
      server_(server_settings(intake.settings_, dsn, std::move(client), now), *this, intake.bodies_,
              now) {
  want_read(true);
}

IntakeConnection::~IntakeConnection() {
  if (fd_ >= 0) ::close(fd_);
}

void IntakeConnection::wake() {
  if (is_dirty_ || is_closed()) return;
  is_dirty_ = true;
  intake_.dirty_.push_back(this);
  intake_.loop_.end_turn_soon();
}

void IntakeConnection::on_socket(evutil_socket_t, short what, void* self) {
  auto& connection = *static_cast<IntakeConnection*>(self);
  if ((what & EV_READ) != 0) connection.read(connection.intake_.loop_.now());
  connection.wake();
}

void IntakeConnection::on_timer(evutil_socket_t, short, void* self) {
  auto& connection = *static_cast<IntakeConnection*>(self);
  connection.armed_ = never;
  auto const now = connection.intake_.loop_.now();
  if (connection.server_.deadline() <= now) connection.server_.expire(now);
  connection.wake();
}

void IntakeConnection::read(TimePoint now) {
  auto& buffer = intake_.buffer_;
  auto const n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n > 0) {
    server_.receive({buffer.data(), static_cast<std::size_t>(n)}, now);
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    close(now);
  }
}

void IntakeConnection::flush(TimePoint now) {
  is_dirty_ = false;
  while (!is_closed() && !server_.output().empty()) {
    auto const output = server_.output();
    auto const n = ::send(fd_, output.data(), output.size(), MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return want_write(true);
    if (n < 0) return close(now);
    server_.written(static_cast<std::size_t>(n));
  }
  if (is_closed()) return;
  want_write(false);
  bool const is_done_for = server_.is_over() || (intake_.is_draining_ && is_idle());
  if (is_done_for) return close(now);
  want_read(server_.wants_input());
  set_timer(now);
}

void IntakeConnection::close(TimePoint now) {
  if (is_closed()) return;
  read_event_.reset();
  write_event_.reset();
  timer_.reset();
  ::close(fd_);
  fd_ = -1;
  intake_.buried_.push_back(this);
  intake_.loop_.end_turn_soon();
  if (auto* delivery = std::exchange(delivery_, nullptr)) {
    ++intake_.cancelled_;
    intake_.dispatcher_.release(*delivery, now);
  }
}

void IntakeConnection::on_message(Message&& message) {
  unanswered_ = message.envelope.recipients.size();
  message.envelope.queue = queue_;
  auto* delivery = intake_.dispatcher_.submit(std::move(message), *this, intake_.loop_.now());
  if (unanswered_ != 0) delivery_ = delivery;
}

void IntakeConnection::on_outcome(std::size_t recipient, Outcome const& outcome, TimePoint now) {
  if (--unanswered_ == 0) delivery_ = nullptr;
  if (outcome.offers_dsn) dsn_.met(*outcome.offers_dsn, now);
  server_.reply(recipient, outcome, now);
  wake();
}

std::string IntakeConnection::received_line(Envelope const& envelope) {
  auto const now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format(
      "Received: by {} (mailpool) with LMTP id {};\r\n\t{:%a, %d %b %Y %H:%M:%S} +0000\r\n",
      intake_.settings_.hostname,
      envelope.queue_id.empty() ? std::string("unknown") : envelope.queue_id, fmt::gmtime(now));
}

std::string IntakeConnection::make_id() {
  return intake_.next_id();
}

void IntakeConnection::want_read(bool wanted) {
  if (wanted == reads_) return;
  reads_ = wanted;
  wanted ? event_add(read_event_.get(), nullptr) : event_del(read_event_.get());
}

void IntakeConnection::want_write(bool wanted) {
  if (wanted == writes_) return;
  writes_ = wanted;
  wanted ? event_add(write_event_.get(), nullptr) : event_del(write_event_.get());
}

void IntakeConnection::set_timer(TimePoint now) {
  auto const deadline = server_.deadline();
  if (deadline >= armed_) return;
  armed_ = deadline;
  Loop::arm(timer_.get(), std::max(deadline - now, Duration::zero()));
}

}  // namespace mailpool::manager
