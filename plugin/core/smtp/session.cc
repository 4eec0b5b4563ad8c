#include "core/smtp/session.h"

#include <utility>

#include "core/smtp/conversation.h"

namespace mailpool::smtp {

std::string_view name_of(State state) {
  switch (state) {
    case State::Greeting:
      return "greeting";
    case State::Ehlo:
      return "ehlo";
    case State::Helo:
      return "helo";
    case State::StartTls:
      return "starttls";
    case State::TlsHandshake:
      return "tls_handshake";
    case State::Auth:
      return "auth";
    case State::Idle:
      return "idle";
    case State::Checking:
      return "checking";
    case State::HearingOut:
      return "hearing_out";
    case State::Envelope:
      return "envelope";
    case State::Data:
      return "data";
    case State::Content:
      return "content";
    case State::EndOfData:
      return "end_of_data";
    case State::Quit:
      return "quit";
    case State::Closed:
      return "closed";
  }
  return "closed";
}

std::string_view sentence_of(State state) {
  switch (state) {
    case State::Greeting:
      return "waiting for the greeting";
    case State::Ehlo:
      return "waiting for the reply to EHLO";
    case State::Helo:
      return "waiting for the reply to HELO";
    case State::StartTls:
      return "waiting for the reply to STARTTLS";
    case State::TlsHandshake:
      return "shaking hands for TLS";
    case State::Auth:
      return "waiting for the reply to AUTH";
    case State::Idle:
      return "idle";
    case State::Checking:
      return "waiting for the reply to RSET";
    case State::HearingOut:
      return "hearing out what the server says unasked";
    case State::Envelope:
      return "waiting for the reply to MAIL FROM or RCPT TO";
    case State::Data:
      return sentence_of(Place::Data);
    case State::Content:
      return sentence_of(Place::Content);
    case State::EndOfData:
      return sentence_of(Place::EndOfData);
    case State::Quit:
      return "waiting for the reply to QUIT";
    case State::Closed:
      return "closed";
  }
  return "closed";
}

std::size_t Output::size() const {
  std::size_t octets = 0;
  for (std::size_t i = 0; i < count; ++i) octets += pieces[i].size();
  return octets;
}

Session::Session(SessionSettings settings, TimePoint now, std::unique_ptr<Login> login)
    : conversation_(std::make_unique<Conversation>(std::move(settings), now, std::move(login))) {}
Session::~Session() = default;

void Session::receive(std::string_view octets, TimePoint now) {
  conversation_->receive(octets, now);
}
void Session::disconnected(std::string_view how, TimePoint now) {
  conversation_->disconnected(how, now);
}
void Session::tls_established(TimePoint now) {
  conversation_->tls_established(now);
}
void Session::tls_failed(std::string_view why, TimePoint) {
  conversation_->tls_failed(why);
}
void Session::expire(TimePoint now) {
  conversation_->expire(now);
}

void Session::start(Transaction const& transaction, TimePoint now) {
  conversation_->start(transaction, now);
}
void Session::check(TimePoint now) {
  conversation_->check(now);
}
void Session::quit(std::string_view reason, TimePoint now) {
  conversation_->quit(reason, now);
}
void Session::cancel(std::string_view reason, TimePoint now) {
  conversation_->cancel(reason, now);
}

std::optional<Event> Session::poll() {
  return conversation_->poll();
}
Output Session::output(TimePoint now) {
  return conversation_->output(now);
}
void Session::written(std::size_t n, TimePoint now) {
  conversation_->written(n, now);
}
void Session::offered() {
  conversation_->offered();
}
TimePoint Session::deadline() const {
  return conversation_->deadline();
}

State Session::state() const {
  return conversation_->state();
}
bool Session::is_idle() const {
  return conversation_->is_idle();
}
bool Session::is_committed() const {
  return conversation_->is_committed();
}
std::uint32_t Session::transactions() const {
  return conversation_->transactions();
}
TimePoint Session::last_reply_at() const {
  return conversation_->last_reply_at();
}
std::string_view Session::last_reply() const {
  return conversation_->last_reply();
}
wire::Capabilities const& Session::capabilities() const {
  return conversation_->capabilities();
}
std::string_view Session::server_name() const {
  return conversation_->server_name();
}
bool Session::is_encrypted() const {
  return conversation_->is_encrypted();
}
bool Session::chunking_is_broken() const {
  return conversation_->chunking_is_broken();
}

}  // namespace mailpool::smtp
